from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from api.demo.canvas import paint_canvas
from api.demo.photo import photograph
from api.demo.scene import PALETTES, Palette
from api.demo.sheet import HEIGHT, MARGIN, LossPoint, contact_sheet, loss_plot
from api.demo.strokes import Paint, lit

POINTS = [LossPoint(n, 10 / (n + 1), 4 / (n + 1), 6 / (n + 1)) for n in range(30)]


def test_a_seed_gives_the_same_painting_again_and_another_seed_another() -> None:
    first, again, other = (paint_canvas(seed, 96, 72).tobytes() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("size", [(97, 61), (61, 97), (64, 64)])
def test_a_painting_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    painting = paint_canvas(1, *size)
    assert (painting.mode, painting.size) == ("RGB", size)


def test_a_painting_has_light_and_dark_and_many_colours() -> None:
    painting = paint_canvas(1, 192, 144)
    luminance = np.asarray(painting.convert("L"), dtype=float)
    assert luminance.std() > 35
    hues = np.asarray(painting.convert("HSV"))[..., 0]
    shares = np.histogram(hues, bins=12, range=(0, 256))[0] / hues.size
    assert (shares > 0.02).sum() >= 5


def test_strokes_leave_relief_everywhere() -> None:
    pixels = np.asarray(paint_canvas(1, 192, 144).convert("L"), dtype=float)
    blocks = pixels.reshape(9, 16, 12, 16).std(axis=(1, 3))
    assert blocks.min() > 3


def test_the_photograph_is_there() -> None:
    assert photograph().size == (640, 427)


def test_every_picture_is_on_the_sheet() -> None:
    pictures = [
        Image.new("RGB", size, colour) for size, colour in (((80, 40), "red"), ((40, 40), "lime"), ((40, 80), "blue"))
    ]
    sheet = contact_sheet(*pictures)
    left = MARGIN
    for picture, colour in zip(pictures, ((255, 0, 0), (0, 255, 0), (0, 0, 255)), strict=True):
        width = round(picture.width * HEIGHT / picture.height)
        corners = [(left, MARGIN), (left + width - 1, MARGIN + HEIGHT - 1)]
        assert [sheet.getpixel(corner) for corner in corners] == [colour, colour]
        left += width + MARGIN
    assert sheet.width == left


@pytest.mark.parametrize("points", [[], POINTS[:1], POINTS, [LossPoint(0, 1.0, 0.0, 1.0)]])
def test_the_curve_is_drawn_from_however_many_points(points: list[LossPoint]) -> None:
    plot = loss_plot(points)
    assert plot.size == (1200, 675)
    ink = (np.asarray(plot) != np.asarray(plot)[0, 0]).any(axis=-1).mean()
    assert 0.005 < ink < 0.2


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_every_palette_paints_a_picture_of_its_own(palette: Palette) -> None:
    others = {paint_canvas(3, 48, 36, other).tobytes() for other in PALETTES.values() if other != palette}
    assert paint_canvas(3, 48, 36, palette).tobytes() not in others


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (2, 90)])
def test_even_the_smallest_canvas_can_be_painted(size: tuple[int, int]) -> None:
    assert paint_canvas(1, *size).size == size


def test_thick_paint_is_lit_from_the_upper_left() -> None:
    bump = Paint(np.full((40, 40, 3), 0.5, np.float32), np.zeros((40, 40), np.float32))
    bump.height[10:30, 10:30] = 1
    level = np.asarray(lit(bump).convert("L"), dtype=float)
    assert level[4:6, 8:12].mean() > level[8:12, 8:12].mean() > level[14:16, 8:12].mean()


def test_the_names_of_lines_that_end_together_do_not_touch() -> None:
    plot = np.asarray(loss_plot([LossPoint(n, 10.0, 10.0, 10.0) for n in range(5)]))[:, 1045:]
    rows = np.flatnonzero((plot != plot[0, 0]).any(axis=(1, 2)))
    assert (np.diff(rows) > 1).sum() == 2
