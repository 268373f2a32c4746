"""What happens to a job, as typed values; and server-sent events, read by the rules of the HTML standard."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from api.client.answers import Job
from api.client.errors import Unreachable
from service.job import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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


@dataclass
class EventReader:
    """Bytes as they come → the messages that are whole; what is cut off at the end is none."""

    _rest: bytes = b""
    _fields: dict[str, list[str]] = field(default_factory=dict)
    _id: str = ""

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Read on."""
        # A carriage return at the end may be half of a line's end.
        *lines, self._rest = re.split(rb"\r\n|\n|\r(?!$)", self._rest + piece)
        for line in lines:
            if line:
                self._take(line.decode(errors="replace"))
            elif (message := self._whole()) is not None:
                yield message

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        self._fields.setdefault(name, []).append(value.removeprefix(" "))

    def _whole(self) -> Message | None:
        fields, self._fields = self._fields, {}
        self._id = fields.get("id", [self._id])[-1]
        if "data" not in fields:
            return None
        return Message(self._id, fields.get("event", ["message"])[-1], "\n".join(fields["data"]))


def read_event(message: Message) -> JobEvent:
    """Read what a message says.

    Raises:
        Unreachable: not what it should say; something else answers there.
    """
    try:
        data = json.loads(message.data)
        match message.kind:
            case "state":
                return StateEvent(message.id, _status(data["status"]))
            case "progress":
                return ProgressEvent(message.id, dict(data))
            case "preview":
                return PreviewEvent(message.id, data.get("url"))
            case "log":
                return LogEvent(message.id, data)
            case "end":
                return EndEvent(message.id, Job.model_validate(data))
            case kind:
                return OtherEvent(message.id, kind, data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # pydantic's errors are ValueErrors
        raise Unreachable(f"The event {message.kind} is none that this client knows") from error


def _status(word: str) -> JobState | str:
    try:
        return JobState(word)
    except ValueError:
        return word
