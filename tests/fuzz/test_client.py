"""What a client reads: streams, answers and webhooks that somebody else may have written."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.client import ApiProblem, WebhookInvalid, verify_webhook
from api.client.answers import Job, read_as
from api.client.calls import happening
from api.client.errors import Unreachable
from api.client.events import EventReader, Message, read_event
from api.client.patience import Patience, trouble_of
from api.client.steps import Reply, Request
from tests.fuzz.wishes import JSON, TEXT

LINES = st.sampled_from(
    [b"data: {}", b"data", b"data:x", b"event: state", b"event:", b"id: 1-0", b"id: \xc3\xa9", b":", b"retry: 1", b""]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\r", b"\n\n", b"\r\r"])
STREAMS = st.lists(st.tuples(LINES | st.binary(max_size=8), ENDS), max_size=12).map(
    lambda lines: b"".join(line + end for line, end in lines)
)
KINDS = st.sampled_from(["state", "progress", "preview", "log", "end", "message", "", "é"])
DATE = "Tue, 24 Nov 2026 01:02:03 GMT"


def heard(*pieces: bytes) -> list[Message]:
    """Read a stream that comes in these pieces."""
    reader = EventReader()
    return [message for piece in pieces for message in reader.feed(piece)]


@given(STREAMS, st.lists(st.integers(0, 100)))
@example(b"data: 1\r", [8])
@example(b"data: 1\r\n\r\n", [8, 8, 9])
def test_a_stream_says_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    places = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[at:end] for at, end in zip([0, *places], [*places, len(data)], strict=True)]
    whole = heard(data)
    assert heard(*pieces) == whole
    assert heard(*(bytes([byte]) for byte in data)) == whole
    for message in whole:
        request = happening("j", message.id, silence_s=1)
        assert all(value.isascii() and value.isprintable() and " " not in value for value in request.headers.values())


@given(KINDS, TEXT | JSON.map(json.dumps) | JSON.map(lambda data: json.dumps({"status": data, "url": data})))
@example("state", "[" * 100_000)
@example("log", "[]")
def test_an_event_is_read_or_it_is_said_that_something_else_answers(kind: str, data: str) -> None:
    try:
        read_event(Message("1-0", kind, data))
    except Unreachable:
        return


@given(TEXT | st.from_regex(r"\w{3}, \d{1,30} \w{3} \d{1,30} \d\d:\d\d:\d\d [+-]?\w{1,20}"), TEXT | st.just(DATE))
@example("9" * 5000, "")
@example("Mon, 01 Jan 99999999999 00:00:00 GMT", DATE)
@example("Mon, 01 Jan 2026 00:00:00 +99999999999999", DATE)
def test_a_wish_to_be_asked_later_is_read_or_ignored(said: str, date: str) -> None:
    wait_s = Reply(503, {"retry-after": said, "date": date}).retry_after_s
    assert wait_s is None or wait_s >= 0
    assert math.isfinite(Patience().pause_s(3, wait_s))


@given(
    st.sampled_from([400, 404, 429, 503, 599]),
    st.binary(max_size=40) | JSON.map(lambda data: json.dumps(data).encode()),
)
@example(400, b"[" * 100_000)
def test_a_refusal_is_told_whatever_its_body(status: int, body: bytes) -> None:
    reply = Reply(status, {"content-type": "application/problem+json"}, body)
    assert isinstance(trouble_of(Request("GET", "/"), reply), ApiProblem | Unreachable)


@given(st.binary(max_size=40) | JSON.map(lambda data: json.dumps(data).encode()))
@example(b"[" * 100_000)
def test_an_answer_that_is_none_is_told(body: bytes) -> None:
    with pytest.raises(Unreachable):
        read_as(Job, Reply(200, {}, body))


KEY = b"a secret"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENTS = JSON | st.fixed_dictionaries({"type": TEXT, "timestamp": JSON | st.just("2026-11-24T01:02:03Z"), "data": JSON})
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "webhook-id": TEXT,
        "Webhook-Timestamp": TEXT | st.from_regex(r"\d{1,13}") | st.just("1000"),
        "WEBHOOK-SIGNATURE": TEXT | st.just("v1,"),
    },
)


@given(HEADERS, st.binary(max_size=20), TEXT | st.just(SECRET) | st.lists(TEXT, max_size=2))
@example({"webhook-id": "\udcff", "webhook-timestamp": "1000", "webhook-signature": "v1,\udcff"}, b"", SECRET)
def test_a_webhook_that_nobody_signed_is_refused(headers: dict[str, str], body: bytes, secret: Any) -> None:
    with pytest.raises(WebhookInvalid):
        verify_webhook(headers, body, secret, now=1000)


@given(EVENTS)
def test_a_webhook_that_was_signed_is_an_event_or_refused(data: Any) -> None:
    body = json.dumps(data).encode()
    signature = base64.b64encode(hmac.digest(KEY, b"m.1000." + body, hashlib.sha256)).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": "1000", "webhook-signature": f"v1,{signature} v1,é"}
    why = ""
    try:
        verify_webhook(headers, body, SECRET, now=1000)
    except WebhookInvalid as refused:
        why = str(refused)
    assert why in {"", "It is signed, but no event."}
