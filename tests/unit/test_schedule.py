"""Scales, tolerance and starts: how a painting goes from step to step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.painting import Painting, Picture, Pixels, Step
from tests.golden.pictures import brush_strokes, landscape
from tests.paintings import painted, pair

CONTENT, STYLE = Picture(landscape()), Picture(brush_strokes())
SHALLOW = {"content_layers": {"relu2_1": 1.0}, "style_layers": {"relu1_1": 1e4, "relu2_1": 500.0}}


def run(images: dict[str, Picture] | None = None, **options: Any) -> tuple[list[Step], Painting]:
    chosen = {"size": 96, "iterations": 3, **SHALLOW, **options}
    return painted(images or pair(CONTENT, STYLE), options=chosen)


@pytest.mark.weights
@given(
    sizes=st.lists(st.integers(64, 90), unique=True, max_size=2).map(sorted), iterations=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=8)
def test_each_scale_of_a_pyramid_has_its_iterations(sizes: list[int], iterations: int) -> None:
    steps, painting = run(pyramid=sizes, iterations=iterations)
    scales = [*sizes, 96]
    of = len(scales) * iterations
    assert [(step.iteration, step.of) for step in steps] == [(n, of) for n in range(of + 1)]
    assert [step.scale for step in steps] == [scales[0], *(s for s in scales for _ in range(iterations))]
    assert painting.iterations == of
    assert painting.pictures["result"].pixels.shape == (72, 96, 3)


@pytest.mark.weights
def test_a_pyramid_ends_nearer_than_its_last_scale_alone_from_noise() -> None:
    alone = run(init="noise", pyramid=[])[1].losses["result"].after
    climbed = run(init="noise", pyramid=[64])[1].losses["result"].after
    assert climbed.total < alone.total


@pytest.mark.weights
def test_before_is_the_start_as_the_last_scale_sees_it() -> None:
    one, other = (run(pyramid=sizes)[1].losses["result"].before.total for sizes in ([], [64]))
    assert other == pytest.approx(one, rel=0.5)  # the start was enlarged from 64 pixels
    assert run(pyramid=[64])[1].losses["result"].after.total < other


@pytest.mark.weights
def test_a_tolerance_stops_when_the_loss_has_stopped_falling() -> None:
    steps, painting = run(tolerance=0.4, iterations=90, size=64)
    done = painting.iterations
    assert 10 <= done < 90
    assert [step.iteration for step in steps] == list(range(done + 1))
    assert (steps[-2].of, steps[-1].of) == (90, done)
    totals = [step.losses.total for step in steps if step.losses]
    falls = [1 - now / before for before, now in zip(totals, totals[10:], strict=False)]
    assert falls[-1] < 0.4
    assert all(fall >= 0.4 for fall in falls[:-1])


@pytest.mark.weights
def test_a_tolerance_holds_for_each_scale_by_itself() -> None:
    steps, painting = run(tolerance=0.4, iterations=60, pyramid=[64])
    assert {step.scale for step in steps} == {64, 96}
    assert painting.iterations < 120
    assert steps[-1].of == painting.iterations


@pytest.mark.weights
def test_without_a_tolerance_all_iterations_are_done() -> None:
    assert run(iterations=25, size=64)[1].iterations == 25


@pytest.mark.weights
def test_a_painting_can_start_from_an_image() -> None:
    start, seen = Picture(np.ascontiguousarray(landscape()[:, ::-1])), list[Pixels]()
    images = {**pair(CONTENT, STYLE), "/init_image": start}
    options = {"size": 96, "iterations": 1, **SHALLOW}
    steps, _ = painted(images, options=options, seen=lambda step: seen.append(step.picture()))
    assert np.array_equal(seen[0], start.pixels)
    assert steps[0].losses is not None
    assert steps[0].losses.content > 0
