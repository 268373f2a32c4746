"""API keys: made, looked up, revoked. A key is shown once; what is stored is its digest.

A key reads `imp_<id>_<secret>`. The secret has 256 random bits, so a plain SHA-256 of it is as good as a slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING

from service.errors import FieldProblem, Forbidden, InvalidSpec, NotFound, Unauthorized
from service.stores.key_store import KeyRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.stores.key_store import KeyStore

SCOPES = frozenset({"jobs:read", "jobs:write", "admin"})
TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Tenants stand in Redis keys and S3 prefixes, so their names can't hold a separator."""


def create_key(keys: KeyStore, *, tenant: str, name: str, scopes: Iterable[str] = ("jobs:read", "jobs:write")) -> str:
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
    keys.save(KeyRecord(key_id, tenant, name, scopes, _digest(secret), round(time.time() * 1000)))
    return f"imp_{key_id}_{secret}"


def authenticate(keys: KeyStore, presented: str, *, scope: str) -> KeyRecord:
    """Find out whose key this is.

    Raises:
        Unauthorized: nobody's.
        Forbidden: it lacks `scope`.
    """
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    record = keys.get(key_id) if prefix == "imp" and re.fullmatch(r"[0-9a-f]{12}", key_id) else None
    # The same work for a known and an unknown id.
    matches = hmac.compare_digest(_digest(secret), record.digest if record else _digest(""))
    if record is None or not matches:
        raise Unauthorized("The key is not known here.")
    if not {scope, "admin"} & record.scopes:
        raise Forbidden(scope=scope)
    return record


def revoke_key(keys: KeyStore, key_id: str) -> None:
    """Make a key useless at once.

    Raises:
        NotFound: there is no such key.
    """
    if not keys.delete(key_id):
        raise NotFound("key", key_id)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
