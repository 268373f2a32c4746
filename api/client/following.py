"""Calls that take more than one request: waiting, following, lists over their pages, downloads, direct uploads."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from api.client import calls, kept
from api.client.errors import DownloadDamaged, JobFailed, Unreachable
from api.client.events import EndEvent, EventReader, PreviewEvent, ProgressEvent, StateEvent, read_event
from api.client.patience import Absence, answered
from api.client.steps import Done, Give, NoAnswer, Read, Request, advance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from api.client.answers import Job, Page, Upload
    from api.client.events import JobEvent
    from api.client.patience import Patience
    from api.client.steps import Call, Outcome, Series
    from api.wire.job import OutputOut

T = TypeVar("T")

HELD_S = 30
"""Seconds for which the service is asked to hold an answer; well below the minute that it would."""

SILENCE_S = 45.0
"""Seconds without a byte after which a stream is given up; the service sends a comment every 15."""

PAGE = 100
"""Things on a page, the most that there may be."""


def wait(job_id: str, timeout_s: float | None, patience: Patience) -> Call[Job]:
    """Ask for a job, which the service answers when it is terminal or the time is over."""
    until = None if timeout_s is None else patience.clock() + timeout_s
    while True:
        left = HELD_S if until is None else min(HELD_S, max(0, round(until - patience.clock())))
        job = yield from calls.held(job_id, left, patience)
        if job.terminal or left == 0:
            return job


def over_pages(page: Callable[[Mapping[str, Any]], Call[Page[T]]]) -> Series[T]:
    """Give what is on all pages, one thing after the other."""
    cursor: str | None = None
    while True:
        answer = yield from page({"cursor": cursor, "limit": PAGE})
        for item in answer.items:
            yield Give(item)
        cursor = answer.next_cursor
        if cursor is None:
            return


def events(job_id: str, last: str | None, away_s: float, patience: Patience) -> Series[JobEvent]:
    """Give what happens to a job, to its end. A stream that breaks off is taken up after the last event of it."""
    enduring = replace(patience, deadline_s=away_s)
    absence = Absence(patience, away_s)
    while True:
        yield from answered(calls.happening(job_id, last, silence_s=SILENCE_S), enduring, opened=True)
        reader, trouble = EventReader(), "it ended before the job"
        try:
            while piece := (yield Read()):
                absence.over()
                for message in reader.feed(piece):
                    last, event = message.id or last, read_event(message)
                    yield Give(event)
                    if isinstance(event, EndEvent):
                        return
        except NoAnswer as error:
            trouble = str(error)
        yield from absence.bear(Unreachable(f"The events of job {job_id}: {trouble}"))


def follow(job_id: str, away_s: float, patience: Patience) -> Series[Job]:
    """Give the job each time that something has happened to it, until it is terminal."""
    enduring = replace(patience, deadline_s=away_s)
    job = yield from calls.get(job_id, enduring)
    yield Give(job)
    happening = events(job_id, None, away_s, patience)
    while not job.terminal:
        event = yield from _next(happening)
        match event:
            case StateEvent(status=status) if status != job.status:
                asked = yield from calls.get(job_id, enduring)  # the attempt and the queue stand in no event
                job = asked.model_copy(update={"preview": job.preview})
            case ProgressEvent(progress=progress):
                job = job.model_copy(update={"progress": progress})
            case PreviewEvent(url=str(url)):
                job = job.model_copy(update={"preview": url})
            case EndEvent(job=ended):
                yield Give(ended)
                return
            case _:
                continue
        yield Give(job)


def _next(happening: Series[JobEvent]) -> Call[JobEvent]:
    """Take the steps of a stream up to the next event; before its last one it doesn't end."""
    outcome: Outcome = None
    while not isinstance(step := advance(happening, outcome), Give):
        assert not isinstance(step, Done)
        try:
            outcome = yield step
        except NoAnswer as error:
            outcome = error
    return step.value


def download(job: Job, name: str, patience: Patience) -> Series[bytes]:
    """Give the bytes of an output; those that come after a break are asked for alone, and a URL that is too old anew.

    Whoever takes them may not use them before the end, which is where they are verified.
    """
    output, digest, got = output_of(job, name), hashlib.sha256(), 0
    absence, renewed = Absence(patience, patience.deadline_s), False
    while got < output.bytes:
        try:
            reply = yield from answered(_rest(output.url, got), patience, opened=True)
        except Unreachable as error:
            if error.status != 403 or renewed:
                raise
            job, renewed = (yield from calls.get(job.id, patience)), True
            output = output_of(job, name)
            continue
        known = 0 if reply.status == 206 else got
        trouble = "it ended early"
        try:
            while piece := (yield Read()):
                fresh, known = piece[known:], max(0, known - len(piece))
                if fresh:
                    absence.over()
                    digest.update(fresh)
                    got += len(fresh)
                    yield Give(fresh)
        except NoAnswer as error:
            trouble = str(error)
        if got < output.bytes:
            yield from absence.bear(Unreachable(f"The download of {name}: {trouble}"))
    if digest.hexdigest() != output.sha256:
        raise DownloadDamaged(name=name, expected=output.sha256, actual=digest.hexdigest())


def output_of(job: Job, name: str) -> OutputOut:
    """Find an output.

    Raises:
        JobFailed: the job has none of that name.
    """
    for output in job.outputs:
        if output.name == name:
            return output
    raise JobFailed(job)


def upload_directly(image: bytes, content_type: str, patience: Patience) -> Call[Upload]:
    """Bring an image past the API: announce it, put it into the storage, say that it is there.

    Each of these may be repeated. What is never said to be there is forgotten by the service in its time.

    Raises:
        ApiProblem: it is announced wrongly, or no picture.
        Unreachable: the service or its storage is, or the storage refuses the file; then with its status.
    """
    digest = hashlib.sha256(image).hexdigest()
    announced = yield from kept.announce(digest, len(image), content_type, patience)
    place = announced.upload
    if place is None:
        raise Unreachable(f"Upload {announced.id} was announced, but it was not said where to put it")
    yield from answered(Request(place.method, place.url, headers=place.headers, content=image), patience)
    return (yield from kept.complete(announced.id, patience))


def _rest(url: str, start: int) -> Request:
    """Ask for what lies behind a presigned URL, from a byte on; compressed it could not be counted."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    return Request("GET", url, headers=headers)
