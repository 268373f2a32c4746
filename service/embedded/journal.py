"""What `impasto up` says on the terminal."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.spinner import Spinner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from service.embedded.folder import Folder

_ORDERLY = {"exit status 0", "terminated by SIGTERM"}
"""How a part ends that was asked to."""


class Journal:
    """Says what happens, in lines.

    A terminal that was closed meanwhile must not keep the stack from stopping in order, so nothing is raised.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def opening(self, folder: Folder) -> None:
        """Say what starts, and where."""
        self._say(f"\n  [bold]Impasto[/] is starting in [cyan]{escape(str(folder.root))}[/]\n")

    def left_behind(self, killed: int | None, found: list[str]) -> None:
        """Say what was found of a stack that was killed."""
        who = "The stack that ran here before" + (f" (process {killed})" if killed else "")
        what = f"ended {', '.join(found)}" if found else "removed its lock"
        self._say(f"\n  [yellow]{who} was killed; {what}.[/]")

    def port_taken(self) -> None:
        """Say that the start is tried again."""
        self._say("\n  [yellow]Another program took a port just now; trying other ports.[/]")

    @contextmanager
    def awaiting(self, what: str) -> Iterator[None]:
        """Show what is being waited for, as long as that takes and where somebody watches."""
        shown = Padding(Spinner("dots", f"[dim]{what}[/]", style="cyan"), (0, 0, 0, 2))
        live = Live(shown, console=self._console, transient=True)
        with suppress(OSError):
            live.start()
        try:
            yield
        finally:
            with suppress(OSError):
                live.stop()

    def ready(self, name: str, *, pid: int, after_s: float) -> None:
        """Say that a part is ready."""
        self._say(f"  [bold green]✓[/] {name:<7} ready after {after_s:4.1f} s   [dim]pid {pid}[/]")

    def open_for_work(self, folder: Folder, *, url: str, key: str) -> None:
        """Say where the stack answers and how it is stopped."""
        self._say("\n  [bold green]Impasto is ready.[/]\n")
        self._say(f"  [dim]Studio[/]  [bold cyan]{url}/#key={key}[/]")
        self._say(f"  [dim]API   [/]  {url}")
        self._say(f"  [dim]Key   [/]  {key}")
        self._say(f"  [dim]Data  [/]  {escape(str(folder.root))}")
        self._say(f"  [dim]Logs  [/]  {escape(str(folder.logs))}")
        self._say("\n  [bold]Ctrl-C[/] stops everything.\n")

    def ended(self, name: str, *, how: str) -> None:
        """Say that a part ended by itself."""
        self._say(f"  {_clock()}  [yellow]{name} ended ({how}) and is being restarted[/]")

    def restarted(self, name: str, *, pid: int) -> None:
        """Say that it was started again."""
        self._say(f"  {_clock()}  [green]{name} runs again, pid {pid}[/]")

    def stopping(self) -> None:
        """Say that the stack stops."""
        self._say("\n  [bold]Stopping.[/] [dim]Ctrl-C once more hurries.[/]\n")

    def stopped(self, name: str, *, how: str) -> None:
        """Say that a part has stopped."""
        remark = "" if how in _ORDERLY else f", {how}"
        self._say(f"  [green]✓[/] {name:<7} stopped[dim]{remark}[/]")

    def hurrying(self) -> None:
        """Say that nobody waits for running work any more."""
        self._say("  [yellow]Not waiting for running work.[/]")

    def closed(self) -> None:
        """Say that all is over."""
        self._say("\n  [bold]Everything has stopped.[/]\n")

    def _say(self, line: str) -> None:
        with suppress(OSError, SystemExit):  # rich turns a broken pipe into an exit
            self._console.print(line, soft_wrap=True)


def _clock() -> str:
    return f"[dim]{datetime.now().astimezone():%H:%M:%S}[/]"
