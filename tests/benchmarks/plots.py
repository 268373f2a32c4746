"""The plots of `docs/performance.md`, from what `make bench` has measured and from the baselines' kept curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from service.sheet import INK, PAPER
from tests.benchmarks.curves import RUNS, Kept, kept
from tests.benchmarks.quality import curve
from tests.benchmarks.race import WITHIN, times
from tests.benchmarks.results import Look, Race

FOLDER = Path(__file__).parents[2] / "docs" / "images"
OURS, FAINT = "#c9722e", "#8a8178"
THEIRS = {"a": "#2f6f9f", "b": "#5b8c5a"}
WIDE, HIGH = 3.4, 3.0
"""Of a panel, in inches."""
SECONDS, LOSSES = [10.0**power for power in range(-1, 6)], [1.0, 2, 4, 8, 16, 32, 64]
"""Ticks of a race; losses are multiples of the baseline's last."""
LABELS = {"A": ((6, 6), "left"), "B": ((-8, 0), "right"), "draft": ((3, 8), "left"), "standard": ((8, -15), "right")}
"""Where the names of pictures stand beside them, in points."""


def plot_races(races: Sequence[Race]) -> None:
    """Plot each race's losses over seconds, ours and the baseline's, into `races.png`: A's above, B's below."""
    rows = [row for which in "ab" if (row := [race for race in races if race.name.startswith(which)])]
    figure, grid = _panels([len(row) for row in rows])
    for axes, race in zip(grid, (race for row in rows for race in row), strict=True):
        run = kept(race.name)
        assert run is not None, "a race is run against a kept curve"
        _race(axes, race, run)
    _save(figure, "races")


def plot_quality(looks: Sequence[Look]) -> None:
    """Plot each pair's pictures by LPIPS and Gram distance, our curve among them, into `quality.png`."""
    pairs = list(dict.fromkeys((look.of, look.size) for look in looks))
    figure, grid = _panels([len(pairs)])
    for axes, (of, size) in zip(grid, pairs, strict=True):
        _quality(axes, [look for look in looks if (look.of, look.size) == (of, size)])
        axes.set_title(f"{of}, {size} px", loc="left", color=INK, fontsize=11)
    _save(figure, "quality")


def _race(axes: Axes, race: Race, run: Kept) -> None:
    which, of, size = race.name.split("-")
    program = THEIRS[which]
    axes.set_title(f"{which.upper()}'s objective, {of}, {size} px", loc="left", color=INK, fontsize=11)
    ours = [(race.each * max(at, 0.5), loss) for at, loss in race.curve]  # a logarithmic axis has no zero
    for points, colour in ((_seconds(race, run), program), (ours, OURS)):
        axes.loglog([s for s, _ in points], [loss / run.final for _, loss in points], color=colour, linewidth=2)
    axes.axhline(WITHIN, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    for name, seconds, last, colour in (
        ("ours", race.ours, race.curve[-1][1] / run.final, OURS),
        (which.upper(), race.whole, 1.0, program),
    ):
        axes.plot([seconds], [last], "o", color=colour, markersize=5, clip_on=False, zorder=4)
        label = f"{name}\n{seconds:,.0f} s"
        axes.annotate(label, (seconds, 1), (0, -6), textcoords="offset points", ha="center", va="top", color=colour)
    axes.text(0.97, 0.95, times(race), transform=axes.transAxes, ha="right", va="top", color=INK, fontsize=15)
    axes.set_ylim(0.6, 1.2 * max(loss / run.final for _, loss in race.curve))
    axes.set_xlim(race.each / 2, 2 * race.whole)
    axes.set_xlabel("seconds", color=FAINT)
    for axis, ticks in ((axes.xaxis, SECONDS), (axes.yaxis, LOSSES)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axis.set_minor_locator(NullLocator())


def _seconds(race: Race, run: Kept) -> list[tuple[float, float]]:
    """Give a baseline's losses at full size as (seconds since its start, loss)."""
    size = race.name.split("-")[2]
    counts = {scale: at for scale, at, _ in run.losses}
    before = sum(race.theirs[str(scale)] * count for scale, count in counts.items() if str(scale) != size)
    return [(before + race.theirs[size] * at, loss) for scale, at, loss in run.losses if str(scale) == size]


def _quality(axes: Axes, looks: Sequence[Look]) -> None:
    along = curve(looks, looks[0].of, looks[0].size)
    axes.plot([one.lpips for one in along], [one.gram for one in along], "-o", color=OURS, linewidth=2, markersize=4)
    for look in looks:
        name = look.key[0].upper() if look.key in RUNS else look.key
        if name in LABELS:
            colour, marker = (THEIRS[look.key[0]], "D") if look.key in RUNS else (OURS, "o")
            axes.plot([look.lpips], [look.gram], marker, color=colour, markersize=8, markeredgecolor=PAPER, zorder=4)
            at, side = LABELS[name]
            axes.annotate(
                name, (look.lpips, look.gram), at, textcoords="offset points", ha=side, color=colour, fontsize=11
            )
    axes.margins(0.15, 0.15)
    axes.set_xlabel("LPIPS to the photograph", color=FAINT)
    axes.set_ylabel("Gram distance to the painting", color=FAINT)


def _panels(rows: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """Make a figure with so many panels in each of its rows."""
    figure = Figure(figsize=(WIDE * max(rows), HIGH * len(rows)), dpi=150, facecolor=PAPER, layout="constrained")
    grid = figure.add_gridspec(len(rows), max(rows))
    found = [figure.add_subplot(grid[row, place]) for row, count in enumerate(rows) for place in range(count)]
    for axes in found:
        _plain(axes)
    return figure, found


def _plain(axes: Axes) -> None:
    axes.set_facecolor(PAPER)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(FAINT)
    axes.tick_params(colors=FAINT, which="both")
    axes.grid(visible=True, which="major", color=FAINT, alpha=0.25, linewidth=0.8)


def _save(figure: Figure, name: str) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(FOLDER / f"{name}.png")
