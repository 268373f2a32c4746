"""Paintings have no frame: what is near the edge is like the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.painting import Picture, Pixels
from tests.golden.pictures import brush_strokes, eight_bits
from tests.paintings import painted, pair

RIM = 8
"""Pixels from the edge that are compared with the rest."""


def clouds(width: int = 128, height: int = 128, seed: int = 3) -> Pixels:
    """Draw a photograph that is the same everywhere: smooth noise."""
    generator = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    planes = [
        np.fft.irfft2(np.fft.rfft2(generator.standard_normal((height, width))) * np.exp(-((frequency * 30) ** 2)))
        for _ in range(3)
    ]
    return eight_bits((0.5 + 0.15 * np.stack(planes, axis=-1) / np.std(planes)).clip(0, 1))


def rim_and_middle(picture: Pixels) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    rim = np.ones(picture.shape[:2], bool)
    rim[RIM:-RIM, RIM:-RIM] = False
    return rim, picture.astype(float) / 255


def unlikeness(pictures: list[Pixels]) -> dict[str, float]:
    """How the outermost 8 pixels differ from the rest: in mean colour, in deviation, in steps between neighbours."""
    found = []
    for picture in pictures:
        rim, values = rim_and_middle(picture)
        steps = np.abs(np.diff(values, axis=0, append=values[-1:])) + np.abs(
            np.diff(values, axis=1, append=values[:, -1:])
        )
        found.append(
            [
                [values[where].mean(axis=0) for where in (rim, ~rim)],
                [values[where].std(axis=0) for where in (rim, ~rim)],
                [steps[where].mean(axis=0) for where in (rim, ~rim)],
            ]
        )
    (mean, middle_mean), (deviation, middle_deviation), (steps, middle_steps) = np.mean(found, axis=0)
    return {
        "mean": float(np.abs(mean - middle_mean).max()),
        "deviation": float(np.abs(deviation / middle_deviation - 1).max()),
        "steps": float(np.abs(steps / middle_steps - 1).max()),
    }


def paintings(**options: Any) -> list[Pixels]:
    """Paint several, since strokes fall as they will, and at one scale, since large forms fall where they will too."""
    chosen = {"size": 128, "iterations": 25, "pyramid": [], "content_weight": 0.04, **options}
    return [
        painted(pair(Picture(clouds(seed=seed)), Picture(brush_strokes(160, 160, 2500))), options=chosen)[1]
        .pictures["result"]
        .pixels
        for seed in (3, 4, 5)
    ]


@pytest.mark.weights
def test_the_outermost_pixels_are_like_the_rest() -> None:
    found = unlikeness(paintings())
    assert found["mean"] < 0.03
    assert found["deviation"] < 0.1
    assert found["steps"] < 0.12


@pytest.mark.weights
def test_zeros_beyond_the_edge_leave_a_frame() -> None:
    """Which is why they are not the default; and it shows that the measure sees one."""
    assert unlikeness(paintings(padding="zeros"))["steps"] > 0.15
