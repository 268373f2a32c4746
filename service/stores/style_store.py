"""Styles in Redis: pictures with a name, kept until they are deleted, and where their statistics lie."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from service.errors import NotFound
from service.places import image_hold, new_statistics_key, statistics_hold
from service.stores.connection import RedisClient, translated
from service.stores.job_list import marks
from service.stores.records import flat
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.stores.job_list import Mark

STATISTICS_MAX = 64
"""Of one style: it is looked at in a few sizes, by a few sets of layers. At 2.4 MB each these are 150 MB, and those of
versions and sizes that nobody uses any more make room."""


@dataclass(frozen=True, slots=True)
class StyleRecord:
    """One painting that a tenant keeps.

    Attributes:
        sha256: of the file as it came.
        key: where the normalised image lies in the blob store.
        stored_sha256: of the bytes that lie there.
        bytes: of the file as it came.
        content_type: of the file as it came.
        labels: the client's own words about it.
    """

    tenant: str
    id: str
    name: str
    sha256: str
    key: str
    stored_sha256: str
    bytes: int
    content_type: str
    width: int
    height: int
    labels: Mapping[str, str]
    created_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """Where statistics lie, None where there are none; and objects that are to be deleted, as prefixes of keys."""

    key: str | None
    free: tuple[str, ...]


class Saved(Enum):
    """What came of saving a style: its picture may just have gone, or there may be too many."""

    MADE = "made"
    MISSING = "missing"
    FULL = "full"


class StyleStore:
    """The styles of all tenants. Every method raises JobStoreUnavailable when Redis is out of reach."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._redis = client
        self._prefix = prefix
        self._scripts = Scripts(client, prefix, "save_style", "delete_style", "hold_statistics")

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @translated
    def save(self, style: StyleRecord, *, at_most: int) -> Saved:
        """Remember a style, and hold its picture, if the tenant has fewer than `at_most`."""
        facts = asdict(style) | {"labels": json.dumps(dict(style.labels))}
        fields = {name: facts[name] for name in facts if name not in {"tenant", "id", "key", "created_ms"}}
        hold = image_hold(style.stored_sha256)
        return Saved(self._scripts.run("save_style", style.tenant, style.id, hold, at_most, *flat(**fields)))

    @translated
    def get(self, tenant: str, style_id: str) -> StyleRecord:
        """Read a style.

        Raises:
            NotFound: the tenant has no such style.
        """
        fields = self._redis.hgetall(self._key("style", tenant, style_id))
        if not fields:
            raise NotFound("style", style_id)
        return _style_of(tenant, style_id, fields)

    @translated
    def page(self, tenant: str, *, after: Mark | None, limit: int) -> tuple[list[StyleRecord], Mark | None]:
        """Give the next styles after a place, newest first, and the place to go on from; None at the end."""
        found: list[Mark] = []
        while len(found) <= limit and (more := self._marks(tenant, found[-1] if found else after)):
            found += more
        with self._redis.pipeline(transaction=False) as pipe:
            for mark in found[:limit]:
                pipe.hgetall(self._key("style", tenant, mark.id))
            records = pipe.execute()
        styles = [_style_of(tenant, mark.id, fields) for mark, fields in zip(found, records, strict=False) if fields]
        return styles, found[limit - 1] if len(found) > limit else None

    def _marks(self, tenant: str, after: Mark | None) -> list[Mark]:
        return marks(self._redis, self._key("styles", tenant), after=after)

    @translated
    def delete(self, tenant: str, style_id: str) -> list[str]:
        """Forget a style; return where objects lie that nobody needs any more, as prefixes of keys.

        Raises:
            NotFound: the tenant has no such style.
        """
        free: list[str] | None = self._scripts.run("delete_style", tenant, style_id)
        if free is None:
            raise NotFound("style", style_id)
        return free

    @translated
    def find_statistics(self, tenant: str, style_id: str, digest: str) -> Held:
        """Say where statistics of a style lie; from now on it holds them too."""
        return self._held(tenant, style_id, digest, "")

    @translated
    def hold_statistics(self, tenant: str, style_id: str, digest: str) -> Held:
        """Let a style hold statistics, and say where to store them; None when there is no such style any more."""
        return self._held(tenant, style_id, digest, new_statistics_key(tenant, digest))

    def _held(self, tenant: str, style_id: str, digest: str, key: str) -> Held:
        found, *free = self._scripts.run(
            "hold_statistics", tenant, style_id, statistics_hold(digest), key, STATISTICS_MAX
        )
        return Held(found or None, tuple(free))


def _style_of(tenant: str, style_id: str, fields: Mapping[str, str]) -> StyleRecord:
    known: dict[str, Any] = {name: value for name, value in fields.items() if name != "holds"}
    numbers = {name: int(fields[name]) for name in ("bytes", "width", "height", "created_ms")}
    return StyleRecord(**{**known, **numbers, "labels": json.loads(known["labels"])}, tenant=tenant, id=style_id)
