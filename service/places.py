"""Where objects lie in the storage, and the names by which jobs, uploads and styles hold them.

    <tenant>/inputs/<sha256>/<generation>.png            one picture, shared by all who hold `image/<sha256>`
    <tenant>/statistics/<digest>/<generation>.npz        what a network sees of a style, held as `statistics/<digest>`
    <tenant>/uploads/<id>                                put there by a client, held as `upload/<id>` until completed
    <tenant>/jobs/<id>/attempts/<fence>/<file>           of one attempt; published: held as `result/<id>/<fence>`
    <tenant>/jobs/<id>/attempts/<fence>/checkpoint.npz   where the next attempt may go on
    <tenant>/jobs/<id>/attempts/<fence>/preview.webp     how it looks so far

An object that was let go is never used again: who brings the same picture later puts it under a new generation, so
that a deletion on its way can't hit what came after it.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

CHECKPOINT, PREVIEW = "checkpoint.npz", "preview.webp"
"""Files that only an attempt which is under way, or the next one, has a use for."""

_IMAGE = re.compile(r"([^/]+)/inputs/([0-9a-f]{64})/[^/]+")
_STATISTICS = re.compile(r"([^/]+)/statistics/([0-9a-f]{64})/[^/]+")
_DIRECT = re.compile(r"([^/]+)/uploads/([^/]+)")
_ATTEMPT = re.compile(r"([^/]+)/jobs/([^/]+)/attempts/(\d+)/(.+)")


class Place(NamedTuple):
    """What a key says: whose object it is, the name it is held by, and of an attempt's the job, fence and file."""

    tenant: str
    hold: str
    job_id: str = ""
    fence: str = ""
    file: str = ""


def new_image_key(tenant: str, sha256: str) -> str:
    """Choose where a picture is to lie, should nobody hold it yet."""
    return f"{tenant}/inputs/{sha256}/{secrets.token_hex(4)}.png"


def image_hold(sha256: str) -> str:
    """Name what holds a picture."""
    return f"image/{sha256}"


def new_statistics_key(tenant: str, digest: str) -> str:
    """Choose where statistics are to lie, should nobody hold them yet."""
    return f"{tenant}/statistics/{digest}/{secrets.token_hex(4)}.npz"


def statistics_hold(digest: str) -> str:
    """Name what holds statistics."""
    return f"statistics/{digest}"


def direct_key(tenant: str, upload_id: str) -> str:
    """Say where a client may put the bytes of one upload, and nobody reads them but its completion."""
    return f"{tenant}/uploads/{upload_id}"


def direct_hold(upload_id: str) -> str:
    """Name what holds those bytes."""
    return f"upload/{upload_id}"


def attempt_prefix(tenant: str, job_id: str, fence: int) -> str:
    """Say where one attempt, and no other, may write."""
    return f"{tenant}/jobs/{job_id}/attempts/{fence}/"


def result_hold(job_id: str, fence: int) -> str:
    """Name what holds an attempt's published files."""
    return f"result/{job_id}/{fence}"


def place_of(key: str) -> Place | None:
    """Read a key; None when it isn't one of ours."""
    if match := _IMAGE.fullmatch(key):
        return Place(match[1], image_hold(match[2]))
    if match := _STATISTICS.fullmatch(key):
        return Place(match[1], statistics_hold(match[2]))
    if match := _DIRECT.fullmatch(key):
        return Place(match[1], direct_hold(match[2]))
    if match := _ATTEMPT.fullmatch(key):
        tenant, job_id, fence, file = match.groups()
        return Place(tenant, result_hold(job_id, int(fence)), job_id, fence, file)
    return None
