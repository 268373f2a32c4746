"""The shape of a style, and of a page of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.wire.times import at

if TYPE_CHECKING:
    from service.stores.style_store import StyleRecord


class StyleLinksOut(BaseModel):
    """Where else to go."""

    self: str


class StyleOut(BaseModel):
    """A painting that is kept under a name."""

    id: str = Field(description="What a job's `styles[].style_id` takes.")
    name: str
    sha256: str = Field(description="Of the file as it came.")
    bytes: int
    content_type: str
    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    labels: dict[str, str]
    created_at: datetime
    url: str = Field(repr=False, description="The painting as a PNG, upright and in sRGB; short-lived.")
    url_expires_at: datetime
    links: StyleLinksOut

    @classmethod
    def of(cls, style: StyleRecord, url: str, expires_at: datetime) -> StyleOut:
        """Describe a style, whose painting can be looked at under `url` until then."""
        return cls(
            id=style.id,
            name=style.name,
            sha256=style.sha256,
            bytes=style.bytes,
            content_type=style.content_type,
            width=style.width,
            height=style.height,
            labels=dict(style.labels),
            created_at=at(style.created_ms),
            url=url,
            url_expires_at=expires_at,
            links=StyleLinksOut(self=f"/v1/styles/{style.id}"),
        )


class StylesOut(BaseModel):
    """A page of styles, newest first."""

    items: list[StyleOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")
