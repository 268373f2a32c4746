"""What sits for a painting: sizes, shares, masks and colours of the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from service.painting import Picture, Pixels
from service.plan import style_size
from tests.golden.pictures import brush_strokes, landscape, left_half, tiles
from tests.images import gradient
from tests.paintings import painted, pair
from tests.specs import resolved
from workers.painter.colour import luma
from workers.painter.images import resized, to_image
from workers.painter.subject import Subject, sit, start

CPU = torch.device("cpu")
CONTENT, STROKES, TILES = (Picture(picture) for picture in (landscape(), brush_strokes(), tiles()))
LEFT, RIGHT = Picture(left_half()), Picture(255 - left_half())
HALVES = {
    **pair(CONTENT, STROKES),
    "/styles/1/image": TILES,
    "/regions/0/content_mask": LEFT,
    "/regions/1/content_mask": RIGHT,
}
SHALLOW = {"size": 96, "iterations": 12, "content_weight": 0.1}
COLOURFUL = {
    **SHALLOW,
    "style_layers": {"relu1_1": 1e4, "relu2_1": 500.0, "relu3_1": 20.0, "relu4_1": 20.0, "relu5_1": 50.0},
}
"""With more weight on colours than by default."""


def hue_distance(pixels: Pixels, style: Picture) -> float:
    """How far a picture's mean colour is from a painting's; those of the two here are orange and bluish white."""
    return float(np.linalg.norm(pixels.mean(axis=(0, 1)) - style.pixels.mean(axis=(0, 1))))


def subject(images: dict[str, Picture], longest: int = 64, **wish: Any) -> Subject:
    return sit(resolved(images, **wish), images, longest, CPU)


@pytest.mark.parametrize(
    ("normalization", "distance", "width", "height", "scale", "size"),
    [
        ("mean", "gram", 40, 30, 1, (40, 30)),
        ("mean", "gram", 80, 40, 1, (64, 32)),
        ("mean", "gram", 6, 12, 1, (16, 32)),
        ("mean", "gram", 40, 30, 2, (80, 60)),
        ("mean", "gram", 400, 300, 0.5, (32, 24)),
        ("gatys", "gram", 40, 30, 1, (64, 48)),
        ("sum", "gram", 40, 30, 1, (64, 48)),
        ("sum", "mean_std", 40, 30, 1, (40, 30)),
    ],
)
def test_a_small_painting_is_enlarged_only_for_sums_or_when_asked_or_to_be_seen_at_all(
    normalization: str, distance: str, width: int, height: int, scale: float, size: tuple[int, int]
) -> None:
    picture = Picture(gradient(width, height))
    options = resolved(
        pair(CONTENT, picture), options={"normalization": normalization, "style_distance": distance}
    ).options
    assert style_size(picture, options, 64, scale) == size


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=4))
def test_styles_share_by_their_weights(weights: list[float]) -> None:
    images = {"/content": CONTENT} | {f"/styles/{n}/image": STROKES for n in range(len(weights))}
    [part] = subject(images, styles=[{"weight": weight} for weight in weights]).parts
    assert part.mask is None
    assert [example.share for example in part.examples] == pytest.approx([w / sum(weights) for w in weights])


def test_a_region_has_its_mask_its_style_and_what_is_looked_at_of_it() -> None:
    images = {**HALVES, "/regions/1/style_mask": Picture(left_half(80, 80))}
    first, second = subject(images, regions=[{"style": 1}, {"style": 0}]).parts
    assert first.mask is not None
    torch.testing.assert_close(first.mask, resized(left_half()[..., :1], (64, 48)))
    assert torch.equal(first.examples[0].image, resized(tiles(), (64, 64)))
    assert first.examples[0].mask is None
    assert second.examples[0].mask is not None
    assert second.examples[0].mask.shape == (1, 1, 64, 64)


def test_what_is_transparent_in_a_painting_does_not_count() -> None:
    cover = np.zeros((80, 80), np.uint8)
    cover[:, :40] = 255
    images = pair(CONTENT, Picture(brush_strokes(), cover))
    [example] = subject(images).parts[0].examples
    assert example.mask is not None
    torch.testing.assert_close(example.mask[0, 0, :, [4, 60]], torch.tensor([1.0, 0.0]).expand(64, 2))


@pytest.mark.parametrize(("preserve", "grey"), [("luminance", True), ("histogram", False), ("none", False)])
def test_styles_take_the_colours_that_they_are_to_have(preserve: str, grey: bool) -> None:
    made = subject(pair(CONTENT, STROKES), options={"preserve_color": preserve})
    [example] = made.parts[0].examples
    assert made.content is not None
    assert example.image.shape[1] == (1 if grey else 3)
    means = (example.image.mean(), luma(made.content).mean())
    assert torch.isclose(*means, atol=0.02) == (preserve != "none")
    assert start(made, pair(CONTENT, STROKES)).shape == (1, 1 if grey else 3, 48, 64)


@pytest.mark.weights
def test_keeping_the_luminance_alone_leaves_the_photographs_hues() -> None:
    _, painting = painted(pair(CONTENT, STROKES), options={**SHALLOW, "preserve_color": "luminance"})
    picture, photograph = to_image(painting.pictures["result"].pixels), to_image(landscape())
    hue, theirs = ((image - luma(image)).flatten(2)[0] for image in (picture, photograph))
    coloured = (hue.norm(dim=0) > 0.1) & (theirs.norm(dim=0) > 0.1)
    assert torch.cosine_similarity(hue[:, coloured], theirs[:, coloured], dim=0).min() > 0.95
    assert (luma(picture) - luma(photograph)).abs().mean() > 0.03


@pytest.mark.weights
@pytest.mark.parametrize("preserve", ["histogram", "oklab_low_frequency"])
def test_broad_colours_stay_nearer_to_the_photograph_where_they_are_kept(preserve: str) -> None:
    def apart(kept: str) -> float:
        _, painting = painted(pair(CONTENT, STROKES), options={**SHALLOW, "preserve_color": kept})
        picture = to_image(painting.pictures["result"].pixels)
        return float((picture - to_image(landscape())).mean(dim=(2, 3)).norm())

    assert apart(preserve) < 0.5 * apart("none")


@pytest.mark.weights
def test_each_region_is_painted_in_its_own_style() -> None:
    options = {**COLOURFUL, "iterations": 40}
    _, painting = painted(HALVES, options=options, regions=[{"style": 0}, {"style": 1}])
    pixels = painting.pictures["result"].pixels
    left, right = pixels[:, :40], pixels[:, 56:]
    assert hue_distance(left, STROKES) < hue_distance(left, TILES)
    assert hue_distance(right, TILES) < hue_distance(right, STROKES)


@pytest.mark.weights
def test_one_region_that_is_everywhere_is_no_region() -> None:
    everywhere = Picture(np.full((72, 96, 3), 255, np.uint8))
    options = {**SHALLOW, "iterations": 2}
    _, plain = painted(pair(CONTENT, STROKES), options=options)
    _, masked = painted({**pair(CONTENT, STROKES), "/regions/0/content_mask": everywhere}, options=options)
    totals = [painting.losses["result"].after.total for painting in (plain, masked)]
    assert totals[0] == pytest.approx(totals[1], rel=1e-3)


@pytest.mark.weights
@pytest.mark.parametrize("wish", [{"styles": [{"scale": 2.0}]}, {"styles": [{"scale": 0.5}]}])
@pytest.mark.parametrize("normalization", ["mean", "sum"])
def test_the_scale_of_a_style_shows_and_does_not_ask_for_stronger_activations(
    wish: dict[str, Any], normalization: str
) -> None:
    chosen = {**SHALLOW, "size": 64, "normalization": normalization, "style_layers": {"relu1_1": 1.0}}
    images = pair(CONTENT, Picture(np.ascontiguousarray(brush_strokes()[:60])))
    plain, scaled = painted(images, options=chosen)[1], painted(images, options=chosen, **wish)[1]
    assert not np.array_equal(plain.pictures["result"].pixels, scaled.pictures["result"].pixels)
    terms = [painting.losses["result"].before.style_layers["relu1_1"] for painting in (plain, scaled)]
    assert 0.4 < terms[0] / terms[1] < 2.5  # sums over four times the positions would differ by sixteen


@pytest.mark.weights
def test_a_blend_of_two_styles_lies_between_them() -> None:
    images = {**pair(CONTENT, STROKES), "/styles/1/image": TILES}

    def distances(weight: float) -> list[float]:
        wish = [{"weight": weight}, {"weight": 10 - weight}]
        _, painting = painted(images, options=COLOURFUL, styles=wish)
        return [hue_distance(painting.pictures["result"].pixels, style) for style in (STROKES, TILES)]

    mostly_strokes, mostly_tiles = distances(9), distances(1)
    assert mostly_strokes[0] < mostly_tiles[0]
    assert mostly_strokes[1] > mostly_tiles[1]


@pytest.mark.weights
@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_photograph_makes_a_transparent_picture(bits: int) -> None:
    cover = left_half()[..., 0]
    images = pair(Picture(landscape(), cover), STROKES)
    options = {"size": 96, "iterations": 1}
    _, painting = painted(images, options=options, output={"bits": bits})
    picture = painting.pictures["result"]
    assert picture.matte is not None
    assert picture.matte.dtype == picture.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.array_equal(picture.matte // (1 if bits == 8 else 257), cover)
    _, opaque = painted(images, options=options, output={"background": "#204060"})
    assert opaque.pictures["result"].matte is None


@pytest.mark.weights
def test_16_bits_say_more_than_8() -> None:
    options = {"size": 64, "iterations": 1}
    one, other = (painted(pair(CONTENT, STROKES), options=options, output={"bits": b})[1] for b in (8, 16))
    deep = other.pictures["result"].pixels
    assert np.abs(deep / 257 - one.pictures["result"].pixels).max() <= 0.5
    assert (deep % 257 != 0).mean() > 0.9
    assert other.losses["result"].after.total == pytest.approx(one.losses["result"].after.total, rel=0.1)


@pytest.mark.weights
@pytest.mark.parametrize("distance", ["gram", "mean_std", "gaussian_w2", "sliced_wasserstein"])
def test_a_region_that_a_pool_leaves_out_is_painted_where_it_is_seen(distance: str) -> None:
    """The last row of an odd height is in no position of the deeper layers."""
    photograph, row = np.ascontiguousarray(landscape()[:65, :64]), np.zeros((65, 64, 3), np.uint8)
    row[64] = 255
    spot = np.zeros((80, 80, 3), np.uint8)
    spot[79, 79] = 255
    masks = {"/regions/0/content_mask": Picture(row), "/regions/0/style_mask": Picture(spot)}
    options = {"size": 65, "iterations": 1, "style_distance": distance}
    _, painting = painted({**pair(Picture(photograph), STROKES), **masks}, options=options)
    terms = painting.losses["result"].before.style_layers
    assert terms["relu1_1"] > 0
    assert terms["relu2_1"] == terms["relu5_1"] == 0
