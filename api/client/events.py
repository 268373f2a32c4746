"""What happens to a job, as typed values; and server-sent events, read by the rules of the HTML standard."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from api.client.answers import Job
from api.client.errors import Unreachable
from service.job import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StateEvent:
    """The job is in another state; a plain word where it is a new one."""

    id: str
    status: JobState | str


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """The painting goes on: `fraction`, `phase`, `iteration`, `loss`, as in a job's `progress`."""

    id: str
    progress: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreviewEvent:
    """There is a new picture of how it looks so far; None: there was one then, and there is none now."""

    id: str
    url: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An attempt has ended that is followed by another; `error` says why, with the members of a job's error."""

    id: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EndEvent:
    """The job is terminal: this is it, with its outputs. Nothing follows."""

    id: str
    job: Job


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Something that this version of the client doesn't know."""

    id: str
    kind: str
    data: Any


JobEvent: TypeAlias = StateEvent | ProgressEvent | PreviewEvent | LogEvent | EndEvent | OtherEvent


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event as it came."""

    id: str
    kind: str
    data: str


MESSAGE_MAX = 4 * 1024**2
"""Bytes of one message, all its lines together; the longest that the service sends is a job, of some kilobytes."""

_SENDABLE = re.compile(r"[\x21-\x7e]{0,256}")
"""Ids that can be sent back as a header, as all of the service's can."""


@dataclass
class EventReader:
    """Bytes as they come → the messages that are whole; what is cut off at the end is none."""

    _begun: bytearray = field(default_factory=bytearray)
    _size: int = 0
    _returned: bool = False
    _fields: dict[str, list[str]] = field(default_factory=dict)
    _id: str = ""

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Read on.

        Raises:
            Unreachable: a message is longer than MESSAGE_MAX; something else answers there.
        """
        # A line's end may be cut in half: a carriage return, and the line feed that belongs to it.
        fresh = piece.removeprefix(b"\n") if self._returned else piece
        self._returned = piece.endswith(b"\r") or (self._returned and not piece)
        *ended, begun = re.split(rb"\r\n|\n|\r", fresh)
        for end in ended:
            self._grow(end)
            line, self._begun = bytes(self._begun), bytearray()
            if line:
                self._take(line)
            elif (message := self._whole()) is not None:
                yield message
        self._grow(begun)

    def _grow(self, part: bytes) -> None:
        """Add to the line that has begun."""
        self._size += len(part)
        if self._size > MESSAGE_MAX:
            raise Unreachable(f"An event is longer than {MESSAGE_MAX} bytes")
        self._begun += part

    def _take(self, line: bytes) -> None:
        name, _, value = line.decode(errors="replace").partition(":")
        if name in {"data", "event", "id"}:
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
        else:  # a comment, or a field that means nothing here: nothing of it is kept
            self._size -= len(line)

    def _whole(self) -> Message | None:
        fields, self._fields, self._size = self._fields, {}, 0
        self._id = next((name for name in reversed(fields.get("id", ())) if _SENDABLE.fullmatch(name)), self._id)
        if "data" not in fields:
            return None
        return Message(self._id, fields.get("event", [""])[-1] or "message", "\n".join(fields["data"]))


def read_event(message: Message) -> JobEvent:
    """Read what a message says.

    Raises:
        Unreachable: not what it should say; something else answers there.
    """
    try:
        data = json.loads(message.data)
        match message.kind:
            case "state":
                return StateEvent(message.id, _status(_checked(data["status"], str)))
            case "progress":
                return ProgressEvent(message.id, _checked(data, dict))
            case "preview":
                url = data.get("url")
                return PreviewEvent(message.id, None if url is None else _checked(url, str))
            case "log":
                return LogEvent(message.id, _checked(data, dict))
            case "end":
                return EndEvent(message.id, Job.model_validate(data))
            case kind:
                return OtherEvent(message.id, kind, data)
    # pydantic's errors are ValueErrors
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreachable(f"The event {message.kind} is none that this client knows") from error


def _checked(value: Any, kind: type[T]) -> T:
    """Give a value that must be of a kind; anything else is a TypeError."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def _status(word: str) -> JobState | str:
    try:
        return JobState(word)
    except ValueError:
        return word
