"""The shape of a batch, of its items, and of a page of either."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.wire.job import JobOut
from api.wire.times import at, maybe_at

if TYPE_CHECKING:
    from service.batch import TrackedItem
    from service.stores.batch_store import Batch


class BatchLinksOut(BaseModel):
    """Where else to go."""

    self: str
    items: str
    cancel: str
    jobs: str


class BatchOut(BaseModel):
    """Many jobs that were accepted together."""

    id: str
    terminal: bool = Field(description="Whether all of its jobs are; poll until this is true.")
    total: int = Field(description="How many jobs it has.")
    counts: dict[str, int] = Field(description="How many of them are in each status.")
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    links: BatchLinksOut

    @classmethod
    def of(cls, batch: Batch) -> BatchOut:
        """Describe a batch."""
        path = f"/v1/batches/{batch.id}"
        return cls(
            id=batch.id,
            terminal=batch.finished_ms is not None,
            total=batch.total,
            counts={state.value: count for state, count in batch.counts.items()},
            created_at=at(batch.created_ms),
            finished_at=maybe_at(batch.finished_ms),
            expires_at=maybe_at(batch.expires_ms),
            links=BatchLinksOut(
                self=path, items=f"{path}/items", cancel=f"{path}/cancel", jobs=f"/v1/jobs?batch={batch.id}"
            ),
        )


class BatchItemOut(BaseModel):
    """One job of a batch."""

    number: int = Field(description="Its place in the batch, from 0.")
    custom_id: str = Field(description="What you called it, else its number; of a product `<content>-<style>`.")
    job_id: str
    job: JobOut | None = Field(description="As it stands; null when it is no longer kept.")

    @classmethod
    def of(cls, found: TrackedItem) -> BatchItemOut:
        """Describe a job of a batch."""
        item, tracked = found
        return cls(
            number=item.number,
            custom_id=item.custom_id,
            job_id=item.job_id,
            job=None if tracked is None else JobOut.of(tracked),
        )


class BatchItemsOut(BaseModel):
    """A page of a batch's jobs, in their order."""

    items: list[BatchItemOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


class BatchesOut(BaseModel):
    """A page of batches, newest first."""

    items: list[BatchOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")
