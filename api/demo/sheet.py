"""What the demo leaves to be looked at: the pictures side by side, and the loss as a curve."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
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
    axes = figure.add_axes((0.075, 0.11, 0.80, 0.78), facecolor=PAPER)
    axes.set_title("What was minimised", loc="left", color=INK, fontsize=17, pad=14)
    axes.set_xlabel("iteration", color=INK, fontsize=12)
    axes.set_ylabel("loss", color=INK, fontsize=12)
    _plain(axes)
    if points:
        axes.set_yscale("log")
        for name, colour in COLOURS.items():
            _curve(axes, points, name, colour)
    file = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def _curve(axes: Axes, points: Sequence[LossPoint], name: str, colour: str) -> None:
    # A content start has no content loss, which a logarithmic axis can't show.
    seen = [(point.iteration, getattr(point, name)) for point in points if getattr(point, name) > 0]
    if not seen:
        return
    iterations, values = zip(*seen, strict=True)
    axes.plot(iterations, values, color=colour, linewidth=2.2, marker="o" if len(seen) == 1 else None)
    axes.annotate(
        f"{name} {values[-1]:.3g}",
        (iterations[-1], values[-1]),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=13,
        annotation_clip=False,
    )


def _plain(axes: Axes) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(FAINT)
    axes.tick_params(colors=FAINT, which="both")
    axes.grid(visible=True, which="major", color=FAINT, alpha=0.25, linewidth=0.8)
