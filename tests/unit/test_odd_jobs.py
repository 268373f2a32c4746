"""Jobs at the edges of what is asked for, each of which once went wrong or was painted as if nothing had been said."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from service.checkpoint import pack, unpack
from service.deep import encode_deep_png
from service.errors import InvalidImage, InvalidSpec
from service.ingest import ImageLimits, ingest
from service.painting import Images, Picture
from service.plan import with_fitting_pyramid
from service.resolve import resolve
from service.spec import RenderSpec, parse_spec, place_image
from tests.images import gradient
from tests.paintings import painted, pair
from tests.specs import resolved
from workers.painter.colour import luma, recoloured, with_deviation_of
from workers.painter.ladder import contact
from workers.painter.paint import paint

PHOTOGRAPH = Picture(gradient(80, 60))
PAINTING = Picture(np.ascontiguousarray(gradient(70, 90)[::-1, :, ::-1]))
IMAGES = pair(PHOTOGRAPH, PAINTING)
LIMITS = ImageLimits(40_000_000, 16_384, 16.0)


def posted(places: Images, **wish: Any) -> RenderSpec:
    data: dict[str, Any] = {"kind": "transfer", **wish}
    for pointer in places:
        place_image(data, pointer, {"upload_id": "0"})
    return parse_spec(data)


def fitted(images: Images, **wish: Any) -> RenderSpec:
    spec = posted(images, **wish)
    return with_fitting_pyramid(spec, resolve(spec), images)


def refused(places: Images, **wish: Any) -> list[str]:
    with pytest.raises(InvalidSpec) as caught:
        resolved(places, **wish)
    return [problem.pointer for problem in caught.value.problems]


# Resuming


@pytest.mark.weights
def test_what_a_tolerance_has_ended_is_not_counted_off_again_when_it_is_resumed() -> None:
    wish: dict[str, Any] = {"options": {"size": 64, "iterations": 200, "tolerance": 0.3}}
    steps, painting = painted(IMAGES, **wish)
    ended = painting.iterations
    kept = None

    def keep(step: Any) -> None:
        nonlocal kept
        kept = unpack(pack(step.checkpoint())) if step.iteration == ended else kept

    painted(IMAGES, seen=keep, **wish)
    again = next(paint(resolved(IMAGES, **wish), IMAGES, resume=kept))
    assert (again.iteration, again.of) == (ended, ended) == (steps[-1].iteration, steps[-1].of)


@pytest.mark.weights
def test_a_loss_of_nothing_ends_at_once_where_there_is_a_tolerance() -> None:
    options = {"size": 64, "style_weight": 0, "tolerance": 0.1}
    assert painted(IMAGES, options=options)[1].iterations <= 10


# Sizes


@pytest.mark.weights
def test_regions_of_shallow_layers_are_painted_on_a_narrow_picture() -> None:
    narrow = Picture(gradient(160, 20))
    images = {**pair(narrow, PAINTING), "/regions/0/content_mask": Picture(np.full((20, 160, 3), 255, np.uint8))}
    layers = {"relu1_1": 1.0}
    options = {"size": 64, "iterations": 1, "content_layers": layers, "style_layers": layers}
    _, painting = painted(images, options=options, regions=[{"style": 0}])
    assert painting.pictures["result"].width == 64


def test_a_pyramid_that_nobody_asked_for_leaves_out_what_is_too_coarse() -> None:
    long = {"/styles/0/image": Picture(gradient(1000, 100))}
    assert fitted(long, kind="texture").options.pyramid == (256,)
    assert fitted({"/styles/0/image": PAINTING}, kind="texture").options.pyramid == (64, 128, 256)
    asked = fitted(long, kind="texture", options={"pyramid": [128]})
    assert asked.options.pyramid == (128,)
    assert resolved({"/image": PAINTING}, kind="gram").options.pyramid == ()


def test_a_sheet_is_never_wider_than_every_format_can_hold() -> None:
    wide = Picture(np.zeros((700, 1400, 3), np.uint8))
    spec = resolved({"/content": wide}, kind="reconstruction", ladder=True)
    sheet = contact(spec, {"/content": wide}, {f"result.{n}": wide for n in range(14)})
    assert 5_000 < sheet.width <= 16_383


# Transparency


def test_a_sheet_lies_on_the_background_that_was_asked_for() -> None:
    half = Picture(
        np.zeros((40, 40, 3), np.uint8), np.repeat([[255, 0]], 40, axis=0).repeat(20, axis=1).astype(np.uint8)
    )
    output = {"background": "#00ff00"}
    spec = resolved({"/content": half}, kind="reconstruction", ladder=True, output=output)
    sheet = contact(spec, {"/content": half}, {"result.relu1_1": half}).pixels
    for left in (10, 60):
        assert tuple(sheet[30, left + 35]) == (0, 255, 0)


def test_a_picture_in_which_nothing_can_be_seen_is_refused() -> None:
    file = BytesIO()
    Image.new("RGBA", (8, 8), (200, 10, 10, 0)).save(file, "PNG")
    with pytest.raises(InvalidImage, match="transparent everywhere"):
        ingest(file.getvalue(), LIMITS)


def test_colours_that_can_not_be_seen_do_not_count() -> None:
    """A painting whose other half is transparent is recoloured as if it were only its visible half."""
    image = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(1))
    other = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(2)) / 2
    seen = torch.zeros(1, 1, 16, 32)
    seen[..., :16] = 1
    half = image[..., :16]
    assert torch.allclose(recoloured(image, other, (seen, None))[..., :16], recoloured(half, other), atol=5e-3)
    grey, aim = luma(image), luma(other)
    stretched = with_deviation_of(grey, aim, (seen, None))[..., :16]
    assert torch.allclose(stretched, with_deviation_of(grey[..., :16], aim), atol=5e-3)
    everywhere = torch.ones(1, 1, 16, 32)
    assert torch.allclose(recoloured(image, other, (everywhere, None)), recoloured(image, other), atol=1e-6)


@pytest.mark.weights
def test_what_is_transparent_in_an_initial_image_starts_as_the_background() -> None:
    clear = Picture(np.full((60, 80, 3), [255, 0, 255], np.uint8), np.zeros((60, 80), np.uint8))
    first: list[Any] = []
    painted(
        {**IMAGES, "/init_image": clear},
        seen=lambda step: first.append(step.picture()),
        options={"size": 64, "iterations": 1},
        output={"background": "#ffffff"},
    )
    assert (first[0] == 255).all()


# What is said in vain


def test_a_deep_png_is_turned_upright_too() -> None:
    samples = np.zeros((40, 80, 3), np.uint16)
    samples[:, :40] = 60_000
    png = encode_deep_png(samples, profile=None, compression=1)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    header = 33  # the signature and IHDR
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    taken = ingest(png[:header] + chunk + png[header:], LIMITS).picture
    assert (taken.width, taken.height) == (40, 80)
    assert taken.pixels[:30].min() > 50_000
    assert taken.pixels[50:].max() < 10_000


def test_a_weight_of_a_style_with_a_region_of_its_own_is_refused() -> None:
    images = {**IMAGES, "/regions/0/content_mask": PHOTOGRAPH}
    assert refused(images, styles=[{"weight": 2}], regions=[{"style": 0}]) == ["/styles/0/weight"]


def test_a_rung_without_weight_is_refused() -> None:
    wish = {"kind": "reconstruction", "ladder": True, "options": {"content_layers": {"relu1_1": 1, "relu2_1": 0}}}
    assert refused({"/content": PHOTOGRAPH}, **wish) == ["/options/content_layers/relu2_1"]


@pytest.mark.parametrize(
    ("kind", "place", "name", "value"),
    [
        ("gram", "/image", "iterations", 3),
        ("gram", "/image", "style_distance", "mean_std"),
        ("gram", "/image", "tv_weight", 1),
        ("gram", "/image", "tolerance", 0.1),
        ("texture", "/styles/0/image", "content_weight", 2),
        ("texture", "/styles/0/image", "content_layers", {"relu1_1": 1}),
        ("reconstruction", "/content", "style_weight", 2),
        ("reconstruction", "/content", "style_distance", "gaussian_w2"),
    ],
)
def test_an_option_that_a_kind_has_no_use_for_is_refused(kind: str, place: str, name: str, value: object) -> None:
    assert refused({place: PHOTOGRAPH}, kind=kind, options={name: value}) == [f"/options/{name}"]


@pytest.mark.parametrize(
    ("kind", "place"), [("gram", "/image"), ("texture", "/styles/0/image"), ("reconstruction", "/content")]
)
def test_what_a_kind_has_anyway_may_be_said_so_that_an_echoed_spec_can_be_posted_again(kind: str, place: str) -> None:
    once = resolved({place: PHOTOGRAPH}, kind=kind)
    assert resolve(parse_spec(once.model_dump(mode="json"))) == once
