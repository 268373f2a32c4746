"""The shape of a problem (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, Field


class FieldErrorOut(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the request body.")
    detail: str


class ProblemOut(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; match on this.")
    instance: str
    request_id: str | None
    errors: list[FieldErrorOut] | None = None
