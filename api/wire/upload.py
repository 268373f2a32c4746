"""The shapes of an upload: how one is asked for, and how it is answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.wire.times import at

if TYPE_CHECKING:
    from service.direct import Announced
    from service.stores.upload_store import Expected, Upload


class UploadByUrl(BaseModel):
    """An image that the service fetches."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2048, repr=False, description="https, at a public address.")


class UploadInline(BaseModel):
    """An image within the request."""

    model_config = ConfigDict(extra="forbid")

    data: str = Field(min_length=1, repr=False, description="The file's bytes, base64.")


class UploadAgain(BaseModel):
    """A picture that one of your jobs was posted with, to be used once more after its upload has expired."""

    model_config = ConfigDict(extra="forbid")

    job_id: str = Field(min_length=1, max_length=64, description="A job that is still kept.")
    pointer: str = Field(
        min_length=1,
        max_length=64,
        description="Where that job's spec names it, as `GET /v1/jobs/{id}/inputs` says.",
        examples=["/content", "/styles/0/image"],
    )


class UploadDirect(BaseModel):
    """An image that the client will put into the storage itself."""

    model_config = ConfigDict(extra="forbid")

    bytes: int = Field(ge=1, le=2**53 - 1, description="Of the file.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the file, hexadecimal.")
    content_type: Literal["image/jpeg", "image/png", "image/webp", "image/tiff"]


class PutOut(BaseModel):
    """Where a file is to be put: exactly the file that was announced, with these headers."""

    method: Literal["PUT"] = "PUT"
    url: str = Field(repr=False)
    headers: dict[str, str]
    expires_at: datetime


class UploadOut(BaseModel):
    """An uploaded image."""

    id: str
    status: Literal["ready", "waiting"] = Field(
        description="waiting: for its bytes, or to be completed. Only what is ready can be named by a job."
    )
    sha256: str = Field(description="Of the file as it came.")
    bytes: int
    content_type: str = Field(description="What the file is; while it is awaited, what it is said to be.")
    width: int | None = Field(description="Pixels, upright; null while it is awaited.")
    height: int | None = Field(description="Pixels, upright; null while it is awaited.")
    expires_at: datetime = Field(description="A job that names it keeps its own copy.")
    upload: PutOut | None = Field(None, description="Where to put the file; said once, when it is announced.")

    @classmethod
    def of(cls, upload: Upload | Expected) -> UploadOut:
        """Describe an upload."""
        width = getattr(upload, "width", None)  # what is expected has no size yet
        return cls(
            id=upload.id,
            status="waiting" if width is None else "ready",
            sha256=upload.sha256,
            bytes=upload.bytes,
            content_type=upload.content_type,
            width=width,
            height=getattr(upload, "height", None),
            expires_at=at(upload.expires_ms),
        )

    @classmethod
    def of_announced(cls, announced: Announced) -> UploadOut:
        """Describe an upload whose bytes are awaited, with the place to put them."""
        put = announced.put
        where = PutOut(url=put.url, headers=dict(put.headers), expires_at=at(announced.until_ms))
        return cls.of(announced.upload).model_copy(update={"upload": where})
