"""The shape of what an autoscaler goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from service.stores.backlog_store import Backlog


class AutoscaleOut(BaseModel):
    """How much there is to do, over all tenants."""

    queued: int = Field(description="Jobs that wait.")
    running: int = Field(description="Jobs that are painted, or stopping.")
    open: int = Field(description="Both.")
    workers: int = Field(description="Workers that are there.")
    workers_wanted: int = Field(
        description="Workers that could be busy now: one for each running job, and one for each that waits and whose "
        "tenant may have another one running."
    )
    oldest_queued_s: float = Field(description="For which the longest of the next jobs has waited.")

    @classmethod
    def of(cls, backlog: Backlog, *, workers: int) -> AutoscaleOut:
        """Describe it."""
        return cls(
            queued=backlog.queued,
            running=backlog.running,
            open=backlog.open,
            workers=workers,
            workers_wanted=backlog.wanted,
            oldest_queued_s=round(backlog.waited_s, 3),
        )
