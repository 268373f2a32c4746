"""The memory that painting takes, and the way that is chosen for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import OutOfMemory
from service.memory import (
    ANY_ROOM,
    FEW_STEPS,
    GRID,
    LEAST_TILE,
    MARGIN,
    PROCESS_BYTES,
    SHARE,
    STEPS,
    Plan,
    Room,
    Way,
    planned,
    plans,
)
from service.painting import Picture
from tests.images import gradient
from tests.paintings import painted, pair
from tests.specs import resolved
from workers.painter import device

GB = 10**9


@dataclass(frozen=True)
class Size:
    width: int
    height: int


def squares(size: int, style: int = 256) -> dict[str, Size]:
    return {"/content": Size(size, size), "/styles/0/image": Size(style, style)}


def plan(size: int, budget: int | None, *, frugal: bool = False, **options: Any) -> Plan:
    images = squares(size)
    return planned(resolved(images, options={"size": size, **options}), images, Room(budget), frugal=frugal)


def test_what_fits_is_painted_as_a_whole() -> None:
    assert (plan(512, 24 * GB).way, plan(512, None).way) == (Way.WHOLE, Way.WHOLE)
    assert plan(512, 24 * GB).steps == STEPS


def test_with_less_memory_there_are_slower_ways() -> None:
    ways = [plan(2048, gigabytes * GB) for gigabytes in (24, 14, 7, 4)]
    assert [one.way for one in ways] == [Way.WHOLE, Way.CHECKPOINTED, Way.TILED, Way.TILED]
    assert [one.steps for one in ways] == [STEPS, FEW_STEPS, FEW_STEPS, FEW_STEPS]
    large, small = ways[2].tile, ways[3].tile
    assert large is not None
    assert small is not None
    assert large > small


def test_a_picture_of_4096_pixels_is_planned_into_six_gigabytes() -> None:
    assert plan(4096, round(6 * GB / SHARE)).memory_bytes <= 6 * GB


def test_a_frugal_attempt_takes_the_least_that_there_is() -> None:
    assert plan(2048, 24 * GB, frugal=True).memory_bytes == min(one.memory_bytes for one in _plans(2048))
    assert plan(64, 24 * GB, frugal=True).tile is None


def test_what_sorts_all_positions_is_never_parted() -> None:
    ways = [one.way for one in _plans(2048, style_distance="sliced_wasserstein")]
    assert ways == [Way.WHOLE, Way.CHECKPOINTED]


def test_tiles_are_smaller_than_the_picture() -> None:
    assert [one.tile for one in _plans(600)] == [None, None, 304]
    assert [one.tile for one in _plans(1024)] == [None, None, 512, 352, 256]


@given(size=st.integers(64, 8192))
def test_tiles_of_a_picture_are_about_the_same_size(size: int) -> None:
    for tile in (one.tile for one in _plans(size, pyramid=[]) if one.tile):
        assert tile % GRID == 0
        assert tile >= LEAST_TILE
        parts = -(-size // tile)
        assert tile - size / parts < GRID


def test_of_content_at_every_pixel_tiles_keep_nothing() -> None:
    deep, both = (_plans(1024, content_layers=layers) for layers in ({"relu4_2": 1}, {"relu4_2": 1, "relu1_1": 1}))
    more = [b.memory_bytes - a.memory_bytes for a, b in zip(deep, both, strict=True)]
    assert more[:2] == [64 * 4 * 1024**2] * 2
    assert max(more[2:]) == 64 * (4 + 4) * (512 + 2 * MARGIN) ** 2  # of one tile alone


def test_what_is_computed_in_fewer_bytes_takes_less_memory() -> None:
    images = squares(2048)
    spec = resolved(images, options={"size": 2048})
    for wide, narrow in zip(plans(spec, images, Room(None, 4)), plans(spec, images, Room(None, 2)), strict=True):
        assert narrow.memory_bytes < wide.memory_bytes


@given(budget=st.integers(1, 10**11), size=st.integers(64, 8192))
def test_the_plan_fits_or_nothing_takes_less(budget: int, size: int) -> None:
    chosen = plan(size, budget, pyramid=[])
    assert chosen.memory_bytes <= budget or chosen == plan(size, None, frugal=True, pyramid=[])


@given(size=st.integers(64, 4096), more=st.integers(1, 4096))
def test_a_larger_picture_never_takes_less(size: int, more: int) -> None:
    ways = {one.way: one.memory_bytes for one in _plans(size, pyramid=[])[:2]}
    larger = {one.way: one.memory_bytes for one in _plans(size + more, pyramid=[])[:2]}
    assert all(larger[way] >= taken for way, taken in ways.items())


def test_a_style_that_is_looked_at_large_counts_too() -> None:
    images = squares(256, 1024)
    own, large = (
        planned(resolved(images, options={"size": 256}, styles=[{"scale": scale}]), images, ANY_ROOM)
        for scale in (1, 4)
    )
    assert own.memory_bytes < large.memory_bytes - 1024 * 1024 * 500


def test_looking_takes_less_memory_than_painting() -> None:
    images = {"/image": Size(1000, 1000)}
    looked = planned(resolved(images, kind="gram", options={"size": 1000}), images, ANY_ROOM)
    assert looked.way is Way.WHOLE
    assert PROCESS_BYTES < looked.memory_bytes < plan(1000, None).memory_bytes


@pytest.mark.weights
def test_what_fits_in_no_way_is_refused_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "memory_bytes", lambda _: 10**8)
    with pytest.raises(OutOfMemory, match=r"about 0\.\d GB of memory.*there are 0\.1"):
        painted(pair(Picture(gradient(80, 60)), Picture(gradient(64, 64))), options={"size": 64, "iterations": 1})


def _plans(size: int, **options: Any) -> list[Plan]:
    images = squares(size)
    return list(plans(resolved(images, options={"size": size, **options}), images, ANY_ROOM))
