"""What the demo leaves to be looked at: the pictures side by side, and the loss as a curve."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from math import isfinite, log, nan
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

PAPER, INK, FAINT = "#f6f2ea", "#2b2724", "#8a8178"
COLOURS = {"total": INK, "content": "#2f6f9f", "style": "#c9722e"}

HEIGHT = 400
"""Of each picture on the sheet, in pixels."""
MARGIN = 36
CAPTION = 22
SPAN = 1e4
"""The greatest ratio of the loss axis's ends: one tiny value must not flatten all other lines."""
LABEL_GAP = 0.05
"""The least distance of two lines' labels, as a share of the plot's height."""


@dataclass(frozen=True, slots=True)
class LossPoint:
    """The objective at one iteration: α L_content + β L_style, and both parts."""

    iteration: int
    total: float
    content: float
    style: float


def contact_sheet(content: Image.Image, style: Image.Image, result: Image.Image) -> Image.Image:
    """Mount the three pictures beside each other, equally high, with their names below."""
    mounted = {
        name: _scaled(image)
        for name, image in (("the photograph", content), ("the painting", style), ("the photograph, repainted", result))
    }
    width = MARGIN + sum(image.width + MARGIN for image in mounted.values())
    sheet = Image.new("RGB", (width, MARGIN + HEIGHT + 2 * CAPTION + MARGIN), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(findfont("DejaVu Serif"), CAPTION)
    left = MARGIN
    for name, image in mounted.items():
        sheet.paste(image, (left, MARGIN))
        draw.text((left, MARGIN + HEIGHT + CAPTION // 2), name, fill=INK, font=font)
        left += image.width + MARGIN
    return sheet


def _scaled(image: Image.Image) -> Image.Image:
    width = round(image.width * HEIGHT / image.height)
    return image.convert("RGB").resize((width, HEIGHT), Image.Resampling.LANCZOS)


def loss_plot(points: Sequence[LossPoint]) -> Image.Image:
    """Plot the objective and its parts over the iterations that were seen, 1200 × 675 pixels."""
    figure = Figure(figsize=(12, 6.75), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.075, 0.11, 0.78, 0.78), facecolor=PAPER)
    axes.set_title("What was minimised", loc="left", color=INK, fontsize=17, pad=14)
    axes.set_xlabel("iteration", color=INK, fontsize=12)
    axes.set_ylabel("loss", color=INK, fontsize=12)
    _plain(axes)
    if points:
        axes.set_yscale("log")
        _curves(axes, points)
    else:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no iteration was seen", transform=axes.transAxes, ha="center", color=FAINT, fontsize=14)
    file = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def _curves(axes: Axes, points: Sequence[LossPoint]) -> None:
    iterations = [point.iteration for point in points]
    ends, seen = {}, []
    for name, colour in COLOURS.items():
        # A content start has no content loss, which a logarithmic axis can't show.
        values = [value if (value := getattr(point, name)) > 0 else nan for point in points]
        axes.plot(iterations, values, color=colour, linewidth=2.2)
        axes.plot(iterations[-1:], values[-1:], "o", color=colour, markersize=5, clip_on=False)
        ends[name] = values[-1]
        seen += [value for value in values if isfinite(value)]
    first, last = iterations[0], iterations[-1]
    axes.set_xlim((first, last) if last > first else (first - 1, last + 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    top = 1.5 * max(seen, default=1.0)
    axes.set_ylim(max(min(seen, default=0.1) / 1.5, top / SPAN), top)
    _label(axes, {name: value for name, value in ends.items() if isfinite(value)})


def _label(axes: Axes, ends: dict[str, float]) -> None:
    """Name each line at its end, moved up where two names would touch."""
    low, high = (log(limit) for limit in axes.get_ylim())
    place = -LABEL_GAP
    for name, value in sorted(ends.items(), key=lambda end: end[1]):
        place = max((log(value) - low) / (high - low), place + LABEL_GAP)
        text, colour = f"{name} {value:,.0f}" if value >= 100 else f"{name} {value:.3g}", COLOURS[name]
        axes.text(1.015, place, text, transform=axes.transAxes, va="center", color=colour, fontsize=13)


def _plain(axes: Axes) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(FAINT)
    axes.tick_params(colors=FAINT, which="both")
    axes.grid(visible=True, which="major", color=FAINT, alpha=0.25, linewidth=0.8)
