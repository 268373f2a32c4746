"""The shape of an API key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.wire.times import Instant, at, maybe_at
from service.stores.key_store import LIMIT_MAX

if TYPE_CHECKING:
    from service.stores.key_store import KeyRecord


class LimitsOut(BaseModel):
    """What a key may ask for; null: as much as the service's settings say."""

    model_config = ConfigDict(extra="forbid", strict=True)  # true is no number

    requests_per_minute: int | None = Field(
        None, ge=1, le=LIMIT_MAX, description="How fast its allowance of requests comes back."
    )
    burst: int | None = Field(None, ge=1, le=LIMIT_MAX, description="Requests that it may make at once.")
    jobs_in_flight: int | None = Field(
        None, ge=1, le=LIMIT_MAX, description="Jobs of its own that may be open at the same time."
    )
    bytes_per_day: int | None = Field(
        None, ge=1, le=LIMIT_MAX, description="Bytes that its requests may bring in a day."
    )


class KeyIn(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=256, description="What it is for.")
    scopes: list[Literal["jobs:read", "jobs:write", "admin"]] = Field(
        ["jobs:read", "jobs:write"], min_length=1, max_length=16
    )
    limits: LimitsOut = LimitsOut()
    expires_at: Instant | None = Field(None, description="It ends by itself then; null: it does not.")


class KeyOut(BaseModel):
    """A key; the key itself is not kept."""

    id: str
    name: str
    scopes: list[str]
    limits: LimitsOut
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To a minute.")
    old_secret_until: datetime | None = Field(description="Until when the secret before the last rotation works.")

    @classmethod
    def of(cls, record: KeyRecord) -> KeyOut:
        """Describe a key."""
        return cls(
            id=record.id,
            name=record.name,
            scopes=sorted(record.scopes),
            limits=LimitsOut(**asdict(record.limits)),
            created_at=at(record.created_ms),
            expires_at=maybe_at(record.expires_ms),
            last_used_at=maybe_at(record.used_ms),
            old_secret_until=maybe_at(record.old_until_ms),
        )


class NewKeyOut(BaseModel):
    """A new key, or a key's new secret."""

    id: str
    key: str = Field(repr=False, description="Shown now and not again.")


class KeysOut(BaseModel):
    """All keys of a tenant, oldest first."""

    items: list[KeyOut]
