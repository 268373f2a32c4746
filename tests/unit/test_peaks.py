"""The planner's predictions beside what painting takes, each in a process of its own."""

from __future__ import annotations

import sys

import pytest

from service.memory import ANY_ROOM
from tests.benchmarks.memory import CASES, GOAL
from tests.benchmarks.peaks import Case, chosen, forced, peak

ONCE = {"iterations": 1}


@pytest.mark.weights
@pytest.mark.skipif(sys.platform != "linux", reason="a process' peak is read from /proc")
@pytest.mark.parametrize(
    "case",
    [
        Case(448, options=ONCE),
        Case(256, options={**ONCE, "style_distance": "sliced_wasserstein"}),
        Case(512, "tiled", 256, options=ONCE),
    ],
    ids=["whole", "sorted", "tiled"],
)
def test_painting_takes_the_memory_that_was_predicted(case: Case) -> None:
    found = peak(case)
    assert (found.way, found.tile) == (case.way, case.tile)
    assert found.measured == pytest.approx(found.predicted, rel=GOAL)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_case_of_the_benchmark_can_be_painted_in_its_way(case: Case) -> None:
    room, _ = forced(chosen(case, ANY_ROOM), case, activation_bytes=4)
    assert room.memory_bytes is not None
