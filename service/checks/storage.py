"""S3: whether it answers, lets us in, has the bucket, and keeps what it is given."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

from service.checks.finding import Finding, ok, place, wrong
from service.checks.job_store import clock
from service.checks.privacy import look_at_privacy
from service.errors import BlobStoreUnavailable, ImpastoError, NotFound
from service.stores.blob_store import BlobStore
from service.stores.troubles import Trouble, time_told, trouble_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.settings import Settings

PROBES = "doctor/"
LEFT_AFTER_S = 600
"""A probe that is older was left by a doctor who was killed."""

OUT_OF_REACH = {
    Trouble.REFUSED: ("Nothing listens at {at}.", "Start the object storage, or correct IMPASTO_S3_ENDPOINT."),
    Trouble.SILENT: (
        "{at} does not answer.",
        "See whether it is up and no firewall stands between; if it is, the object storage itself is stuck.",
    ),
    Trouble.UNKNOWN_HOST: (
        "Nobody knows the host of {at}.",
        "Correct IMPASTO_S3_ENDPOINT or the name server; without a wildcard name, set IMPASTO_S3_ADDRESSING=path.",
    ),
    Trouble.CLOSED: ("{at} hangs up.", "If it speaks TLS, IMPASTO_S3_ENDPOINT must begin with https://."),
    Trouble.TLS: ("{at} does not speak TLS with us.", "If it has no TLS, let IMPASTO_S3_ENDPOINT begin with http://."),
    Trouble.CERTIFICATE: (
        "The certificate of {at} is not one that this machine trusts.",
        "See whether it has expired, names this host, and is signed by an authority that is known here.",
    ),
    Trouble.NO_CREDENTIALS: (
        "There are no credentials for {at}.",
        "Set IMPASTO_S3_ACCESS_KEY_ID and IMPASTO_S3_SECRET_ACCESS_KEY, or give this machine a role.",
    ),
}
REFUSALS = {
    Trouble.CREDENTIALS: (
        "{at} does not know these credentials.",
        "Correct IMPASTO_S3_ACCESS_KEY_ID and IMPASTO_S3_SECRET_ACCESS_KEY; temporary ones may have expired.",
    ),
    Trouble.PERMISSION: (
        "{at} does not permit us to use the bucket {bucket}.",
        "Permit s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject on it; or it is somebody else's bucket.",
    ),
    Trouble.REGION: ("The bucket {bucket} is of another region.", "Set IMPASTO_S3_REGION to the bucket's."),
    Trouble.CLOCK: (
        "{at} refuses every request: the clocks are too far apart.",
        "Let this machine follow a time server; S3 refuses whoever is a quarter of an hour off.",
    ),
}


def look_at_storage(settings: Settings) -> Iterator[Finding]:
    """Look at S3; the first finding, `s3`, says whether it answers and lets us in."""
    at = place(settings.s3_endpoint, otherwise="IMPASTO_S3_ENDPOINT") if settings.s3_endpoint else "AWS"
    with closing(BlobStore(settings)) as blobs:  # without Redis's part of the services, which may be what is wrong
        refused = _refusal(blobs)
        if refused is not None and (known := OUT_OF_REACH.get(trouble_of(refused))):
            yield wrong("s3", known[0].format(at=at), known[1])
            return
        asked = time.time()
        answer = _answer_to_nobodys_key(blobs)
        now = (asked + time.time()) / 2
        yield _access(refused, answer, at=at, bucket=settings.s3_bucket)
        if (told := time_told(answer)) is not None:
            yield clock("s3.clock", "S3's", told - now)
        yield from _bucket(refused, blobs, settings)


def _refusal(blobs: BlobStore) -> BlobStoreUnavailable | None:
    try:
        blobs.ping()
    except BlobStoreUnavailable as error:
        return error
    return None


def _answer_to_nobodys_key(blobs: BlobStore) -> ImpastoError:
    """Ask for what isn't there: the answer tells the time, and says why if we are refused, as one to HEAD doesn't."""
    try:
        blobs.get(f"{PROBES}nobody")
    except (BlobStoreUnavailable, NotFound) as error:
        return error
    return NotFound("object", "nobody")


def _access(refused: BlobStoreUnavailable | None, answer: ImpastoError, *, at: str, bucket: str) -> Finding:
    if refused is None or trouble_of(refused) is Trouble.NO_BUCKET:
        return ok("s3", f"It answers at {at}.")
    why = answer if isinstance(answer, BlobStoreUnavailable) else refused
    fact, advice = REFUSALS.get(trouble_of(why), ("{at} refuses us ({why}).", "Its own log may say why."))
    return wrong("s3", fact.format(at=at, bucket=bucket, why=why), advice)


def _bucket(refused: BlobStoreUnavailable | None, blobs: BlobStore, settings: Settings) -> Iterator[Finding]:
    bucket = settings.s3_bucket
    if refused is None:
        yield ok("s3.bucket", f"The bucket {bucket} is there.")
        yield from _keeping(blobs, settings)
    elif trouble_of(refused) is Trouble.NO_BUCKET:
        advice = f"Make it (aws s3 mb s3://{bucket}), or correct IMPASTO_S3_BUCKET or IMPASTO_S3_ENDPOINT."
        yield wrong("s3.bucket", f"There is no bucket {bucket}.", advice)


def _keeping(blobs: BlobStore, settings: Settings) -> Iterator[Finding]:
    key, data = f"{PROBES}{time.time():.0f}-{uuid.uuid4().hex}", b"impasto doctor was here"

    def write() -> None:
        blobs.put(key, data, content_type="text/plain")

    def read() -> None:
        if blobs.get(key) != data:
            raise BlobStoreUnavailable("other bytes came back")

    def remove() -> None:
        for found in blobs.keys(PROBES):
            if found == key or _was_left(found):
                blobs.delete_prefix(found)

    # Each is tried whatever came of the one before, so that the probe never stays.
    came_of = {"written": _failure(write), "read": _failure(read)}
    if not any(came_of.values()):
        yield look_at_privacy(settings, key, data)
    came_of["deleted"] = _failure(remove)
    failures = [(word, why) for word, why in came_of.items() if why]
    if not failures:
        yield ok("s3.keeping", "An object was written, read and deleted.")
        return
    word, why = failures[0]
    advice = "Permit s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket, and see that its disks have room."
    yield wrong("s3.keeping", f"An object can't be {word} ({why}).", advice)


def _failure(step: Callable[[], None]) -> str:
    try:
        step()
    except (BlobStoreUnavailable, NotFound) as error:
        return str(error).rstrip(".")
    return ""


def _was_left(key: str) -> bool:
    written = key.removeprefix(PROBES).partition("-")[0]
    return written.isdigit() and time.time() - int(written) > LEFT_AFTER_S
