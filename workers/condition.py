"""What a worker's parent and child know of each other: whether to stop, which device there is, and whether it works.

Numbers and a text in memory that the child inherits. They are written without a lock: one may be set in a signal
handler, and a child may be killed at any moment.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import TYPE_CHECKING

from service.pace import Device

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILURES_MAX = 5
"""Failures of the device, or deaths of the child, in a row, after which a worker counts as unfit. One job alone can
cause its attempts' number of them, three by default."""

DEVICE_BYTES = 1024
"""Room for a device's facts as JSON."""


@dataclass(slots=True)
class Attempt:
    """How an attempt went; `well` unless the device is to blame."""

    well: bool = False


class Condition:
    """Shared by a worker's parent and its child."""

    def __init__(self) -> None:
        self._draining = RawValue("b", 0)
        self._failures = RawValue("i", 0)
        self._device, self._device_known = RawArray("c", DEVICE_BYTES), RawValue("b", 0)
        self._beat, self._step, self._idle_since = (RawValue("d", at) for at in (0.0, 0.0, time.monotonic()))

    @property
    def draining(self) -> bool:
        """Whether the worker is to stop."""
        return bool(self._draining.value)

    @property
    def unfit(self) -> bool:
        """Whether the worker should leave the rotation."""
        return bool(self._failures.value >= FAILURES_MAX)

    @property
    def device(self) -> Device | None:
        """What the child paints on, once it has said so; the parent, which never imports torch, can't know."""
        return Device(**json.loads(self._device.value)) if self._device_known.value else None

    @property
    def busy(self) -> bool:
        """Whether there is a job in hand."""
        return bool(self._beat.value > 0)

    @property
    def silent_s(self) -> float | None:
        """Say for how long the job in hand has shown no sign of life; None when there is none."""
        beat = self._beat.value
        return time.monotonic() - beat if beat > 0 else None

    @property
    def standing_s(self) -> float | None:
        """Say for how long the job in hand has not gone on; None when there is none."""
        return time.monotonic() - self._step.value if self.busy else None

    @property
    def idle_since(self) -> float:
        """When the last attempt ended, in seconds of the machine's monotonic clock, which all its processes share."""
        return float(self._idle_since.value)

    def beat(self) -> None:
        """Show a sign of life, while a job is in hand."""
        self._beat.value = time.monotonic()

    def step(self) -> None:
        """Show that the job in hand goes on."""
        self._step.value = time.monotonic()

    def rest(self) -> None:
        """Say that no job is in hand any more; of a child that was killed, its successor says so."""
        self._beat.value, self._idle_since.value = 0.0, time.monotonic()

    def announce(self, device: Device) -> None:
        """Let the parent know what the child paints on; again, it is the same."""
        if not self._device_known.value:
            self._device.value = json.dumps(asdict(device)).encode()
            self._device_known.value = 1

    def drain(self) -> None:
        """Let the running attempt hand its job over."""
        self._draining.value = 1

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Count an attempt as a failure before it begins, as a crash can't count itself, and take that back after."""
        self._failures.value += 1
        attempt = Attempt()
        self.step()
        self.beat()
        try:
            yield attempt
        except Exception:  # an error of the stores, which says nothing about the device
            self._failures.value = 0
            raise
        finally:
            self.rest()
        if attempt.well:
            self._failures.value = 0
