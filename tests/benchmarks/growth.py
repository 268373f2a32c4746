"""`python -m tests.benchmarks.growth [--large]`: how seconds and memory grow with the pixels and with the styles.

Each point is a painting in a fresh process, see `peaks`, in the fastest way that fits into 6 GB. What was measured is
kept in `growth.json`, beside this file, and drawn as `docs/images/growth.png`. `--large` measures 4096 px too, which
takes half an hour on two cores; `--plot` only draws.
"""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from rich.console import Console
from rich.table import Table

from service.memory import SHARE, Room, planned
from tests.benchmarks.lines import Line, at_most
from tests.benchmarks.peaks import HOUSE, Case, peak, posed

ROOM = Room(round(6e9 / SHARE))
SIZES, LARGE, STYLES = (128, 256, 512, 1024, 2048), 4096, (1, 2, 4, 8)
STYLED = 256
"""Pixels of a side where styles are counted."""

KEPT, PLOT = Path(__file__).with_name("growth.json"), HOUSE / "docs" / "images" / "growth.png"
INK, BLUE, RUST = "#333333", "#31688e", "#b5532a"


@dataclass(frozen=True)
class Point:
    """A painting: CPU seconds of an iteration, those of the start with all that comes before it, and bytes."""

    size: int
    styles: int
    way: str
    tile: int | None
    iteration_s: float
    start_s: float
    predicted: int
    measured: int


def main() -> None:
    """Measure, print the table, and draw."""
    if "--plot" not in sys.argv:
        wanted = [(size, 1) for size in (*SIZES, *([LARGE] if "--large" in sys.argv else []))]
        for size, styles in [*wanted, *((STYLED, n) for n in STYLES[1:])]:
            keep(measured(size, styles))
    points = kept()
    table = Table(
        "pixels", "styles", "way", "CPU s an iteration", "CPU s to start", "predicted, MB", "measured, MB", box=None
    )
    for one in points:
        spent = (f"{one.iteration_s:.1f}", f"{one.start_s:.1f}")
        table.add_row(
            str(one.size), str(one.styles), f"{one.way} {one.tile or ''}", *spent,
            f"{one.predicted / 1e6:.0f}", f"{one.measured / 1e6:.0f}",
        )  # fmt: skip
    Console(width=120).print(table)
    draw(points)


def lines() -> list[Line]:
    """Give the goals' lines: exponents over pixels, from 128 to 1024 px, measured anew, and what eight styles add."""
    points = [measured(size, 1) for size in SIZES[:-1]]
    xs = [float(one.size**2) for one in points]
    alone, many = (one for one in (points[1], measured(STYLED, STYLES[-1])))
    return [
        at_most("seconds grow as pixels to the power of", 1.0, exponent(xs, [one.iteration_s for one in points]), ""),
        at_most("an iteration with 8 styles over one with 1", 1.1, many.iteration_s / alone.iteration_s),
    ]


def measured(size: int, styles: int) -> Point:
    """Paint a picture once."""
    few = size > SIZES[-2]
    case = Case(size, styles=styles, options={"iterations": 1 if few else 3})
    spec, images = posed(case)
    plan = planned(spec, images, ROOM)
    found = peak(Case(size, plan.way, plan.tile, styles=styles, options=case.options))
    start, *rest = found.cpu_s
    return Point(size, styles, plan.way, plan.tile, statistics.median(rest), start, found.predicted, found.measured)


def keep(point: Point) -> None:
    """Put a point in the place of an earlier one of its kind."""
    others = [one for one in kept() if (one.size, one.styles) != (point.size, point.styles)]
    points = sorted([*others, point], key=lambda one: (one.size, one.styles))
    KEPT.write_text(json.dumps([asdict(one) for one in points], indent=1) + "\n", encoding="ascii")


def kept() -> list[Point]:
    """Give the points that were measured so far."""
    return [Point(**one) for one in json.loads(KEPT.read_text(encoding="ascii"))] if KEPT.exists() else []


def exponent(xs: list[float], ys: list[float]) -> float:
    """Fit y = c · x^k and give k."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def draw(points: list[Point]) -> None:
    """Draw seconds and memory over pixels, and over styles."""
    mpl.use("agg")
    by_size = [one for one in points if one.styles == 1]
    by_styles = [one for one in points if one.size == STYLED]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    _draw_seconds(left, by_size)
    _draw_memory(middle, by_size)
    _draw_styles(right, by_styles)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(which="both", colors=INK, labelsize=9)
        axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=110)
    plt.close(figure)


def _draw_seconds(axes: Axes, points: list[Point]) -> None:
    ys = [one.iteration_s for one in points]
    whole = [(float(one.size**2), one.iteration_s) for one in points if one.way == "whole"]
    xs, alike = ([point[side] for point in whole] for side in (0, 1))
    line = np.exp(np.polyval(np.polyfit(np.log(xs), np.log(alike), 1), np.log(xs)))
    axes.loglog(
        xs, line, color=BLUE, linewidth=1, label=f"as a whole: pixels to the power of {exponent(xs, alike):.2f}"
    )
    _mark(axes, points, ys, BLUE)
    _over_sizes(axes, points)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.set_ylim(min(ys) / 2, max(ys) * 4)
    axes.set_title("CPU seconds of an iteration", fontsize=10, color=INK, loc="left")
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _draw_memory(axes: Axes, points: list[Point]) -> None:
    xs = [float(one.size**2) for one in points]
    axes.loglog(xs, [one.predicted / 1e9 for one in points], color=RUST, linewidth=1, label="predicted")
    _mark(axes, points, [one.measured / 1e9 for one in points], RUST)
    _over_sizes(axes, points)
    axes.set_yticks([1, 2, 4, 6, 8], ["1", "2", "4", "6", "8"])
    axes.set_ylim(0.7, 12)
    axes.set_title("GB resident at the peak, at most 6", fontsize=10, color=INK, loc="left")
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _draw_styles(axes: Axes, points: list[Point]) -> None:
    xs = [one.styles for one in points]
    axes.plot(
        xs, [one.iteration_s for one in points], "o-", color=BLUE, linewidth=1, markersize=5, label="an iteration"
    )
    axes.plot(
        xs, [one.start_s for one in points], "s--", color=BLUE, linewidth=1, markersize=5, label="before the first"
    )
    axes.set_xticks(xs, [str(x) for x in xs])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("styles", fontsize=9, color=INK)
    axes.set_title(f"CPU seconds at {STYLED} px", fontsize=10, color=INK, loc="left")
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _mark(axes: Axes, points: list[Point], ys: list[float], colour: str) -> None:
    """Put a disc where a picture was painted as a whole, and a square where in tiles."""
    for marker, tiled, label in (("o", False, "measured, as a whole"), ("s", True, "measured, in tiles")):
        chosen = [(one.size**2, y) for one, y in zip(points, ys, strict=True) if (one.tile is not None) == tiled]
        if chosen:
            axes.plot(*zip(*chosen, strict=True), marker, color=colour, markersize=6, label=label)


def _over_sizes(axes: Axes, points: list[Point]) -> None:
    axes.set_xticks([one.size**2 for one in points], [f"{one.size}²" for one in points])
    axes.minorticks_off()
    axes.set_xlabel("pixels", fontsize=9, color=INK)


if __name__ == "__main__":
    main()
