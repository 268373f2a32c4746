"""Times on the wire: the stores count milliseconds since 1970, clients read ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def at(milliseconds: int) -> datetime:
    """Give the time so many milliseconds after the beginning of 1970."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def tenths(seconds: float | None) -> float | None:
    """Round an estimate to what it can be trusted for."""
    return None if seconds is None else round(seconds, 1)


def maybe_at(milliseconds: int | None) -> datetime | None:
    """Give the time, where there is one."""
    return None if milliseconds is None else at(milliseconds)
