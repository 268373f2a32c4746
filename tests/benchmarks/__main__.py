"""`make bench`: what is aimed at, what was measured, and their ratio. `--full` takes every run that is kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.benchmarks import iteration
from tests.benchmarks.curves import RUNS
from tests.benchmarks.race import GOALS, judged, race
from workers.painter.device import configure

if TYPE_CHECKING:
    from tests.benchmarks.race import Result

BRIEF = tuple(name for name in RUNS if name.endswith("-256"))


def main() -> None:
    """Measure, and print the tables."""
    configure(None)
    iteration.main()
    console, names = Console(width=120), RUNS if "--full" in sys.argv else BRIEF
    table = Table("to within 1 % of", "baseline", "ours", "iterations", "each", "times as fast", "goal", "", box=None)
    for name in names:
        if (result := race(name)) is not None:
            table.add_row(*_row(name, result))
    console.print("\nseconds on the baseline's own objective\n", table)
    looks = Table("final picture", "of", "LPIPS to the photograph", "Gram distance to the style", box=None)
    for name in names:
        for key, (unlike, far) in judged(name).items():
            looks.add_row(name, key, f"{unlike:.3f}", f"{far:.3f}")
    console.print("\nas AlexNet sees them\n", looks)


def _row(name: str, result: Result) -> tuple[str, ...]:
    goal, each = GOALS[name[0]], " / ".join(f"{s * 1000:.0f} ms" for s in result.each)
    if result.ours is None:
        return name, f"{result.baseline:.0f} s", "not reached", "", each, "", f"{goal:g} ×", "[red]missed"
    ratio = result.baseline / result.ours
    held = "[green]held" if ratio >= goal else "[red]missed"
    return (
        name, f"{result.baseline:.0f} s", f"{result.ours:.0f} s", str(result.iterations), each,
        f"{ratio:.1f} ×", f"{goal:g} ×", held,
    )  # fmt: skip


if __name__ == "__main__":
    main()
