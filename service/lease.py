"""What an attempt knows of its hold on the job; `workers.lease` keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from service.job import Job


class Lease(Protocol):
    """A worker's hold on its job."""

    checkpoint: str | None
    """Key of the newest checkpoint that this attempt has stored, for the next heartbeat to record."""

    preview: str | None
    """Key of a preview that the next heartbeat is to tell of, which then forgets it."""

    def note(self, progress: Mapping[str, Any]) -> None:
        """Keep the progress for the next heartbeat."""

    def check(self) -> None:
        """Return while the attempt is to go on.

        Raises:
            LeaseLost: the job is no longer ours, or nobody can tell.
            CancelRequested: its client wants it no longer.
            RunTimeout: all its attempts together have run for longer than they may.
            DrainRequested: this worker is to stop.
        """


class Hold(Protocol):
    """Keeps a claimed job's lease alive while the context is open.

    `asked` is when the claim was asked for, in seconds of the monotonic clock: the lease can't be older.
    """

    def __call__(self, job: Job, *, asked: float) -> AbstractContextManager[Lease]:
        """Start the heartbeat."""
        ...
