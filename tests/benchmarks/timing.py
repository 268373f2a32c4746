"""Seconds, taken in turn, so that a busy moment touches all contenders alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

ROUNDS = 5


def seconds(contenders: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Time each in turn, round after round, and give their medians; the first round warms up."""
    times: list[list[float]] = [[] for _ in contenders]
    for _ in range(1 + rounds):
        for contender, seen in zip(contenders, times, strict=True):
            started = time.perf_counter()
            contender()
            seen.append(time.perf_counter() - started)
    return [statistics.median(seen[1:]) for seen in times]
