"""Signatures of webhooks: Standard Webhooks 1.0, HMAC-SHA256 with a shared secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"


def new_secret() -> str:
    """Make a secret of 256 random bits, as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Sign a message: `v1,` and the base64 of the HMAC of `id.timestamp.body`."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{message_id}.{timestamp_s}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()
