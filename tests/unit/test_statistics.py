"""Statistics of styles that are kept from painting to painting: by which name, and that they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch

from service.painting import Arrays, Images, Painting, Picture
from service.statistics import pack, unpack
from tests.golden.pictures import brush_strokes, landscape, left_half, tiles
from tests.paintings import pair
from tests.specs import resolved
from workers.painter.paint import paint
from workers.painter.statistics import digest, picture_sha256

CPU = torch.device("cpu")
STROKES, TILES = Picture(brush_strokes()), Picture(tiles())
IMAGES = {**pair(Picture(landscape()), STROKES), "/styles/1/image": TILES}
SEEN = {**IMAGES, "/styles/0/image": Picture(STROKES.pixels, np.tri(*STROKES.pixels.shape[:2], dtype=np.uint8) * 255)}
MASKS = {"/regions/0/content_mask": Picture(left_half()), "/regions/1/content_mask": Picture(255 - left_half())}
BLEND: list[dict[str, Any]] = [{"style_id": "a", "weight": 0.3}, {"style_id": "b", "weight": 0.7, "scale": 2.0}]
BRIEF = {"size": 64, "iterations": 3}


@dataclass
class Shelf:
    """Keeps statistics in memory, as the bytes that the storage would have; counts what it gave."""

    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    given: int = 0

    def get(self, style_id: str, digest: str) -> Arrays | None:
        data = self.kept.get((style_id, digest))
        self.given += data is not None
        return None if data is None else unpack(data, digest)

    def put(self, style_id: str, digest: str, arrays: Arrays) -> None:
        self.kept[style_id, digest] = pack(arrays, digest)

    def change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Put something else in the place of everything that is kept."""
        for (style_id, name), data in self.kept.items():
            arrays = unpack(data, name)
            assert arrays is not None
            self.put(style_id, name, change(dict(arrays)))


def painted(shelf: Shelf | None, images: Images = IMAGES, **wish: Any) -> Painting:
    wish = {"styles": BLEND[:1], **wish}
    wish["options"] = {**BRIEF, **wish.get("options", {})}
    steps = paint(resolved([at for at in images if "styles" not in at], **wish), images, statistics=shelf)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            painting: Painting = end.value
            return painting


def assert_same(one: Painting, other: Painting) -> None:
    assert one.losses == other.losses
    assert list(one.pictures) == list(other.pictures)
    for name, picture in one.pictures.items():
        assert np.array_equal(picture.pixels, other.pictures[name].pixels)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("images", "wish"),
    [
        (IMAGES, {}),
        (IMAGES, {"options": {"style_distance": "mean_std"}}),
        (IMAGES, {"options": {"style_distance": "gaussian_w2"}}),
        (IMAGES, {"options": {"normalization": "sum"}}),
        (IMAGES, {"options": {"normalization": "gatys", "padding": "zeros", "pooling": "avg"}}),
        (IMAGES, {"options": {"preserve_color": "oklab_low_frequency", "init": "style_statistics"}}),
        (IMAGES, {"styles": BLEND, "options": {"size": 96, "pyramid": [64]}}),
        (SEEN, {"styles": BLEND}),
        (IMAGES | MASKS, {"styles": [{"style_id": "a"}, {"style_id": "b"}], "regions": [{"style": 0}, {"style": 1}]}),
    ],
    ids=["gram", "mean_std", "gaussian_w2", "sum", "gatys", "colours", "blend and pyramid", "transparent", "regions"],
)
def test_a_picture_from_kept_statistics_is_the_same_to_the_bit(images: Images, wish: dict[str, Any]) -> None:
    shelf = Shelf()
    plain, first = painted(None, images, **wish), painted(shelf, images, **wish)
    assert shelf.given == 0
    again = painted(shelf, images, **wish)
    assert shelf.given == len(shelf.kept) > 0
    assert_same(plain, first)
    assert_same(plain, again)
    styles = len(wish.get("styles", BLEND[:1]))
    assert (plain.reused, first.reused, again.reused) == (frozenset(), frozenset(), frozenset(range(styles)))


@pytest.mark.weights
def test_a_picture_is_painted_from_what_is_kept_and_from_nothing_else() -> None:
    shelf = Shelf()
    first = painted(shelf)
    shelf.change(lambda arrays: {layer: 0 * array for layer, array in arrays.items()})
    again = painted(shelf)
    assert again.losses != first.losses
    assert again.reused == {0}


@pytest.mark.weights
def test_of_two_styles_the_one_that_is_known_is_said() -> None:
    shelf = Shelf()
    painted(shelf, pair(IMAGES["/content"], TILES), styles=BLEND[1:])
    assert painted(shelf, styles=BLEND).reused == {1}


@pytest.mark.weights
@pytest.mark.parametrize(
    ("images", "wish"),
    [
        (IMAGES, {"options": {"style_distance": "sliced_wasserstein"}}),
        (IMAGES, {"options": {"preserve_color": "luminance"}}),
        (IMAGES, {"options": {"preserve_color": "histogram"}}),
        (IMAGES, {"styles": [{"image": {"upload_id": "0"}}]}),
        (
            IMAGES | MASKS | {"/regions/0/style_mask": Picture(left_half(*STROKES.pixels.shape[1::-1]))},
            {"styles": [{"style_id": "a"}, {"image": {"upload_id": "0"}}], "regions": [{"style": 0}, {"style": 1}]},
        ),
    ],
    ids=["sliced_wasserstein", "luminance", "histogram", "no id", "style mask"],
)
def test_what_is_large_or_no_style_alone_is_not_kept(images: Images, wish: dict[str, Any]) -> None:
    shelf = Shelf()
    painted(shelf, images, **wish)
    assert painted(shelf, images, **wish).reused == frozenset()
    assert shelf.kept == {}


@pytest.mark.weights
@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: dict(list(arrays.items())[1:]),
        lambda arrays: arrays | {"relu1_2": arrays["relu1_1"]},
        lambda arrays: arrays | {"relu1_1": arrays["relu1_1"][:-1]},
        lambda arrays: arrays | {"relu1_1": arrays["relu1_1"].astype(np.float64)},
        lambda arrays: arrays | {"relu1_1": arrays["relu1_1"] * np.float32(np.nan)},
    ],
    ids=["a layer less", "a layer more", "another shape", "another type", "no numbers"],
)
def test_kept_statistics_of_another_form_are_computed_anew(change: Callable[[dict[str, Any]], Any]) -> None:
    shelf = Shelf()
    first = painted(shelf)
    right = dict(shelf.kept)
    shelf.change(change)
    again = painted(shelf)
    assert_same(first, again)
    assert again.reused == frozenset()
    assert shelf.kept == right


# The name


def name(picture: str = "p", size: tuple[int, int] = (64, 48), weights: str = "w", **options: Any) -> str:
    return digest(picture, size, resolved(IMAGES, options=options).options, weights, CPU)


@pytest.mark.parametrize(
    "change",
    [
        {"picture": "q"},
        {"size": (48, 64)},
        {"weights": "v"},
        {"network": "vgg19"},
        {"style_distance": "mean_std", "style_layers": {"relu1_1": 1}},
        {"style_distance": "gaussian_w2"},
        {"pooling": "avg"},
        {"padding": "zeros"},
        {"style_layers": {"relu1_1": 1.0}},
        {"style_layers": "all"},
    ],
    ids=str,
)
def test_whatever_changes_the_statistics_changes_their_name(change: dict[str, Any]) -> None:
    assert name(**change) != name()


@pytest.mark.parametrize(
    "change",
    [
        {"normalization": "sum"},
        {"style_layers": dict.fromkeys(("relu5_1", "relu4_1", "relu3_1", "relu2_1", "relu1_1"), 3.0)},
        {"content_layers": {"relu3_1": 1.0}},
        {"content_weight": 2.0, "style_weight": 3.0, "tv_weight": 1.0},
        {"seed": 7},
        {"iterations": 7, "optimizer": "adam", "tolerance": 0.1},
        {"init": "noise"},
        {"preserve_color": "oklab_low_frequency"},
    ],
    ids=str,
)
def test_whatever_leaves_the_statistics_alone_leaves_their_name(change: dict[str, Any]) -> None:
    assert name(**change) == name()


def test_another_number_of_threads_is_another_computer() -> None:
    own, before = torch.get_num_threads(), name()
    try:
        torch.set_num_threads(own + 1)
        assert name() != before
    finally:
        torch.set_num_threads(own)


def test_a_scale_counts_by_the_size_that_it_leads_to() -> None:
    shelf = Shelf()
    for scale in (1.0, 2.0, 1.0):
        painted(shelf, styles=[{"style_id": "a", "scale": scale}])
    assert (len(shelf.kept), shelf.given) == (2, 1)


def test_a_picture_is_known_by_its_pixels_its_shape_its_bits_and_its_matte() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pictures = [
        Picture(pixels),
        Picture(pixels + np.uint8(1)),
        Picture(pixels.reshape(6, 4, 3)),
        Picture(pixels.astype(np.uint16)),
        Picture(pixels, np.zeros((4, 6), np.uint8)),
        Picture(pixels, np.ones((4, 6), np.uint8)),
    ]
    assert len({picture_sha256(picture) for picture in pictures}) == len(pictures)
    assert picture_sha256(Picture(pixels[::-1, ::-1])) == picture_sha256(Picture(pixels.copy()))


# As bytes


def test_what_is_packed_is_unpacked_to_the_bit() -> None:
    arrays = {"relu1_1": np.random.default_rng(0).standard_normal((64, 64), np.float32)}
    [(layer, array)] = (unpack(pack(arrays, "d"), "d") or {}).items()
    assert layer == "relu1_1"
    assert array.tobytes() == arrays["relu1_1"].tobytes()


def other_file() -> bytes:
    file = BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:300] + bytes([data[300] ^ 1]) + data[301:],
        lambda data: data[:-40],
        lambda _: b"",
        lambda _: b"notes",
        lambda _: other_file(),
    ],
    ids=["one bit", "cut off", "empty", "text", "one array"],
)
def test_damaged_and_foreign_files_are_nothing(spoil: Callable[[bytes], bytes]) -> None:
    arrays = {"relu1_1": np.ones((64, 64), np.float32)}
    assert unpack(spoil(pack(arrays, "d")), "d") is None


def test_statistics_of_another_digest_are_nothing() -> None:
    assert unpack(pack({"relu1_1": np.ones((64, 64), np.float32)}, "d"), "e") is None
