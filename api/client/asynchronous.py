"""The asynchronous client; every method does what that of `Client` does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from api.client import calls, following
from api.client.asynchronous_resources import AsyncKeys, AsyncStyles, AsyncUploads, AsyncWebhooks
from api.client.files import whole_file
from api.client.patience import Patience
from api.client.steps import Done, Give, Open, Outcome, Pause, Read, Send, advance
from api.client.transport import Access, no_answer, read_reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from api.client.answers import BatchItem, Job, JobPage
    from api.client.events import JobEvent
    from api.client.steps import Call, Deed, Request, Series
    from api.wire.batch import BatchOut
    from api.wire.capabilities import CapabilitiesOut
    from api.wire.estimate import EstimateOut
    from api.wire.job import InputOut

T = TypeVar("T")


class AsyncClient:
    """Talks to one Impasto. It may be shared by threads.

    Args:
        url: where it is, for example `http://127.0.0.1:8000`.
        key: an API key.
        timeout_s: for one answer.
        patience: how calls are repeated when the service is away or asks for it (429, 502, 503, 504).

    Uploads, styles, webhooks and keys have calls of their own: `client.uploads.create(…)`, `client.styles.list()`.
    Every method raises ApiProblem when the service refuses, and Unreachable when it can't be reached.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = 60.0, patience: Patience | None = None) -> None:
        self._access = Access(url, key, timeout_s)
        self._patience = patience or Patience()
        self._http = httpx.AsyncClient(**self._access.options)
        own = (self._do, self._each, self._patience)
        self.uploads, self.styles = AsyncUploads(*own), AsyncStyles(*own)
        self.webhooks, self.keys = AsyncWebhooks(*own), AsyncKeys(*own)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(
        self,
        images: Mapping[str, bytes],
        spec: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Job:
        """Post a job: its images as file bytes, and whatever else its spec says."""
        return await self._do(calls.submit(images, spec or {}, idempotency_key, self._patience))

    async def put(self, job_id: str, images: Mapping[str, bytes], spec: Mapping[str, Any] | None = None) -> Job:
        """Post a job as `submit` does, under an id of your own, any UUID. The same again is the same job."""
        return await self._do(calls.put(job_id, images, spec or {}, self._patience))

    async def get(self, job_id: str) -> Job:
        """Ask how a job stands."""
        return await self._do(calls.get(job_id, self._patience))

    async def inputs(self, job_id: str) -> list[InputOut]:
        """Ask where the pictures that a job was posted with can be seen, as they were taken in."""
        return (await self._do(calls.inputs(job_id, self._patience))).items

    async def page(  # noqa: PLR0913 - a filter each
        self,
        *,
        status: str | None = None,
        labels: Mapping[str, str] | None = None,
        batch: str | None = None,
        created_after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 20,
    ) -> JobPage:
        """List jobs, newest first, a page at a time; `next_cursor` leads to the next one."""
        wanted = calls.filters(status=status, labels=labels, batch=batch, created_after=created_after)
        return await self._do(calls.page({**wanted, "cursor": cursor, "limit": limit}, self._patience))

    def jobs(
        self,
        *,
        status: str | None = None,
        labels: Mapping[str, str] | None = None,
        batch: str | None = None,
        created_after: datetime | None = None,
    ) -> AsyncIterator[Job]:
        """Iterate over all jobs that fit, newest first, over as many pages as it takes."""
        wanted = calls.filters(status=status, labels=labels, batch=batch, created_after=created_after)
        return self._each(following.over_pages(lambda more: calls.page({**wanted, **more}, self._patience)))

    async def wait(self, job_id: str, *, timeout_s: float | None = None) -> Job:
        """Wait until a job is terminal, or the time is over; give it as it then stands."""
        return await self._do(following.wait(job_id, timeout_s, self._patience))

    def events(self, job_id: str, *, last_event_id: str | None = None, away_s: float = 60.0) -> AsyncIterator[JobEvent]:
        """Iterate over what happens to a job, from its beginning to its end, as it happens."""
        return self._each(following.events(job_id, last_event_id, away_s, self._patience))

    def follow(self, job_id: str, *, away_s: float = 60.0) -> AsyncIterator[Job]:
        """Iterate over the job: as it stands, and then each time that something has happened, until it is terminal."""
        return self._each(following.follow(job_id, away_s, self._patience))

    async def cancel(self, job_id: str) -> Job:
        """Stop a job; it is canceled at once, or within its next steps."""
        return await self._do(calls.cancel(job_id, self._patience))

    async def retry(self, job_id: str, *, idempotency_key: str | None = None) -> Job:
        """Post a job's spec and pictures again, as a new job; under one idempotency key, as `submit` does."""
        return await self._do(calls.retry(job_id, idempotency_key, self._patience))

    async def delete(self, job_id: str) -> None:
        """Delete a job with its result; a running one is stopped first."""
        await self._do(calls.delete(job_id, self._patience))

    async def download(self, job: Job, name: str = "result") -> bytes:
        """Fetch an output of a finished job, and verify its SHA-256.

        Raises:
            JobFailed: the job has none of that name.
            DownloadDamaged: what came is not what the job published.
        """
        return b"".join([piece async for piece in self._each(following.download(job, name, self._patience))])

    async def save(self, job: Job, path: Path, name: str = "result") -> None:
        """Fetch an output into a file, which is there whole or not at all.

        Raises:
            JobFailed, DownloadDamaged: as `download` does.
        """
        with whole_file(path) as file:
            async for piece in self._each(following.download(job, name, self._patience)):
                await asyncio.to_thread(file.write, piece)

    async def capabilities(self) -> CapabilitiesOut:
        """Ask for networks, layers, presets and limits."""
        return await self._do(calls.capabilities(self._patience))

    async def estimate(self, images: Mapping[str, bytes], spec: Mapping[str, Any] | None = None) -> EstimateOut:
        """Ask what a job would take, without posting it; the arguments are those of `submit`."""
        return await self._do(calls.estimate(images, spec or {}, self._patience))

    async def submit_batch(self, batch: Mapping[str, Any], *, idempotency_key: str | None = None) -> BatchOut:
        """Post up to 1000 jobs, all or none: `{"jobs": […]}`, or `{"contents": […], "styles": […]}` for the product.

        It is posted under one idempotency key, as `submit` does.
        """
        return await self._do(calls.submit_batch(batch, idempotency_key, self._patience))

    async def get_batch(self, batch_id: str) -> BatchOut:
        """Ask how many jobs of a batch are in which status."""
        return await self._do(calls.get_batch(batch_id, self._patience))

    async def cancel_batch(self, batch_id: str) -> BatchOut:
        """Stop all jobs of a batch."""
        return await self._do(calls.cancel_batch(batch_id, self._patience))

    def batches(self) -> AsyncIterator[BatchOut]:
        """Iterate over all batches, newest first, over as many pages as it takes."""
        return self._each(following.over_pages(lambda more: calls.batch_page(more, self._patience)))

    def batch_items(self, batch_id: str) -> AsyncIterator[BatchItem]:
        """Iterate over a batch's jobs in their order, with what became of each."""
        return self._each(following.over_pages(lambda more: calls.batch_item_page(batch_id, more, self._patience)))

    async def _do(self, call: Call[T]) -> T:
        """Take the steps of a call, and give its result."""
        async with _Line(self._http, self._access) as line:
            outcome: Outcome = None
            while not isinstance(step := advance(call, outcome), Done):
                outcome = await line.take(step)
            return step.result

    async def _each(self, series: Series[T]) -> AsyncIterator[T]:
        """Take the steps of a call, and hand out what it gives."""
        async with _Line(self._http, self._access) as line:
            outcome: Outcome = None
            while not isinstance(step := advance(series, outcome), Done):
                if isinstance(step, Give):
                    yield step.value
                outcome = None if isinstance(step, Give) else await line.take(step)


class _Line:
    """Takes the steps of one call over httpx; has at most one answer open."""

    def __init__(self, http: httpx.AsyncClient, access: Access) -> None:
        self._http, self._access = http, access
        self._answer: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def take(self, step: Deed) -> Outcome:
        """Do what a step says."""
        try:
            match step:
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                    return None
                case Read():
                    return await anext(self._pieces, b"") if self._pieces else b""
                case Open(request):
                    return await self._open(request)
                case Send(request):
                    answer = await self._http.send(self._access.prepared(self._http, request))
                    return read_reply(answer, answer.content)
        except httpx.RequestError as error:
            return no_answer(error)

    async def _open(self, request: Request) -> Outcome:
        await self._close()
        answer = self._answer = await self._http.send(self._access.prepared(self._http, request), stream=True)
        self._pieces = answer.aiter_bytes()
        return read_reply(answer, b"" if answer.is_success else await answer.aread())

    async def _close(self) -> None:
        if self._answer is not None:
            await self._answer.aclose()
