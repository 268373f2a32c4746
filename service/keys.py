"""API keys: made, admitted, rotated, revoked. A key is shown once; what is stored is its digest.

A key reads `imp_<id>_<secret>`. The secret has 256 random bits, so a plain SHA-256 of it is as good as a slow hash, and
as only digests are compared, the time that takes tells nothing of the secret.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import time
from typing import TYPE_CHECKING

from service.errors import FieldProblem, Forbidden, InvalidSpec, NotFound, RateLimited, TooManyBytes, Unauthorized
from service.stores.key_store import KeyRecord, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.stores.key_store import Admission, KeyStore

SCOPES = frozenset({"jobs:read", "jobs:write", "admin", "metrics:read"})
"""`metrics:read` tells of all tenants, so that no tenant's admin may give it: only `impasto keys` does."""
TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Tenants stand in Redis keys and S3 prefixes, so their names can't hold a separator."""
OVERLAP_HOURS = 24
"""For how long the secret that was replaced works, unless somebody says otherwise."""

_KEY = re.compile(r"imp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


def create_key(  # noqa: PLR0913 - what a key is
    keys: KeyStore,
    *,
    tenant: str,
    name: str,
    scopes: Iterable[str] = ("jobs:read", "jobs:write"),
    limits: Limits = Limits(),  # noqa: B008 - frozen
    expires_ms: int | None = None,
) -> str:
    """Make a key and return it; it can't be shown again.

    Raises:
        InvalidSpec: the tenant's name or a scope is not one.
    """
    scopes = frozenset(scopes)
    if not TENANT.fullmatch(tenant):
        raise InvalidSpec(FieldProblem("/tenant", "use 1 to 63 of a-z, 0-9 and -, not beginning with -"))
    if not scopes or scopes - SCOPES:
        raise InvalidSpec(FieldProblem("/scopes", f"choose from {', '.join(sorted(SCOPES))}"))
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    created_ms = round(time.time() * 1000)
    keys.save(KeyRecord(key_id, tenant, name, scopes, _digest(secret), created_ms, limits, expires_ms=expires_ms))
    return _shown(key_id, secret)


def admit(keys: KeyStore, presented: str, *, brings: int) -> Admission:
    """Find out whose key this is, and take one request from its allowance.

    Args:
        keys: the store.
        presented: what the caller sent.
        brings: bytes of the request's body.

    Raises:
        Unauthorized: nobody's; nothing was looked up if it isn't even formed like a key.
    """
    match = _KEY.fullmatch(presented)
    admission = keys.admit(match[1], _digest(match[2]), brings=brings) if match else None
    if admission is None:
        raise Unauthorized("The key is not known here.")
    return admission


def check(admission: Admission, *, scope: str, bytes_per_day: int) -> KeyRecord:
    """Let a request pass, or say why not.

    Args:
        admission: what is left of its key's allowance.
        scope: what the key must be allowed.
        bytes_per_day: where the key says nothing.

    Raises:
        Forbidden: it lacks `scope`.
        RateLimited, TooManyBytes: its allowance is used up.
    """
    key = admission.key
    enough = {scope} if scope == "metrics:read" else {scope, "admin"}
    if not enough & key.scopes:
        raise Forbidden(scope=scope)
    if admission.admitted:
        return key
    if admission.next_ms > 0:
        raise RateLimited(retry_after_s=math.ceil(admission.next_ms / 1000))
    raise TooManyBytes(
        limit=key.limits.bytes_per_day or bytes_per_day,
        so_far=admission.bytes_so_far,
        retry_after_s=math.ceil(max(1, admission.bytes_ms) / 1000),
    )


def authenticate(keys: KeyStore, presented: str, *, scope: str) -> KeyRecord:
    """Find out whose key this is, and that it may do what `scope` says.

    Raises:
        Unauthorized, Forbidden, RateLimited, TooManyBytes: as above.
    """
    return check(admit(keys, presented, brings=0), scope=scope, bytes_per_day=0)


def rotate_key(keys: KeyStore, key_id: str, *, overlap_hours: float = OVERLAP_HOURS, tenant: str | None = None) -> str:
    """Give a key a new secret and return it; the old one works for `overlap_hours` more.

    Raises:
        NotFound: there is no such key, or it is not the tenant's.
    """
    secret = secrets.token_urlsafe(32)
    overlap_ms = round(overlap_hours * 3_600_000)
    if not keys.rotate(key_id, _digest(secret), overlap_ms=overlap_ms, tenant=tenant):
        raise NotFound("key", key_id)
    return _shown(key_id, secret)


def revoke_key(keys: KeyStore, key_id: str, *, tenant: str | None = None) -> None:
    """Make a key useless at once.

    Raises:
        NotFound: there is no such key, or it is not the tenant's.
    """
    record = keys.get(key_id)
    if record is None or tenant not in {None, record.tenant} or not keys.delete(key_id):
        raise NotFound("key", key_id)


def _shown(key_id: str, secret: str) -> str:
    return f"imp_{key_id}_{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
