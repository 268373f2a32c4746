"""The loss of a painting as a curve."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from math import log, nan
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from service.sheet import INK, PAPER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

FAINT = "#8a8178"
COLOURS = {"total": INK, "content": "#2f6f9f", "style": "#c9722e"}

DECADES = 4
"""The most powers of ten that the plot spans: one tiny value must not flatten all the curves."""

LABEL_GAP = 0.05
"""The least distance between two curves' labels, as a share of the plot's height."""


@dataclass(frozen=True, slots=True)
class LossPoint:
    """The objective at one iteration: α L_content + β L_style, and both parts."""

    iteration: int
    total: float
    content: float
    style: float


def loss_plot(points: Sequence[LossPoint]) -> Image.Image:
    """Plot the objective and its parts over the iterations that were seen, 1200 × 675 pixels."""
    figure = Figure(figsize=(12, 6.75), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.075, 0.11, 0.78, 0.78), facecolor=PAPER)
    axes.set_title("What was minimised", loc="left", color=INK, fontsize=17, pad=14)
    axes.set_xlabel("iteration", color=INK, fontsize=12)
    axes.set_ylabel("loss", color=INK, fontsize=12)
    _plain(axes)
    # A logarithmic axis cannot show a zero, such as the content loss of a start from the content itself.
    curves = {term: [value if (value := getattr(point, term)) > 0 else nan for point in points] for term in COLOURS}
    seen = [value for curve in curves.values() for value in curve if value > 0]
    if seen:
        _frame(axes, [point.iteration for point in points], seen)
        _draw(axes, [point.iteration for point in points], curves)
    file = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def _frame(axes: Axes, iterations: Sequence[int], seen: Sequence[float]) -> None:
    """Set the axes, so that no curve touches the frame."""
    first, last = iterations[0], iterations[-1]
    axes.set_xlim((first, last) if last > first else (first - 1, last + 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_yscale("log")
    top = 1.5 * max(seen)
    axes.set_ylim(max(min(seen) / 1.5, top / 10**DECADES), top)


def _draw(axes: Axes, iterations: Sequence[int], curves: dict[str, list[float]]) -> None:
    """Draw the curves, with their names and last values at their ends, moved up where two would touch."""
    low, high = (log(limit) for limit in axes.get_ylim())
    place = -LABEL_GAP
    for term, values in sorted(curves.items(), key=lambda curve: curve[1][-1]):
        colour, end = COLOURS[term], values[-1]
        axes.plot(iterations, values, color=colour, linewidth=2.2)
        axes.plot(iterations[-1:], [end], "o", color=colour, markersize=5, clip_on=False)
        if end > 0:
            place = max((log(end) - low) / (high - low), place + LABEL_GAP)
            number = f"{end:,.0f}" if end >= 100 else f"{end:.3g}"
            axes.text(1.015, place, f"{term} {number}", transform=axes.transAxes, va="center", color=colour, size=13)


def _plain(axes: Axes) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(FAINT)
    axes.tick_params(colors=FAINT, which="both")
    axes.grid(visible=True, which="major", color=FAINT, alpha=0.25, linewidth=0.8)
