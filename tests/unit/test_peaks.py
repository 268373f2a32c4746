"""The planner's predictions beside what painting takes, each in a process of its own."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.memory import GOAL
from tests.benchmarks.peaks import Case, peak

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(sys.platform != "linux", reason="a process' peak is read from /proc"),
]

ONCE = {"iterations": 1}


@pytest.mark.parametrize(
    "case",
    [
        Case(448, options=ONCE),
        Case(256, options={**ONCE, "style_distance": "sliced_wasserstein"}),
        Case(512, "tiled", 256, options=ONCE),
    ],
    ids=lambda case: case.way,
)
def test_painting_takes_the_memory_that_was_predicted(case: Case) -> None:
    found = peak(case)
    assert (found.way, found.tile) == (case.way, case.tile)
    assert found.measured == pytest.approx(found.predicted, rel=GOAL)
