"""Paintings taken down at a step and taken up again, as another process would."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from service import memory
from service.checkpoint import pack, unpack
from service.errors import StaleCheckpoint
from service.painting import Checkpoint, Images, Painting, Picture, Step
from service.spec import Timelapse
from service.timelapse import Film
from tests.images import gradient
from tests.paintings import pair
from tests.specs import resolved
from workers.painter import vgg, weights
from workers.painter.paint import paint

PHOTOGRAPH = Picture(gradient(80, 60))
PAINTING = Picture(np.ascontiguousarray(gradient(70, 90)[::-1, :, ::-1]))
TRANSFER = pair(PHOTOGRAPH, PAINTING)
TEXTURE = {"/styles/0/image": PAINTING}
RECONSTRUCTION = {"/content": PHOTOGRAPH}
LAYERS = {"relu1_1": 30.0, "relu2_2": 0.5, "relu3_1": 1.0}
OPTIONS = {"size": 64, "iterations": 12, "style_layers": LAYERS}

WISHES: dict[str, tuple[Images, dict[str, Any]]] = {
    "transfer": (TRANSFER, {"options": OPTIONS}),
    "adam": (TRANSFER, {"options": {**OPTIONS, "optimizer": "adam"}}),
    "noise": (TRANSFER, {"options": {**OPTIONS, "init": "noise", "seed": 3}}),
    "pyramid": (TRANSFER, {"options": {**OPTIONS, "size": 96, "pyramid": [64], "iterations": 6}}),
    "luminance": (TRANSFER, {"options": {**OPTIONS, "preserve_color": "luminance"}}),
    "texture": (TEXTURE, {"kind": "texture", "options": {**OPTIONS, "init": "style_statistics"}}),
    "texture ladder": (TEXTURE, {"kind": "texture", "ladder": True, "options": {**OPTIONS, "iterations": 4}}),
    "reconstruction ladder": (
        RECONSTRUCTION,
        {"kind": "reconstruction", "ladder": True, "options": {"size": 64, "iterations": 3}},
    ),
}


def run(
    images: Images, wish: dict[str, Any], *, take_down: int | None = None, resume: Checkpoint | None = None, **more: Any
) -> tuple[list[Step], Painting | None, Checkpoint | None]:
    """Paint to the end, or to the step that is to be taken down."""
    steps: list[Step] = []
    painting = paint(resolved(images, **wish), images, resume=resume, **more)
    while True:
        try:
            step = next(painting)
        except StopIteration as end:
            return steps, end.value, None
        steps.append(step)
        if step.iteration == take_down:
            return steps, None, unpack(pack(step.checkpoint()))


def totals(steps: list[Step]) -> list[float]:
    return [step.losses.total for step in steps if step.losses]


# Going on


@pytest.mark.weights
@pytest.mark.parametrize("name", WISHES)
@pytest.mark.parametrize("at", [1, 9])
def test_a_painting_goes_on_from_where_it_stood_to_the_end(name: str, at: int) -> None:
    images, wish = WISHES[name]
    whole, painted, _ = run(images, wish)
    before, _, checkpoint = run(images, wish, take_down=at)
    after, resumed, _ = run(images, wish, resume=checkpoint)
    assert painted is not None
    assert resumed is not None
    assert (after[0].iteration, after[0].of, after[0].scale) == (at, before[-1].of, before[-1].scale)
    assert [step.iteration for step in before + after[1:]] == [step.iteration for step in whole]
    assert totals(after)[0] == pytest.approx(totals(before)[-1], rel=1e-4)
    assert resumed.iterations == painted.iterations
    assert resumed.pictures.keys() == painted.pictures.keys()
    for part, losses in painted.losses.items():
        assert resumed.losses[part].before.total == pytest.approx(losses.before.total, rel=1e-6)
        assert resumed.losses[part].after.total == pytest.approx(losses.after.total, rel=0.25)


@pytest.mark.weights
def test_the_curve_continues_without_a_jump_and_better_than_a_new_beginning_from_the_same_image() -> None:
    images, wish = TRANSFER, {"options": {**OPTIONS, "iterations": 40}}
    whole, _, _ = run(images, wish)
    _, _, checkpoint = run(images, wish, take_down=20)
    assert checkpoint is not None
    resumed = totals(run(images, wish, resume=checkpoint)[0])
    assert all(b <= a * (1 + 1e-5) for a, b in pairwise(resumed))
    assert resumed[-1] == pytest.approx(totals(whole)[-1], rel=0.1)
    forgetful = replace(
        checkpoint, arrays={name: array for name, array in checkpoint.arrays.items() if name != "memory.pairs"}
    )
    anew = totals(run(images, wish, resume=forgetful)[0])
    assert resumed[5] < anew[5]


@pytest.mark.weights
def test_adam_goes_on_as_if_it_had_never_stopped() -> None:
    images, wish = WISHES["adam"]
    whole, painted, _ = run(images, wish)
    _, _, checkpoint = run(images, wish, take_down=5)
    after, resumed, _ = run(images, wish, resume=checkpoint)
    assert totals(after) == totals(whole)[5:]
    assert painted is not None
    assert resumed is not None
    assert np.array_equal(resumed.pictures["result"].pixels, painted.pictures["result"].pixels)


@pytest.mark.weights
def test_the_same_checkpoint_leads_to_the_same_bytes() -> None:
    images, wish = WISHES["transfer"]
    _, _, checkpoint = run(images, wish, take_down=6)
    ends = [run(images, wish, resume=checkpoint)[1] for _ in range(2)]
    first, second = (end.pictures["result"].pixels.tobytes() for end in ends if end)
    assert first == second


@pytest.mark.weights
def test_a_tolerance_looks_back_beyond_the_checkpoint() -> None:
    images, wish = TRANSFER, {"options": {**OPTIONS, "iterations": 90, "tolerance": 0.3}}
    whole, painted, _ = run(images, wish)
    assert painted is not None
    assert 10 < painted.iterations < 90
    _, _, checkpoint = run(images, wish, take_down=painted.iterations - 2)
    resumed = run(images, wish, resume=checkpoint)[1]
    assert resumed is not None
    assert abs(resumed.iterations - painted.iterations) <= 2
    assert whole[-1].of == painted.iterations


@pytest.mark.weights
@pytest.mark.parametrize(
    "other",
    [
        {"options": {**OPTIONS, "size": 65}},
        {"options": {**OPTIONS, "size": 128, "pyramid": [96]}},
        {"kind": "texture", "ladder": True, "options": OPTIONS},
    ],
)
def test_a_checkpoint_of_another_spec_is_stale(other: dict[str, Any]) -> None:
    _, _, checkpoint = run(*WISHES["transfer"], take_down=2)
    images = TEXTURE if other.get("kind") == "texture" else TRANSFER
    with pytest.raises(StaleCheckpoint):
        run(images, other, resume=checkpoint)


def test_a_checkpoint_that_lacks_something_is_stale() -> None:
    with pytest.raises(StaleCheckpoint, match="lacks"):
        run(*WISHES["transfer"], resume=Checkpoint({}, {"name": "result"}))


# As bytes


CHECKPOINT = Checkpoint(
    {"image": np.linspace(0, 1, 30, dtype=np.float32).reshape(1, 3, 2, 5), "film.3": np.arange(9, dtype=np.uint8)},
    {"name": "result", "recent": [1.5, 0.25], "losses": {}},
)


def test_a_checkpoint_is_read_back_as_it_was() -> None:
    again = unpack(pack(CHECKPOINT))
    assert again.position == CHECKPOINT.position
    assert again.arrays.keys() == CHECKPOINT.arrays.keys()
    for name, array in CHECKPOINT.arrays.items():
        assert again.arrays[name].dtype == array.dtype
        assert np.array_equal(again.arrays[name], array)


@given(st.data())
def test_damaged_bytes_are_stale_or_harmless(data: st.DataObject) -> None:
    whole = pack(CHECKPOINT)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(StaleCheckpoint):
        unpack(whole[:cut])
    flipped = bytearray(whole)
    flipped[cut] ^= data.draw(st.integers(1, 255))
    try:
        again = unpack(bytes(flipped))
    except StaleCheckpoint:
        return
    assert np.array_equal(again.arrays["image"], CHECKPOINT.arrays["image"])


def test_another_versions_checkpoint_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack(CHECKPOINT)
    monkeypatch.setattr("service.__version__", "0.0.0")
    with pytest.raises(StaleCheckpoint, match="version"):
        unpack(data)


# Films


@pytest.mark.weights
def test_a_film_of_a_resumed_painting_begins_at_the_beginning() -> None:
    wish = Timelapse(seconds=2, size=64)
    whole, stopped, resumed = (Film(wish, longest=64) for _ in range(3))
    images, asked = WISHES["transfer"]
    for step in run(images, asked)[0]:
        whole.watch(step)
    before, _, checkpoint = run(images, asked, take_down=6)
    for step in before:
        stopped.watch(step)
    resumed.restore(stopped.frames())
    for step in run(images, asked, resume=checkpoint)[0]:
        resumed.watch(step)
    assert resumed.frames().keys() == whole.frames().keys()
    pictures = [np.asarray(film._taken[2][1], float) for film in (whole, resumed)]
    assert np.abs(pictures[0] - pictures[1]).mean() < 4


# Less memory


@pytest.mark.weights
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_a_frugal_network_gives_the_same_and_keeps_less_for_it(padding: Any) -> None:
    network = replace(vgg.build("vgg16", weights.load("vgg16").tensors), padding=padding)
    image = torch.from_numpy(gradient(64, 48)).permute(2, 0, 1)[None].float() / 255
    kept, slopes = [], []
    for frugal in (False, True):
        x, bytes_kept = image.clone().requires_grad_(), 0

        def count(saved: torch.Tensor) -> torch.Tensor:
            nonlocal bytes_kept
            bytes_kept += saved.nbytes
            return saved

        with torch.autograd.graph.saved_tensors_hooks(count, lambda saved: saved):
            seen = vgg.activations(replace(network, frugal=frugal), x, ["relu1_2", "relu3_1", "relu4_2"])
        total = sum((value.square().mean() for value in seen.values()), torch.zeros(()))
        slopes.append(torch.autograd.grad(total, x)[0])
        kept.append(bytes_kept)
    assert torch.allclose(slopes[0], slopes[1], rtol=1e-5, atol=1e-9)
    assert kept[1] < kept[0] / 3


@pytest.mark.weights
@pytest.mark.parametrize("least", [512, 32])
def test_a_frugal_painting_is_nearly_the_same_and_can_be_taken_up(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tiles, where they may be that small, and with activations computed again."""
    monkeypatch.setattr(memory, "LEAST_TILE", least)
    images, wish = WISHES["transfer"]
    plain, frugal = run(images, wish)[1], run(images, wish, frugal=True)[1]
    assert plain is not None
    assert frugal is not None
    assert frugal.losses["result"].after.total == pytest.approx(plain.losses["result"].after.total, rel=0.25)
    _, _, checkpoint = run(images, wish, take_down=6)
    assert run(images, wish, resume=checkpoint, frugal=True)[1] is not None
