"""Examples for the OpenAPI description: a body for every call that takes one, a value for every parameter."""

from __future__ import annotations

from typing import Any

from service.job import JobState

ID = "01a20a26-da2c-76f0-9d32-7a96ac7e8880"
PHOTO, PAINTING = {"upload_id": ID}, {"url": "https://example.com/starry-night.jpg"}
JOB: dict[str, Any] = {
    "kind": "transfer",
    "content": PHOTO,
    "styles": [{"image": PAINTING, "weight": 1.0, "scale": 1.5}],
    "preset": "standard",
    "options": {"size": 768, "preserve_color": "luminance"},
    "output": {"format": "jpeg", "quality": 92},
    "labels": {"order": "7"},
}

BODIES: dict[str, Any] = {
    "POST /v1/jobs": JOB,
    "PUT /v1/jobs/{job_id}": JOB,
    "POST /v1/estimates": JOB,
    "POST /v1/batches": {
        "contents": [PHOTO, {"url": "https://example.com/harbour.jpg"}],
        "styles": [{"image": PAINTING}, {"style_id": ID}],
        "preset": "draft",
        "webhook": {"url": "https://shop.example.com/impasto"},
    },
    "POST /v1/uploads": {"bytes": 41_000_000, "sha256": "0" * 64, "content_type": "image/tiff"},
    "POST /v1/styles": {"name": "Starry Night", "image": PAINTING},
    "POST /v1/webhooks": {
        "url": "https://shop.example.com/impasto",
        "events": ["job.succeeded", "job.failed", "batch.finished"],
        "description": "orders",
    },
    "POST /v1/keys": {"name": "dashboard", "scopes": ["jobs:read"], "expires_at": "2027-01-01T00:00:00Z"},
}
"""By method and path, as JSON."""

PARAMETERS: dict[str, Any] = {
    "job_id": ID,
    "batch_id": ID,
    "upload_id": ID,
    "style_id": ID,
    "webhook_id": ID,
    "delivery_id": "msg_6b1f0f1b7b2f4c5a9d3e8a7c6b5d4e3f2a1b0c9d",
    "key_id": "3fb40f52b7d0",
    "status": JobState.SUCCEEDED.value,
    "label": ["order=7"],
    "batch": ID,
    "created_after": "2026-11-01T00:00:00Z",
    "cursor": None,
    "limit": 50,
    "prefer": "wait=1",
    "idempotency-key": "5f2b7f0e-order-7",
    "last-event-id": "1795469954834-0",
}
"""By name; None where a value of another answer belongs."""


def exemplify(operation: dict[str, Any], *, method: str, path: str) -> None:
    """Put the examples into an operation's description."""
    for parameter in operation.get("parameters", ()):
        if (example := PARAMETERS[parameter["name"].lower()]) is not None:
            parameter["example"] = example
    if body := operation.get("requestBody"):
        body["content"]["application/json"]["example"] = BODIES[f"{method.upper()} {path}"]
