"""Calls of the API that several tests make, and what every problem looks like."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from tests.images import photograph_bytes


def uploaded(client: httpx.Client, photograph: bytes) -> str:
    answer = client.post("/v1/uploads", files={"file": ("holiday.png", photograph)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def inline() -> dict[str, str]:
    return {"data": base64.b64encode(photograph_bytes()).decode()}


def spec(**wish: Any) -> dict[str, Any]:
    return {"kind": "transfer", "content": inline(), "styles": [{"image": inline()}], **wish}


def posted(client: httpx.Client, **wish: Any) -> httpx.Response:
    return client.post("/v1/jobs", content=json.dumps(spec(**wish)), headers={"Content-Type": "application/json"})


def assert_problem(answer: httpx.Response, status: int, code: str, *pointers: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance", "request_id"} <= set(body)
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert tuple(error["pointer"] for error in body.get("errors", ())) == pointers
