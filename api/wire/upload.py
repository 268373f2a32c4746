"""The shape of an upload."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.wire.times import at

if TYPE_CHECKING:
    from service.stores.upload_store import Upload


class UploadOut(BaseModel):
    """An uploaded image."""

    id: str
    sha256: str = Field(description="Of the file as it came.")
    bytes: int
    content_type: str
    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    expires_at: datetime = Field(description="A job that names it keeps its own copy.")

    @classmethod
    def of(cls, upload: Upload) -> UploadOut:
        """Describe an upload."""
        return cls(
            id=upload.id,
            sha256=upload.sha256,
            bytes=upload.bytes,
            content_type=upload.content_type,
            width=upload.width,
            height=upload.height,
            expires_at=at(upload.expires_ms),
        )
