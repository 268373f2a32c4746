"""Whether the bucket is private: pictures are to be had by presigned URLs, and in no other way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.finding import Finding, ok, warning, wrong
from service.errors import BlobStoreUnavailable
from service.stores.strangers import open_to_anyone

if TYPE_CHECKING:
    from service.settings import Settings

_ADVICE = "Take away whatever policy, ACL or anonymous user permits it; on AWS, block all public access to the bucket."


def look_at_privacy(settings: Settings, key: str, data: bytes) -> Finding:
    """Try what a stranger could do to an object of the doctor's own.

    Args:
        settings: where S3 is.
        key: of the object, which is there and is deleted afterwards.
        data: its bytes.
    """
    try:
        allowed = open_to_anyone(settings, key, data)
    except BlobStoreUnavailable as error:
        why = str(error).rstrip(".")
        advice = "Look from a machine that reaches both IMPASTO_S3_ENDPOINT and IMPASTO_S3_PUBLIC_ENDPOINT."
        return warning("s3.private", f"Whether the bucket is private could not be looked at ({why}).", advice)
    if not allowed:
        return ok("s3.private", "Nobody lists, reads or writes anything without credentials.")
    fact = f"Anybody may {' and '.join(sorted(allowed))} in the bucket {settings.s3_bucket}, without credentials."
    return (wrong if "write" in allowed else warning)("s3.private", fact, _ADVICE)
