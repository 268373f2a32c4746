"""What a generator can't guess: ids that are known, so that calls get beyond "there is no such job"."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import httpx
import schemathesis

from tests.api_calls import posted, uploaded
from tests.images import photograph_bytes

KNOWN = "IMPASTO_FUZZ_KNOWN"
"""The variable that hands the ids over, as JSON: lists by the name of the path parameter."""

_KNOWN: dict[str, list[str]] = json.loads(os.environ.get(KNOWN, "{}"))
_CHANCE = random.Random(1)


def made(client: httpx.Client) -> dict[str, list[str]]:
    """Make an upload, and some jobs, batches, webhooks, deliveries and keys; give their ids."""
    image = {"upload_id": uploaded(client, photograph_bytes())}
    batch = {"contents": [image], "styles": [{"image": image}]}
    hook = {"url": "http://127.0.0.1:9/", "events": ["job.succeeded"]}
    ids = {
        "upload_id": [image["upload_id"]],
        "job_id": [posted(client, cache=False).json()["id"] for _ in range(50)],
        "batch_id": [client.post("/v1/batches", json=batch).json()["id"] for _ in range(10)],
        "webhook_id": [client.post("/v1/webhooks", json=hook).json()["id"] for _ in range(10)],
        "key_id": [client.post("/v1/keys", json={"name": "fuzz"}).json()["id"] for _ in range(20)],
    }
    told = posted(client, cache=False, webhook={"url": hook["url"], "events": ["job.canceled"]}).json()
    client.post(told["links"]["cancel"])
    deliveries = client.get("/v1/webhooks/deliveries").json()["items"]
    return {**ids, "delivery_id": [delivery["id"] for delivery in deliveries]}


@schemathesis.hook
def map_path_parameters(_: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Name something that is there, two times in three."""
    return {
        name: _CHANCE.choice(_KNOWN[name]) if name in _KNOWN and _CHANCE.random() < 0.67 else value
        for name, value in (parameters or {}).items()
    } or parameters


@schemathesis.hook
def map_body(_: Any, body: Any) -> Any:
    """Name the picture that is there, two times in three, wherever one is named by its id."""
    return _with_upload(body, _KNOWN["upload_id"][0]) if _CHANCE.random() < 0.67 else body


def _with_upload(value: Any, upload_id: str) -> Any:
    if isinstance(value, dict):
        return {
            name: upload_id if name == "upload_id" and isinstance(inner, str) else _with_upload(inner, upload_id)
            for name, inner in value.items()
        }
    return [_with_upload(inner, upload_id) for inner in value] if isinstance(value, list) else value
