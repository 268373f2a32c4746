"""The command `impasto doctor`, and how findings look on a terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from service.checks.finding import Finding, Verdict, many, wrong
from service.doctor import examine
from service.embedded.folder import open_folder, read_secrets
from service.embedded.parts import stack_settings
from service.embedded.ports import remembered_ports
from service.embedded.running import read_running
from service.errors import SetupError
from service.settings import Settings, read_settings
from service.terminal import DATA, AsJson, DataFolder, Exit, errors_to, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STYLES = {Verdict.WRONG: "bold red", Verdict.WARNING: "yellow", Verdict.OK: "green"}
"""The words stand there too: colours may be off."""

WatchS = Annotated[float, typer.Option("--watch-s", min=1, max=60, help="Seconds to watch the work.")]


def doctor(watch_s: WatchS = 3.0, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Look at the running system: say what is wrong and what to do. Ends with 1 if something is.

    It looks at what IMPASTO_… names; without IMPASTO_REDIS_URL, at the stack that `impasto up` runs on --data.

    Example: impasto doctor --json | jq '.findings[] | select(.verdict != "ok")'
    """
    findings = sorted(_findings(watch_s, data), key=lambda finding: list(Verdict).index(finding.verdict))
    healthy = not any(finding.verdict is Verdict.WRONG for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [asdict(finding) for finding in findings]})
    else:
        Console(highlight=False).print(drawn(findings))
    raise typer.Exit(Exit.OK if healthy else Exit.FAILED)


def _findings(watch_s: float, data: Path) -> list[Finding]:
    try:
        settings = _settings(data)
    except SetupError as error:
        return [wrong("settings", str(error), "Correct these; nothing else can be looked at before.")]
    console = errors_to()
    if not console.is_terminal:
        return examine(settings, watch_s=watch_s)
    with console.status(f"[dim]looking, and watching the work for {watch_s:g} s"):
        return examine(settings, watch_s=watch_s)


def _settings(data: Path) -> Settings:
    settings = read_settings()
    if "redis_url" in settings.model_fields_set or read_running(data) is None:
        return settings
    folder = open_folder(data, minimum_free_bytes=0)
    return stack_settings(read_secrets(folder), remembered_ports(folder.ports), api_port=settings.api_port)


def drawn(findings: Sequence[Finding]) -> RenderableType:
    """Draw findings, which come by verdict, each with its advice below its fact, and sum them up."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for verdict, group in groupby(findings, key=lambda finding: finding.verdict):
        if verdict is Verdict.OK and table.row_count:
            table.add_row()  # what is well stands apart
        for finding in group:
            table.add_row(Text(verdict, style=STYLES[verdict]), escape(finding.name), _said(finding))
    return Group(table, "", _sum(findings))


def _said(finding: Finding) -> Text:
    if finding.verdict is Verdict.OK:
        return Text(finding.fact, style="dim")
    return Text.assemble(finding.fact, "\n", ("→ ", "cyan"), (finding.advice, "cyan"))


def _sum(findings: Sequence[Finding]) -> Text:
    count = Counter(finding.verdict for finding in findings)
    bad = count[Verdict.WRONG]
    head = f"{many(bad, 'thing')} wrong" if bad else "Nothing is wrong"
    style = STYLES[Verdict.WRONG if bad else Verdict.OK]
    return Text.assemble((head, style), f", {many(count[Verdict.WARNING], 'warning')}, {count[Verdict.OK]} fine.")
