"""What a call is made of: steps that somebody else takes. Nothing here, or in what is built on it, does any I/O.

A call is a generator. It yields what is to be done, a step at a time, and is sent what came of it:

    Send(request)  → Reply     one request with its whole answer
    Open(request)  → Reply     the same, but the body of a success is left to be read
    Read()         → bytes     the next piece of that body; nothing at its end
    Pause(seconds) → None
    Give(value)    → None      something for whoever iterates over the call

Where no answer comes, NoAnswer is thrown into it instead. `Client` takes these steps, `AsyncClient` awaits them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeAlias, TypeVar

Value = TypeVar("Value", covariant=True)  # noqa: PLC0105 - the usual suffix says less than the docstrings
Result = TypeVar("Result", covariant=True)  # noqa: PLC0105 - the same
Step = TypeVar("Step")
T = TypeVar("T")

SAFE = frozenset({"GET", "PUT", "DELETE"})
"""Methods that may be repeated: doing the same twice is doing it once."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request.

    Attributes:
        url: a path of the API, which is called with the key; or a whole URL, which never gets to see it.
        json: the body, or None.
        content: the body as it is, or None.
        files: the files of a form by the names of their parts, and `fields` its texts; {} for no form.
        idempotent: whether it may be repeated although its method doesn't say so.
        silence_s: seconds without a byte after which the answer is given up; None: the client's own.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: tuple[tuple[str, str], ...] = ()
    json: Any = None
    content: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = False
    silence_s: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows what became of it."""
        return self.idempotent or self.method in SAFE or "Idempotency-Key" in self.headers

    def __str__(self) -> str:
        """Name it without what is secret: the query of a presigned URL."""
        return f"{self.method} {self.url.partition('?')[0]}"

    def __repr__(self) -> str:
        """Name it likewise: its headers and its body are nobody else's business."""
        return f"Request({self})"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300

    @property
    def retry_after_s(self) -> float | None:
        """Seconds until it may be asked again (RFC 9110, 10.2.3), counted from the answer's own date."""
        said = self.headers.get("retry-after", "").strip()
        if said.isdecimal():
            return float(said)
        try:
            wait = parsedate_to_datetime(said) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):  # the last one: no calendar has that year
            return None
        return max(0.0, wait.total_seconds())


class NoAnswer(Exception):
    """Thrown into a call whose request got no answer, or whose answer broke off."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request, and read its answer whole."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request, and leave the body of its answer to be read if it is a success."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Read the next piece of what was opened last."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Give(Generic[Value]):
    """Hand something to whoever iterates."""

    value: Value


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The call has come to its end."""

    result: Result


Deed: TypeAlias = Send | Open | Read | Pause
Outcome: TypeAlias = Reply | bytes | NoAnswer | None
Call: TypeAlias = Generator[Deed, Any, Result]
"""A call with one result."""
Series: TypeAlias = Generator[Deed | Give[Value], Any, None]
"""A call that gives one value after the other."""


def advance(call: Generator[Step, Any, T], outcome: Outcome) -> Step | Done[T]:
    """Tell a call what came of its last step; get the next one, or Done."""
    try:
        return call.throw(outcome) if isinstance(outcome, NoAnswer) else call.send(outcome)
    except StopIteration as end:
        return Done(end.value)
