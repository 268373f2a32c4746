"""Webhooks as a receiver reads them (Standard Webhooks, https://www.standardwebhooks.com). No I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from api.client.errors import WebhookInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOLERANCE_S = 300
"""Seconds by which a webhook's time may differ from ours."""


_SECONDS = re.compile("[0-9]{1,12}")


class WebhookEvent(BaseModel):
    """What a webhook says. It is thin: fetch the job or the batch for all the rest."""

    model_config = ConfigDict(frozen=True)

    type: str
    timestamp: datetime
    data: dict[str, Any]


def verify_webhook(
    headers: Mapping[str, str], body: bytes, secret: str | Iterable[str], *, now: float | None = None
) -> WebhookEvent:
    """Read a webhook, if it is the service's.

    An event may come twice: `webhook-id` is the same at every try, so remember it.

    Args:
        headers: of the request, their names in any case.
        body: of the request, byte for byte as it came.
        secret: `whsec_…`, or several while they are changed.
        now: seconds since 1970; None asks the clock.

    Raises:
        WebhookInvalid: no signature fits, it is older than five minutes or as far ahead, or it is no event.
    """
    said = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, sent, signatures = (said[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise WebhookInvalid(f"There is no header {error}.") from None
    if not _SECONDS.fullmatch(sent):
        raise WebhookInvalid("Its time is no number of seconds.")
    if abs((time.time() if now is None else now) - int(sent)) > TOLERANCE_S:
        raise WebhookInvalid("It was sent more than five minutes ago, or by a clock that is ahead.")
    signed = f"{message_id}.{sent}.".encode(errors="replace") + body
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not any(_signed_with(key, signed, signatures) for key in keys):
        raise WebhookInvalid("No signature of it was made with this secret.")
    try:
        return WebhookEvent.model_validate_json(body)
    except ValidationError:
        raise WebhookInvalid("It is signed, but no event.") from None


def _signed_with(key: bytes, signed: bytes, signatures: str) -> bool:
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    found = [signature.removeprefix("v1,") for signature in signatures.split() if signature.startswith("v1,")]
    return any(hmac.compare_digest(expected, one.encode(errors="replace")) for one in found)


def _key(secret: str) -> bytes:
    """Read a secret.

    Raises:
        WebhookInvalid: it is none; with an empty one anybody could sign.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise WebhookInvalid("The secret is none: it reads whsec_ and base64.")
    return key
