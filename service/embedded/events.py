"""What happens to the parts of a stack, as data: told by supervisord's log, line by line, and by signals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Listening:
    """The supervisor takes calls."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """A part was started, for the first time or again."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A part ended by itself; `how` reads like `exit status 1` or `terminated by SIGKILL`."""

    name: str
    how: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A part ended because it was asked to."""

    name: str
    how: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A part ended again and again right after its start; nobody will start it any more."""

    name: str


@dataclass(frozen=True, slots=True)
class SupervisorEnded:
    """There is no supervisor any more."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the stack to stop: Ctrl-C, SIGTERM, or a closed terminal."""


Event = Listening | Spawned | Ended | Stopped | GaveUp | SupervisorEnded | StopAsked

_TOLD: tuple[tuple[re.Pattern[str], Callable[..., Event]], ...] = (
    (re.compile(r"supervisord started with pid \d+"), Listening),
    (re.compile(r"spawned: '(\w+)' with pid (\d+)"), lambda name, pid: Spawned(name, int(pid))),
    (re.compile(r"exited: (\w+) \((.+); (?:not )?expected\)"), Ended),
    (re.compile(r"stopped: (\w+) \((.+)\)"), Stopped),
    (re.compile(r"gave up: (\w+) entered FATAL state.*"), GaveUp),
)
"""What supervisor 4 writes after date, time and level."""


def told_by(line: str) -> Event | None:
    """Read one line of supervisord's log; None where it tells nothing that matters here."""
    words = line.rstrip("\n").split(" ", 3)
    for pattern, event in _TOLD:
        if (match := pattern.fullmatch(words[-1])) is not None:
            return event(*match.groups())
    return None
