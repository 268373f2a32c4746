from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from api.demo.canvas import paint_canvas
from api.demo.photo import photograph
from api.demo.pigments import PALETTES, Palette, lab, ramp, srgb

GRID = np.linspace(0, 1, 9, dtype=np.float32)


def _luminance(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.convert("L"), dtype=np.float64)


def test_a_seed_gives_the_same_painting_again_and_another_seed_another() -> None:
    first, again, other = (paint_canvas(seed, 96, 72).tobytes() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("size", [(97, 61), (61, 97), (64, 64), (24, 24)])
def test_a_painting_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    painting = paint_canvas(1, *size)
    assert (painting.mode, painting.size) == ("RGB", size)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES.keys())
def test_a_painting_has_light_and_dark_and_many_colours(palette: Palette) -> None:
    painting = paint_canvas(1, 192, 144, palette)
    assert _luminance(painting).std() > 35
    hues = np.asarray(painting.convert("HSV"))[..., 0]
    shares = np.histogram(hues, bins=12, range=(0, 256))[0] / hues.size
    assert (shares > 0.02).sum() >= 4


def test_each_palette_gives_a_painting_of_its_own() -> None:
    means = [np.asarray(paint_canvas(1, 96, 72, palette)).mean(axis=(0, 1)) for palette in PALETTES.values()]
    apart = [np.abs(one - other).max() for n, one in enumerate(means) for other in means[:n]]
    assert min(apart) > 8


def test_strokes_leave_relief_everywhere() -> None:
    blocks = _luminance(paint_canvas(1, 192, 144)).reshape(9, 16, 12, 16).std(axis=(1, 3))
    assert blocks.min() > 3


def test_neighbouring_strokes_differ_much_more_across_the_water_than_along_it() -> None:
    water = _luminance(paint_canvas(1, 192, 144))[96:108, 100:180]
    across, along = (np.abs(np.diff(water, axis=axis)).mean() for axis in (0, 1))
    assert across > 1.5 * along


def test_colours_survive_the_way_to_oklab_and_back() -> None:
    pigments = ("#000000", "#ffffff", "#ff0000", "#2358ab", "#f6c768")
    levels = np.rint(srgb(lab(pigments)) * 255).astype(np.uint8)
    assert tuple("#" + level.tobytes().hex() for level in levels) == pigments


def test_white_is_as_light_as_can_be_and_grey_has_no_colour() -> None:
    white, grey = lab(("#ffffff", "#808080"))
    assert np.allclose(white, (1, 0, 0), atol=1e-3)
    assert np.allclose(grey[1:], 0, atol=1e-3)


def test_a_ramp_runs_from_its_first_pigment_to_its_last_and_stays_there() -> None:
    pigments = ("#102030", "#808080", "#f0e0d0")
    ends = ramp(pigments, np.array([-1, 0, 0.5, 1, 2], np.float32))
    first, middle, last = lab(pigments)
    assert np.allclose(ends, [first, first, middle, last, last], atol=1e-6)
    assert (np.diff(ramp(pigments, GRID)[:, 0]) > 0).all()


def test_the_photograph_is_there() -> None:
    assert photograph().size == (640, 427)
