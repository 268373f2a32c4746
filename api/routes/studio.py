"""`/` and `/studio/…`: the studio, a page for people who look at pictures. Its files are served as they are."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.answer_headers import REVALIDATED
from api.deps import TheServices

if TYPE_CHECKING:
    from service.wiring import Services

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parents[1] / "studio"
PAGE = "index.html"


class File(NamedTuple):
    """A file of the studio: what is in it, its type, and its ETag."""

    body: bytes
    content_type: str
    etag: str


@router.get("/")
async def page(request: Request, services: TheServices) -> Response:
    """Serve the page."""
    return _served(PAGE, request, services)


@router.get("/studio/{name:path}")
async def file(name: str, request: Request, services: TheServices) -> Response:
    """Serve one of the files that the page asks for."""
    return _served(name, request, services)


def policy(pictures: str) -> str:
    """Write the page's Content-Security-Policy.

    It runs its own scripts alone, nothing that is written into the page, and speaks to nobody but this service;
    pictures come from the object storage too, by its origin.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            f"img-src 'self' blob: data: {pictures}",
            f"media-src {pictures}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _served(name: str, request: Request, services: Services) -> Response:
    found = files().get(name)
    if found is None:
        raise HTTPException(404)
    headers = {
        "ETag": found.etag,
        "Cache-Control": REVALIDATED,
        "Content-Security-Policy": policy(services.blobs.public_origin()),
    }
    if request.headers.get("If-None-Match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=found.content_type, headers=headers)


@cache
def files() -> dict[str, File]:
    """Read all files of the studio, by their names."""
    found = {}
    for path in sorted(FOLDER.rglob("*.*")):
        body = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        found[path.relative_to(FOLDER).as_posix()] = File(body, kind, etag)
    return found
