"""`/v1/jobs`: post a job, follow it, fetch its result."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.deps import Reader, TheServices, Writer
from api.wire import JobOut
from service.errors import FieldProblem, InvalidSpec
from service.spec import RenderSpec, parse_spec
from service.submit import submit
from service.track import Tracked, describe, result_url, track

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_S = 1
"""Seconds that a client should wait before it asks again."""

MAX_PARTS = 32
"""Of a form; more than any spec can use, so that a part too many is named rather than counted."""

_SPEC = {"$ref": "#/components/schemas/RenderSpec"}
_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SPEC},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["content", "style"],
                    "properties": {
                        "content": {"type": "string", "format": "binary", "description": "The photograph."},
                        "style": {"type": "string", "format": "binary", "description": "The painting."},
                        "spec": {
                            "type": "string",
                            "description": "The rest of a RenderSpec, as JSON. Its kind may be left out.",
                        },
                    },
                }
            },
        },
    }
}


@router.post("", status_code=202, summary="Post a job", openapi_extra=_BODIES)
async def create_job(request: Request, response: Response, caller: Writer, services: TheServices) -> JobOut:
    """Accept a job: a JSON spec, or its images as files with the rest of the spec beside them."""
    spec = await _spec_from(request)
    job = await run_in_threadpool(submit, spec, tenant=caller.tenant, services=services)
    tracked = await run_in_threadpool(describe, job, services=services)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["Retry-After"] = str(POLL_S)
    return JobOut.of(tracked)


@router.get("/{job_id}", summary="Get a job", responses={304: {"description": "Unchanged."}})
def get_job(job_id: str, request: Request, response: Response, caller: Reader, services: TheServices) -> Any:
    """Say how a job stands."""
    tracked = track(caller.tenant, job_id, services=services)
    etag = _etag(tracked, window_s=services.settings.presign_ttl_s)
    headers = {"ETag": etag} | ({} if tracked.job.state.terminal else {"Retry-After": str(POLL_S)})
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return JobOut.of(tracked)


@router.get("/{job_id}/result", status_code=302, summary="Fetch the result", response_class=RedirectResponse)
def get_result(job_id: str, caller: Reader, services: TheServices) -> str:
    """Redirect to a short-lived URL of the picture."""
    return result_url(caller.tenant, job_id, services=services)


async def _spec_from(request: Request) -> RenderSpec:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return parse_spec(_parsed(await request.body(), pointer=""))
    if kind == "multipart/form-data":
        try:
            async with request.form(max_files=MAX_PARTS, max_fields=MAX_PARTS) as form:
                return parse_spec(await _from_form(form))
        except UnicodeError:
            raise HTTPException(400, "The form's names are not text in the charset that it announces.") from None
    raise HTTPException(415)


def _parsed(text: str | bytes, *, pointer: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidSpec(FieldProblem(pointer, "this is not JSON, or nested too deeply")) from None


async def _from_form(form: FormData) -> Any:
    """Write a form as the JSON spec that it stands for, its files as inline images."""
    unknown = [
        FieldProblem(f"/{name}", "there is no such part") for name in form if name not in {"content", "style", "spec"}
    ]
    if unknown:
        raise InvalidSpec(*unknown)
    text = form.get("spec", "{}")
    data = _parsed(text, pointer="/spec") if isinstance(text, str) else None
    if not isinstance(data, dict):
        raise InvalidSpec(FieldProblem("/spec", "this part is a JSON object, as text"))
    styles = data.get("styles") or [{} for _ in form.getlist("style")]
    if not isinstance(styles, list) or len(styles) != len(form.getlist("style")):
        raise InvalidSpec(FieldProblem("/style", "give one file for each entry of styles"))
    data.setdefault("kind", "transfer")
    if "content" in form:
        data["content"] = await _inline(form["content"], pointer="/content")
    data["styles"] = [
        style | {"image": await _inline(file, pointer="/style")} if isinstance(style, dict) else style
        for style, file in zip(styles, form.getlist("style"), strict=True)
    ]
    return data


async def _inline(part: UploadFile | str, *, pointer: str) -> dict[str, str]:
    if isinstance(part, str):
        raise InvalidSpec(FieldProblem(pointer, "this part is a file"))
    return {"data": base64.b64encode(await part.read()).decode()}


def _etag(tracked: Tracked, *, window_s: int) -> str:
    """Tell one answer from the next: the record's version, the place in the queue, the URLs' window."""
    position = tracked.wait.position if tracked.wait else 0
    return f'"{tracked.job.version}-{position}-{int(time.time() // window_s)}"'
