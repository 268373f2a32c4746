"""Preparing what was posted: specs resolved, their images taken in, everything checked, before a job is saved.

A batch is prepared as a whole: an image that many of its jobs name is taken in once, and what is wrong with any of
them is said of all at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from uuid_utils import uuid7

import service
from service.affordable import check_affordable
from service.errors import FieldProblem, InvalidImage, InvalidSpec, NotFound, UploadWaiting, UrlRefused, UrlUnreachable
from service.job import Input, Job, JobState
from service.pictures import decode_stored
from service.plan import check_masks, check_sizes, is_mask, with_fitting_pyramid
from service.resolve import resolve
from service.spec import ImageRef, RenderSpec
from service.stores.submission import Submission
from service.tracing import carried
from service.upload import upload
from service.webhooks import check_url
from service.work import by_pointer, load_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from service.pace import Worker
    from service.stores.style_store import StyleRecord
    from service.stores.upload_store import Upload
    from service.wiring import Services

T = TypeVar("T")

URLS_MAX = 32
"""Of one request."""
FETCHES_AT_ONCE = 8

NOT_PAINTED = {
    "preset",  # it has become options
    "priority",
    "labels",
    "cache",
    "start_deadline_s",
    "run_timeout_s",
    "attempts_max",
    "retention_s",
    "webhook",
}
"""What of a resolved spec has no influence on the pictures."""


@dataclass(frozen=True, slots=True)
class Posted:
    """One spec as it was posted.

    Attributes:
        spec: with whatever it leaves open.
        where: where in the request a pointer of the spec leads.
        custom_id: what the client calls it within its batch.
    """

    spec: RenderSpec
    where: Callable[[str], str] = str
    custom_id: str | None = None


def prepare(posted: Sequence[Posted], *, tenant: str, services: Services) -> list[Submission]:
    """Make jobs of specs, or say by field why not.

    Args:
        posted: one, or those of a batch.
        tenant: whose they are.
        services: the open parts.

    Returns:
        A queued job each, with new ids.

    Raises:
        InvalidSpec: fields that can't be painted, images that are unknown or no pictures, of every spec.
        Unavailable: a store is out of reach.
    """
    run_max_s = services.settings.run_max_s
    resolved = _each((one, partial(_resolved, one.spec, run_max_s=run_max_s)) for one in posted)
    _each((one, partial(_check_webhook, one.spec, services=services)) for one in _with_own_urls(posted))
    pairs = list(zip(posted, resolved, strict=True))
    taken = _taken_in(pairs, tenant=tenant, services=services)
    return _each((one, partial(_ready, one, spec, taken, tenant=tenant, services=services)) for one, spec in pairs)


def check_each_affordable(
    posted: Sequence[Posted], submissions: Sequence[Submission], *, workers: Sequence[Worker]
) -> None:
    """Refuse specs that would take more time or memory than there is.

    Raises:
        InvalidSpec: naming the fields of every such spec.
    """
    _each(
        (one, partial(check_affordable, made.job.spec, made.job.inputs, workers=workers))
        for one, made in zip(posted, submissions, strict=True)
    )


def prepared_again(job: Job) -> Submission:
    """Prepare a job's spec and pictures once more, as a new job that is painted whatever was painted before."""
    return Submission(_new(job.tenant, job.spec, job.inputs), fingerprint(job.spec))


def fingerprint(spec: BaseModel) -> str:
    """Give the digest of what was posted: who sends the same again means the same."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def _each(calls: Iterable[tuple[Posted, Callable[[], T]]]) -> list[T]:
    """Make every call, and say of all together what is wrong, each thing once."""
    done, problems = list[T](), dict[FieldProblem, None]()
    for one, call in calls:
        try:
            done.append(call())
        except InvalidSpec as error:
            problems |= dict.fromkeys(FieldProblem(one.where(p.pointer), p.detail) for p in error.problems)
    if problems:
        raise InvalidSpec(*problems)
    return done


def _with_own_urls(posted: Sequence[Posted]) -> Iterable[Posted]:
    """Give one spec for each URL that is to be told, as a thousand jobs may name the same."""
    return {one.spec.webhook.url: one for one in posted if one.spec.webhook is not None}.values()


def _check_webhook(spec: RenderSpec, *, services: Services) -> None:
    if spec.webhook is not None:
        check_url(spec.webhook.url, "/webhook/url", services=services)


def _resolved(posted: RenderSpec, *, run_max_s: int) -> RenderSpec:
    spec = resolve(posted)
    if spec.run_timeout_s is not None and spec.run_timeout_s > run_max_s:
        raise InvalidSpec(FieldProblem("/run_timeout_s", f"no job may run for more than {run_max_s} s here"))
    return spec.model_copy(update={"run_timeout_s": spec.run_timeout_s or float(run_max_s)})


def _taken_in(
    pairs: Sequence[tuple[Posted, RenderSpec]], *, tenant: str, services: Services
) -> dict[ImageRef | str, Upload | StyleRecord]:
    """Find the upload of every image that the specs name, and every style by its id.

    What is within the request, or to be fetched, becomes an upload.
    """
    named: dict[ImageRef, list[str]] = defaultdict(list)
    for one, spec in pairs:
        for pointer, ref in spec.image_refs().items():
            named[ref].append(one.where(pointer))
    too_many = dict.fromkeys(_too_many_urls(named))
    problems = dict(too_many)
    taken: dict[ImageRef | str, Upload | StyleRecord] = {}
    for style_id, pointers in _named_styles(pairs).items():
        try:
            taken[style_id] = services.styles.get(tenant, style_id)
        except NotFound as error:
            problems |= dict.fromkeys(FieldProblem(at, str(error)) for at in pointers)
    if not too_many:
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            found = pool.map(lambda ref: _uploaded(ref, tenant=tenant, services=services), named)
            for (ref, pointers), upload_or_why in zip(named.items(), found, strict=True):
                if isinstance(upload_or_why, str):
                    problems |= dict.fromkeys(FieldProblem(f"{at}/{ref.way}", upload_or_why) for at in pointers)
                else:
                    taken[ref] = upload_or_why
    if problems:
        raise InvalidSpec(*problems)
    return taken


def _named_styles(pairs: Iterable[tuple[Posted, RenderSpec]]) -> Mapping[str, Sequence[str]]:
    """List where the request names each style."""
    named: dict[str, list[str]] = defaultdict(list)
    for one, spec in pairs:
        for pointer, style_id in spec.style_ids().items():
            named[style_id].append(one.where(spec.named_at(pointer)))
    return named


def _too_many_urls(named: Mapping[ImageRef, Sequence[str]]) -> Iterator[FieldProblem]:
    beyond = [pointers for ref, pointers in named.items() if ref.url is not None][URLS_MAX:]
    for pointer in chain.from_iterable(beyond):
        yield FieldProblem(f"{pointer}/url", f"one request names at most {URLS_MAX} URLs: upload the others first")


def _uploaded(ref: ImageRef, *, tenant: str, services: Services) -> Upload | str:
    """Give the upload of an image, or say why there is none."""
    try:
        if ref.upload_id is not None:
            return services.uploads.get(tenant, ref.upload_id)
        return upload(bytes_of(ref, services=services), tenant=tenant, services=services)
    except (NotFound, UploadWaiting, InvalidImage, UrlRefused, UrlUnreachable) as error:
        return str(error)


def take_in(ref: ImageRef, *, tenant: str, services: Services) -> Upload:
    """Take in the one image that a request brings or names.

    Raises:
        InvalidSpec: it is unknown, can't be fetched, or is no picture.
    """
    taken = _uploaded(ref, tenant=tenant, services=services)
    if isinstance(taken, str):
        raise InvalidSpec(FieldProblem(f"/{ref.way}", taken))
    return taken


def bytes_of(ref: ImageRef, *, services: Services) -> bytes:
    """Give the file that a request brings, or names by its URL.

    Raises:
        InvalidImage: it is not what it should be.
        UrlRefused, UrlUnreachable: it can't be fetched.
    """
    if ref.url is not None:
        return services.outside.get(ref.url, max_bytes=services.settings.upload_max_bytes)
    try:
        return base64.b64decode(ref.data or "", validate=True)
    except ValueError:
        raise InvalidImage("This is not base64.") from None


def _ready(
    posted: Posted,
    resolved: RenderSpec,
    taken: Mapping[ImageRef | str, Upload | StyleRecord],
    *,
    tenant: str,
    services: Services,
) -> Submission:
    """Check a spec against its pictures, and make it a job."""
    refs = resolved.image_refs()
    found = {pointer: taken[named] for pointer, named in (refs | resolved.style_ids()).items()}
    resolved = with_fitting_pyramid(posted.spec, resolved, found)
    check_sizes(resolved, found, size_max=services.settings.size_max)
    check_masks({p: decode_stored(services.blobs.get(up.key)) for p, up in found.items() if is_mask(p)})
    spec = resolved.with_images({pointer: ImageRef(upload_id=found[pointer].id) for pointer in refs})
    inputs = tuple(Input(pointer, up.key, up.stored_sha256, up.width, up.height) for pointer, up in found.items())
    job = replace(_new(tenant, spec, inputs), custom_id=posted.custom_id)
    return Submission(job, fingerprint(posted.spec), _work(spec, inputs) if posted.spec.cache else "")


def _new(tenant: str, spec: RenderSpec, inputs: tuple[Input, ...]) -> Job:
    return Job(
        tenant=tenant,
        id=str(uuid7()),
        state=JobState.QUEUED,
        spec=spec,
        inputs=inputs,
        attempt=0,
        attempts_max=spec.attempts_max,
        fence=0,
        version=1,
        created_ms=0,
        load=load_of(spec, by_pointer(inputs)),
        trace=carried(),
    )


def _work(spec: RenderSpec, inputs: Iterable[Input]) -> str:
    """Give the digest of all that decides on the pictures."""
    pixels = spec.with_images({image.pointer: ImageRef(upload_id=image.sha256) for image in inputs})
    said = {"spec": pixels.model_dump(mode="json", exclude=NOT_PAINTED), "version": service.__version__}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
