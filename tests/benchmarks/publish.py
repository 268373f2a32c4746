"""`python -m tests.benchmarks.publish`: what `make bench` has measured, into `docs/performance.md` and its plots.

A table stands in the page between `<!-- name -->` and `<!-- /name -->`.
"""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import ablation, iteration, lines, quality, race
from tests.benchmarks.__main__ import goals
from tests.benchmarks.plots import plot_quality, plot_races
from tests.benchmarks.results import Measured, load

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def tables(measured: Measured) -> dict[str, str]:
    """Write each table of which something was measured for the page, by its name there."""
    looks = [look for look in measured.looks if not look.key.startswith("content_weight")]
    found = {
        "goals": (lines.HEAD, [lines.cells(line) for line in goals(measured)]),
        "iteration": (iteration.HEAD, [iteration.row(cost) for cost in measured.costs]),
        "ablation": (ablation.HEAD, [ablation.row(one, measured.tricks[0]) for one in measured.tricks]),
        "races": (race.HEAD, [race.row(one) for one in measured.races]),
        "paces": (race.PACES, [race.pace_row(one) for one in measured.paces]),
        "quality": (quality.HEAD, [quality.row(look, measured.looks) for look in looks]),
    }
    return {name: lines.markdown(head, rows) for name, (head, rows) in found.items() if rows}


def placed(page: str, name: str, table: str) -> str:
    """Put a table into a page, in place of the one before."""
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.partition(opening)
    _, found, after = rest.partition(closing)
    assert found, f"the page has no place for the table {name}"
    return f"{before}{opening}{table}\n{closing}{after}"


def main() -> None:
    """Write the page's tables and the plots."""
    measured, page = load(), PAGE.read_text()
    for name, table in tables(measured).items():
        page = placed(page, name, table)
    PAGE.write_text(page)
    if measured.races:
        plot_races(measured.races)
    if measured.looks:
        plot_quality(measured.looks)


if __name__ == "__main__":
    main()
