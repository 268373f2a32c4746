from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from api.demo.sheet import HEIGHT, MARGIN, LossPoint, contact_sheet, loss_plot

CURVE = [LossPoint(n, 10 / (n + 1), 4 / (n + 1), 6 / (n + 1)) for n in range(30)]
FROM_CONTENT = [LossPoint(0, 1.0, 0.0, 1.0), LossPoint(1, 0.8, 0.1, 0.7)]


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8))


def test_every_picture_is_on_the_sheet_at_one_height() -> None:
    pictures = [_noise(80, 40), _noise(60, 60), _noise(50, 90)]
    sheet = contact_sheet(*pictures)
    left = MARGIN
    for picture in pictures:
        scaled = picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)
        assert sheet.crop((left, MARGIN, left + scaled.width, MARGIN + HEIGHT)).tobytes() == scaled.tobytes()
        left += scaled.width + MARGIN
    assert sheet.width == left


def test_a_caption_stands_below_each_picture() -> None:
    picture = _noise(90, 60)
    below = [
        np.asarray(contact_sheet(picture, picture, picture, captions=captions))[MARGIN + HEIGHT :].tobytes()
        for captions in (("", "", ""), ("a", "", ""), ("", "b", ""), ("", "", "c"))
    ]
    assert len(set(below)) == 4


def test_a_title_makes_the_sheet_higher_and_not_wider() -> None:
    plain, titled = (contact_sheet(*[_noise(90, 60)] * 3, title=title) for title in ("", "Dusk"))
    assert titled.height > plain.height
    assert titled.width == plain.width


@pytest.mark.parametrize("points", [CURVE, CURVE[:1], FROM_CONTENT, FROM_CONTENT[:1]])
def test_the_curve_is_drawn_from_however_many_points(points: list[LossPoint]) -> None:
    plot = loss_plot(points)
    assert (plot.mode, plot.size) == ("RGB", (1200, 675))
    empty = np.asarray(loss_plot([]))
    assert 0.002 < (np.asarray(plot) != empty).any(axis=-1).mean() < 0.2


def test_a_plot_of_nothing_is_a_plot_without_a_curve() -> None:
    assert loss_plot([]).size == (1200, 675)
