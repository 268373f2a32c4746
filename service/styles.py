"""Styles: paintings with a name, stored once and used in any number of jobs by their id.

A style never expires, and never changes: another painting is another style. A job that uses one holds the picture
itself, so that it is painted, and may be painted again, after the style was deleted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from uuid_utils import uuid7

from service.errors import (
    BlobStoreUnavailable,
    FieldProblem,
    InvalidImage,
    InvalidSpec,
    NotFound,
    UploadWaiting,
    UrlRefused,
    UrlUnreachable,
)
from service.log import log
from service.options import Frozen
from service.prepare import bytes_of
from service.spec import MAX_LABELS, ImageRef
from service.stores.style_store import Saved, StyleRecord
from service.upload import upload
from service.validation import validated

if TYPE_CHECKING:
    from service.stores.upload_store import Upload
    from service.wiring import Services

STYLES_MAX = 1000
"""Of one tenant."""

PASSING_S = 600
"""Seconds that a picture which came with its style is held beside it: until the style holds it, and longer than any
request takes. So little is left of a style that is deleted, and of one whose post failed half-way."""


class StyleSpec(Frozen):
    """A style, as posted."""

    name: str = Field(min_length=1, max_length=128, description="What you call it; several may have one name.")
    image: ImageRef = Field(description="The painting. What is transparent in it does not count.")
    labels: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict, max_length=MAX_LABELS, description="Your own words about the style."
    )


def parse_style(data: object) -> StyleSpec:
    """Read a style from decoded JSON.

    Raises:
        InvalidSpec: naming each field that is wrong by its JSON pointer.
    """
    return validated(StyleSpec, data)


def make_style(spec: StyleSpec, *, tenant: str, services: Services, style_id: str | None = None) -> StyleRecord:
    """Keep a painting under a name.

    Args:
        spec: as posted.
        tenant: whose style it is.
        services: the open parts.
        style_id: its id, decided on before; a style that has it is given as it is.

    Raises:
        InvalidSpec: the image is unknown, or no picture; or there are too many styles.
        Unavailable: a store is out of reach; the caller learns no id.
    """
    if style_id is not None:
        with suppress(NotFound):
            return services.styles.get(tenant, style_id)
    picture = _picture(spec.image, tenant=tenant, services=services)
    style = StyleRecord(
        tenant=tenant,
        id=style_id or str(uuid7()),
        name=spec.name,
        sha256=picture.sha256,
        key=picture.key,
        stored_sha256=picture.stored_sha256,
        bytes=picture.bytes,
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        labels=spec.labels,
        created_ms=0,
    )
    made = services.styles.save(style, at_most=STYLES_MAX)
    if made is Saved.FULL:
        raise InvalidSpec(FieldProblem("", f"there are {STYLES_MAX} styles already: delete one first"))
    if made is Saved.MISSING:
        raise InvalidSpec(FieldProblem("/image/upload_id", "this upload has just expired"))
    log().info("style_made", tenant=tenant, style_id=style.id)
    return services.styles.get(tenant, style.id)


def delete_style(tenant: str, style_id: str, *, services: Services) -> None:
    """Delete a style, its statistics, and its picture unless a job or an upload needs it.

    Raises:
        NotFound: the tenant has no such style.
    """
    free = services.styles.delete(tenant, style_id)
    log().info("style_deleted", tenant=tenant, style_id=style_id)
    try:
        for objects in free:
            services.blobs.delete_prefix(objects)
    except BlobStoreUnavailable as error:  # nobody holds them any more; the sweep finds them
        log().warning("purge_incomplete", style_id=style_id, detail=str(error))


def _picture(ref: ImageRef, *, tenant: str, services: Services) -> Upload:
    try:
        if ref.upload_id is not None:
            return services.uploads.get(tenant, ref.upload_id)
        return upload(bytes_of(ref, services=services), tenant=tenant, services=services, ttl_s=PASSING_S)
    except (NotFound, UploadWaiting) as error:
        raise InvalidSpec(FieldProblem("/image/upload_id", str(error))) from error
    except (InvalidImage, UrlRefused, UrlUnreachable) as error:
        raise InvalidSpec(FieldProblem(f"/image/{ref.way}", str(error))) from error
