"""The calls about what is kept for jobs: uploads and styles; who is told of them: webhooks; who may call: keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from api.client.answers import Delivery, Key, NewKey, Page, Upload, WebhookWithSecret
from api.client.asking import asked, once, path, query
from api.client.patience import answered
from api.client.steps import Request
from api.wire.style import StyleOut
from api.wire.webhook import SecretOut, WebhookOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from api.client.patience import Patience
    from api.client.steps import Call

Image: TypeAlias = "bytes | Mapping[str, str]"
"""A file's bytes; or where the service has it from, as specs say it: `{"url": …}` for example."""


def delete(kind: str, name: str, patience: Patience) -> Call[None]:
    """Delete one of the things that are kept: of `uploads`, `styles`, `webhooks` or `keys`."""
    yield from answered(Request("DELETE", path(kind, name)), patience)


# Uploads


def upload(image: Image, patience: Patience) -> Call[Upload]:
    """Bring an image; not repeated, for each is an upload of its own."""
    body: dict[str, Any] = {"files": {"file": image}} if isinstance(image, bytes) else {"json": dict(image)}
    return asked(Upload, Request("POST", path("uploads"), **body), patience)


def announce(sha256: str, size: int, content_type: str, patience: Patience) -> Call[Upload]:
    """Announce a file; may be repeated, for an announcement too many holds nothing and is forgotten in its time."""
    file = {"sha256": sha256, "bytes": size, "content_type": content_type}
    return asked(Upload, Request("POST", path("uploads"), json=file, idempotent=True), patience)


def complete(upload_id: str, patience: Patience) -> Call[Upload]:
    """Say that an announced file is there; what is complete already stays so."""
    return asked(Upload, Request("POST", path("uploads", upload_id, "complete"), idempotent=True), patience)


def get_upload(upload_id: str, patience: Patience) -> Call[Upload]:
    """Ask what an upload is."""
    return asked(Upload, Request("GET", path("uploads", upload_id)), patience)


# Styles


def make_style(
    name: str, image: Image, labels: Mapping[str, str] | None, key: str | None, patience: Patience
) -> Call[StyleOut]:
    """Keep a style under an idempotency key, the caller's or a new one."""
    words = dict(labels or {})
    if isinstance(image, bytes):
        body: dict[str, Any] = {"files": {"image": image}, "fields": {"name": name, "labels": json.dumps(words)}}
    else:
        body = {"json": {"name": name, "image": dict(image), "labels": words}}
    return asked(StyleOut, Request("POST", path("styles"), headers=once(key), **body), patience)


def style_page(wanted: Mapping[str, Any], patience: Patience) -> Call[Page[StyleOut]]:
    """Ask for a page of styles."""
    return asked(Page[StyleOut], Request("GET", path("styles"), params=query(wanted)), patience)


def get_style(style_id: str, patience: Patience) -> Call[StyleOut]:
    """Ask what a style is."""
    return asked(StyleOut, Request("GET", path("styles", style_id)), patience)


# Webhooks


def register(url: str, events: Iterable[str], description: str, patience: Patience) -> Call[WebhookWithSecret]:
    """Register an endpoint; not repeated, for each is one more that is told."""
    wanted = {"url": url, "events": list(events), "description": description}
    return asked(WebhookWithSecret, Request("POST", path("webhooks"), json=wanted), patience)


def all_webhooks(patience: Patience) -> Call[Page[WebhookOut]]:
    """Ask for the endpoints; they are few, and come on one page."""
    return asked(Page[WebhookOut], Request("GET", path("webhooks")), patience)


def get_webhook(webhook_id: str, patience: Patience) -> Call[WebhookOut]:
    """Ask what an endpoint is told."""
    return asked(WebhookOut, Request("GET", path("webhooks", webhook_id)), patience)


def rotate_webhook(webhook_id: str, patience: Patience) -> Call[WebhookWithSecret]:
    """Replace an endpoint's secret; not repeated, for a second time would end the secret that is in use."""
    return asked(WebhookWithSecret, Request("POST", path("webhooks", webhook_id, "rotate")), patience)


def enable_webhook(webhook_id: str, patience: Patience) -> Call[WebhookOut]:
    """Send to an endpoint again; what is enabled already stays so."""
    return asked(WebhookOut, Request("POST", path("webhooks", webhook_id, "enable"), idempotent=True), patience)


def default_secret(patience: Patience) -> Call[str]:
    """Ask for the secret of jobs' own addresses."""
    answer = yield from asked(SecretOut, Request("GET", path("webhooks", "default-secret")), patience)
    return answer.secret


def rotate_default_secret(patience: Patience) -> Call[str]:
    """Replace the secret of jobs' own addresses; not repeated, as an endpoint's isn't."""
    answer = yield from asked(SecretOut, Request("POST", path("webhooks", "default-secret", "rotate")), patience)
    return answer.secret


def delivery_page(wanted: Mapping[str, Any], patience: Patience) -> Call[Page[Delivery]]:
    """Ask for a page of the log."""
    return asked(Page[Delivery], Request("GET", path("webhooks", "deliveries"), params=query(wanted)), patience)


def replay(delivery_id: str, patience: Patience) -> Call[Delivery]:
    """Send a delivery again; may be repeated, for its id tells the receiver that it is the same one."""
    request = Request("POST", path("webhooks", "deliveries", delivery_id, "replay"), idempotent=True)
    return asked(Delivery, request, patience)


# Keys


def make_key(
    name: str,
    scopes: Iterable[str] | None,
    limits: Mapping[str, int] | None,
    expires_at: datetime | None,
    patience: Patience,
) -> Call[NewKey]:
    """Make a key; not repeated, for each is another."""
    ends = expires_at.isoformat() if expires_at else None
    said = {"scopes": scopes and list(scopes), "limits": limits and dict(limits), "expires_at": ends}
    wanted = {"name": name, **{word: value for word, value in said.items() if value is not None}}
    return asked(NewKey, Request("POST", path("keys"), json=wanted), patience)


def all_keys(patience: Patience) -> Call[Page[Key]]:
    """Ask for the keys; they come on one page."""
    return asked(Page[Key], Request("GET", path("keys")), patience)


def rotate_key(key_id: str, patience: Patience) -> Call[NewKey]:
    """Replace a key's secret; not repeated, for a second time would end the secret that is in use."""
    return asked(NewKey, Request("POST", path("keys", key_id, "rotate")), patience)
