"""Times on the wire: the stores count milliseconds since 1970, clients read ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _written(value: object) -> object:
    """Refuse numbers, which the parser would take for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and len(value) <= 64 and "-" in value[1:]):
        return value
    raise ValueError("write a time as ISO 8601, such as 2026-01-31T12:00:00Z")


def _placed(time: datetime) -> datetime:
    """Take a time without a zone as UTC; refuse those that other zones would write beyond the calendar."""
    if not 1 < time.year < 9999:
        raise ValueError("the years 2 to 9998 are known")
    return time.replace(tzinfo=time.tzinfo or UTC)


Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(_placed)]
"""A time that a client writes; UTC unless it says otherwise."""


def at(milliseconds: int) -> datetime:
    """Give the time so many milliseconds after the beginning of 1970."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def tenths(seconds: float | None) -> float | None:
    """Round an estimate to what it can be trusted for."""
    return None if seconds is None else round(seconds, 1)


def maybe_at(milliseconds: int | None) -> datetime | None:
    """Give the time, where there is one."""
    return None if milliseconds is None else at(milliseconds)
