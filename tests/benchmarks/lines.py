"""The lines of the summary: what is aimed at, what was measured, how they compare, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table

HEAD = ("", "goal", "measured", "ratio", "")


class Line(NamedTuple):
    """One line. `held` is None where nothing could be measured; `ratio` is measured over goal, 1.00 where they meet."""

    what: str
    goal: str
    measured: str
    held: bool | None
    ratio: float | None = None


def at_least(what: str, goal: float, measured: float, unit: str = " ×") -> Line:
    """Compare what is to be `goal` or more."""
    return Line(what, f"≥ {goal:g}{unit}", f"{measured:.3g}{unit}", measured >= goal, measured / goal)


def at_most(what: str, goal: float, measured: float, unit: str = " ×") -> Line:
    """Compare what is to be `goal` or less."""
    return Line(what, f"≤ {goal:g}{unit}", f"{measured:.3g}{unit}", measured <= goal, measured / goal)


def laid(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Lay a table out for a terminal; its first column stands left, the others right."""
    table = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", header_style="dim", pad_edge=False
    )
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", vertical="bottom")
    for row in rows:
        table.add_row(*row)
    return table


def summary(lines: Iterable[Line]) -> Table:
    """Lay the lines out for a terminal."""
    verdicts = {True: "[green]held[/]", False: "[red]missed[/]", None: "[yellow]not measured[/]"}
    rows = [(*cells(line)[:-1], verdicts[line.held]) for line in lines]
    return laid("What is aimed at", HEAD, rows)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table for a page; its first column stands left, the others right."""
    line = "| {} |".format
    aligned = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(line(" | ".join(row)) for row in (head, aligned, *rows))


def cells(line: Line) -> tuple[str, ...]:
    """Write a line for a page."""
    verdict = {True: "held", False: "**missed**", None: "not measured"}[line.held]
    return line.what, line.goal, line.measured, "" if line.ratio is None else f"{line.ratio:.2f}", verdict
