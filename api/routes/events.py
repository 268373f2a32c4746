"""`/v1/jobs/{id}/events`: a job followed as it happens, by server-sent events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from api.deps import Reader, TheHub, TheServices
from api.hub import woken
from api.wire.job import JobOut
from service.errors import Gone, Unavailable
from service.job import Job, JobState
from service.stores.event_store import Event
from service.track import describe, preview_url

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,9}")
_FIRST = "0-0"


def known(job_id: str, caller: Reader, services: TheServices) -> Job:
    """Look the job up before the stream begins, so that its absence is a problem and no stream."""
    return services.jobs.get(caller.tenant, job_id)


@router.get("/{job_id}/events", response_class=EventSourceResponse, summary="Follow a job")
async def follow_job(
    job: Annotated[Job, Depends(known)],
    services: TheServices,
    hub: TheHub,
    last_event_id: Annotated[str | None, Header(description="Go on after this event.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send `state`, `progress`, `preview` and `log` as they happen, and `end` with the whole job when it is terminal.

    `log` says why an attempt ended that is followed by another, with the members of a job's `error`.

    What happened before comes first, as far as it is known: about 256 events, until an hour after the job's end.
    `Last-Event-ID` resumes.
    """
    last = last_event_id if last_event_id and _ID.fullmatch(last_event_id) else None
    with hub.watching(job.tenant, job.id) as changed:
        while True:
            changed.clear()
            try:
                job = await run_in_threadpool(services.jobs.get, job.tenant, job.id)
                happened = await run_in_threadpool(services.events.since, job.tenant, job.id, last)
            except (Gone, Unavailable):  # whoever asks again learns what is the matter, and goes on from his last event
                return
            if last is None:
                last = _FIRST
                yield ServerSentEvent(event="state", id=last, data={"status": _state_before(happened, job)})
            for event in happened:
                last = event.id
                yield ServerSentEvent(event=event.kind, id=event.id, data=event.data | _seen(event, job, services))
            if job.state.terminal:
                tracked = await run_in_threadpool(describe, job, services=services)
                yield ServerSentEvent(event="end", id=last, data=JobOut.of(tracked))
                return
            if hub.leaving:  # likewise
                return
            await woken(changed)


def _state_before(happened: Sequence[Event], job: Job) -> JobState:
    """Say in which state a job was before all that is known: what it begins with is not written down for each.

    Of one that has had hundreds of events, only the newest are known.
    """
    return JobState.QUEUED if happened and happened[0].kind == "state" else job.state


def _seen(event: Event, job: Job, services: TheServices) -> dict[str, str]:
    """Say where a preview can be looked at while there is one; it is always the newest."""
    if event.kind != "preview" or job.preview is None:
        return {}
    return {"url": preview_url(job, services=services)}
