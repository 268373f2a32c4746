"""The typed Python client: httpx and the wire shapes, nothing else. Used by the command line and by other back ends."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any, Self

import httpx
from pydantic import ValidationError

from api.wire.job import JobOut
from api.wire.problem import ProblemOut
from service.errors import ImpastoError, SetupError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


PAUSES_S = (0.5, 1.0, 2.0)
"""Seconds before a call that got no answer is sent again."""

HELD_S = 30
"""Seconds for which the service is asked to hold an answer; well below the time that a client waits for one."""


class ApiProblem(ImpastoError):
    """Raised when the API answers with a problem."""

    title = "The service refused"

    def __init__(self, problem: ProblemOut) -> None:
        self.problem = problem
        fields = "".join(f"\n  {field.pointer}  {field.detail}" for field in problem.errors or ())
        super().__init__(f"{problem.detail if not fields else problem.title} ({problem.code}){fields}")


class JobFailed(ImpastoError):
    """Raised when a job that was waited for ended without a result."""

    title = "The job ended without a picture"

    def __init__(self, job: JobOut) -> None:
        self.job = job
        why = f": {job.error.title}. {job.error.detail} ({job.error.code})" if job.error else ""
        super().__init__(f"Job {job.id} is {job.status}{why}")


class Unreachable(Unavailable):
    """Raised when no answer comes, or one that says that the service is not itself."""

    title = "The service can't be reached"


class Client:
    """Talks to one Impasto.

    Args:
        url: where it is, for example `http://127.0.0.1:8000`.
        key: an API key.
        timeout_s: for one answer.

    Every method raises ApiProblem when the service refuses, and Unreachable when it can't be reached.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = 60.0) -> None:
        if not key.isascii():
            raise SetupError("This is no key: keys are plain ASCII.")
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout_s, connect=5.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, images: Mapping[str, bytes], spec: Mapping[str, Any] | None = None) -> JobOut:
        """Post a job: its images as file bytes, and whatever else its spec says.

        A service that does not answer is asked again, under one idempotency key: there is one job, however often the
        call had to be repeated.

        Args:
            images: by JSON pointer into the spec, such as `/content`, `/styles/0/image`, `/regions/0/content_mask`.
            spec: without the images; a transfer unless it says otherwise.
        """
        files = {pointer.removeprefix("/"): (pointer.rpartition("/")[2], data) for pointer, data in images.items()}
        content = {"files": files, "data": {"spec": json.dumps(spec or {})}}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        for pause_s in (*PAUSES_S, None):
            try:
                return _job(self._call("POST", "/v1/jobs", headers=headers, **content))
            except Unreachable:
                if pause_s is None:
                    raise
                time.sleep(pause_s)
        raise AssertionError("the last pause is none")

    def get(self, job_id: str) -> JobOut:
        """Ask how a job stands."""
        return _job(self._call("GET", f"/v1/jobs/{job_id}"))

    def cancel(self, job_id: str) -> JobOut:
        """Stop a job; it is canceled at once, or within its next steps."""
        return _job(self._call("POST", f"/v1/jobs/{job_id}/cancel"))

    def retry(self, job_id: str) -> JobOut:
        """Post a job's spec and pictures again, as a new job."""
        return _job(self._call("POST", f"/v1/jobs/{job_id}/retry"))

    def delete(self, job_id: str) -> None:
        """Delete a job with its result; a running one is stopped first."""
        self._call("DELETE", f"/v1/jobs/{job_id}")

    def wait(self, job_id: str, *, timeout_s: float | None = None) -> JobOut:
        """Wait until a job is terminal, or the time is over; give it as it then stands. The service does the waiting.

        Args:
            job_id: whose end is waited for.
            timeout_s: seconds; None waits for as long as it takes.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = HELD_S if until is None else min(HELD_S, max(0, round(until - time.monotonic())))
            job = _job(self._call("GET", f"/v1/jobs/{job_id}", headers={"Prefer": f"wait={left}"}))
            if job.terminal or left == 0:
                return job

    def follow(self, job_id: str, *, patience_s: float = 60.0) -> Iterator[JobOut]:
        """Yield the job each time that it is asked for, until it is terminal.

        A service that is away for a moment is asked again, up to `patience_s` seconds in a row.
        """
        answered = time.monotonic()
        while True:
            try:
                job = self.get(job_id)
            except Unreachable:
                if time.monotonic() - answered > patience_s:
                    raise
            else:
                answered = time.monotonic()
                yield job
                if job.terminal:
                    return
            time.sleep(0.5)

    def download(self, job: JobOut, name: str = "result") -> bytes:
        """Fetch an output of a finished job.

        Raises:
            JobFailed: the job has none.
        """
        for output in job.outputs:
            if output.name == name:
                request = self._http.build_request("GET", output.url)
                del request.headers["Authorization"]  # the URL is signed; the key is for the API alone
                return self._send(request).content
        raise JobFailed(job)

    def _call(self, method: str, url: str, **content: Any) -> httpx.Response:
        return self._send(self._http.build_request(method, url, **content))

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = self._http.send(request)
        except httpx.TransportError as error:
            raise Unreachable(
                f"{request.url.scheme}://{request.url.netloc.decode()}: {type(error).__name__}"
            ) from error
        if answer.is_success:
            return answer
        ours = answer.headers.get("content-type", "").startswith("application/problem+json")
        if ours and answer.is_client_error:
            raise ApiProblem(ProblemOut.model_validate_json(answer.content))
        raise Unreachable(f"{request.method} {request.url.path}: answered {answer.status_code}")


def _job(answer: httpx.Response) -> JobOut:
    try:
        return JobOut.model_validate_json(answer.content)
    except ValidationError as error:
        raise Unreachable(f"{answer.url.path}: the answer is no job that this client knows") from error
