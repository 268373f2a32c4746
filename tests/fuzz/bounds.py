"""What one example may cost."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(*, cpu_s: float, megabytes: float) -> Iterator[None]:
    """Fail when a block takes more of the processor, or raises this process's peak of memory by more."""
    began, peak = time.process_time(), _peak_megabytes()
    yield
    took, grown = time.process_time() - began, _peak_megabytes() - peak
    assert took <= cpu_s, f"it took {took:.1f} s of the processor"
    assert grown <= megabytes, f"it took {grown:.0f} MB more than was taken before"


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
