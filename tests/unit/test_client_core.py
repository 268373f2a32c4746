"""The client's core: no I/O, so the tests take its steps themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest

from api.client import ApiProblem, Job, Patience, Unreachable
from api.client.calls import put, submit
from api.client.events import EventReader, Message, read_event
from api.client.following import wait
from api.client.patience import answered
from api.client.steps import Done, NoAnswer, Reply, Request, Send, advance
from api.client.transport import Access
from api.wire.job import JobOut
from service.errors import SetupError
from tests.clients import World, job_json

GET = Request("GET", "/v1/jobs/j")
AWAY = Reply(503, {})


# Trying again


def test_pauses_grow_twofold_up_to_the_longest() -> None:
    world = World([AWAY])
    with pytest.raises(Unreachable):
        world.take(answered(GET, world.patience(deadline_s=60)))
    assert world.pauses == [0.5, 1, 2, 4, 8, 8, 8, 8, 8, 8]


def test_jitter_is_full() -> None:
    """Anything from nothing to the whole backoff."""
    assert [Patience(chance=lambda c=c: c).pause_s(3) for c in (0.0, 0.25, 1.0)] == [0, 1, 4]  # type: ignore[misc]


def test_retry_after_is_kept_to_but_not_for_hours() -> None:
    world = World([Reply(429, {"retry-after": "7"}), Reply(503, {"retry-after": "7200"}), Reply(200, {})])
    assert world.take(answered(GET, world.patience(chance=0.5, deadline_s=120))).status == 200
    assert world.pauses == [7.25, 30.5]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:09 GMT", "date": "Fri, 02 Jan 2026 00:00:00 GMT"}, 9),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:00 GMT", "date": "Fri, 02 Jan 2026 00:00:09 GMT"}, 0),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:09 GMT"}, None),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:09", "date": "Fri, 02 Jan 2026 00:00:09 GMT"}, None),
        ({"retry-after": "soon", "date": "Fri, 02 Jan 2026 00:00:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert Reply(503, headers).retry_after_s == seconds


def test_no_call_is_repeated_after_its_deadline() -> None:
    world = World([NoAnswer("ConnectError")])
    with pytest.raises(Unreachable, match="GET /v1/jobs/j: ConnectError"):
        world.take(answered(GET, world.patience(deadline_s=10)))
    assert world.now <= 10
    impatient = World([NoAnswer("ConnectError")])
    with pytest.raises(Unreachable):
        impatient.take(answered(GET, impatient.patience(deadline_s=0)))
    assert len(impatient.sent) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422, 500, 501])
def test_what_would_be_answered_the_same_again_is_not_asked_again(status: int) -> None:
    world = World([Reply(status, {"content-type": "text/html"}, b"<html>")])
    with pytest.raises(Unreachable, match=str(status)):
        world.take(answered(GET, world.patience()))
    assert len(world.sent) == 1


@pytest.mark.parametrize(
    ("request_", "repeatable"),
    [
        (Request("GET", "/"), True),
        (Request("PUT", "/"), True),
        (Request("DELETE", "/"), True),
        (Request("POST", "/"), False),
        (Request("POST", "/", headers={"Idempotency-Key": "k"}), True),
        (Request("POST", "/", idempotent=True), True),
    ],
)
def test_only_what_is_safe_is_repeated(request_: Request, repeatable: bool) -> None:
    world = World([AWAY, Reply(200, {})])
    if repeatable:
        assert world.take(answered(request_, world.patience())).status == 200
    else:
        with pytest.raises(Unreachable):
            world.take(answered(request_, world.patience()))


def test_what_is_said_of_a_request_has_no_signature() -> None:
    assert str(Request("GET", "https://s3.example/key?X-Amz-Signature=ff")) == "GET https://s3.example/key"


def test_a_problem_of_the_caller_is_raised_as_such() -> None:
    body = b'{"type":"t","title":"T","status":409,"detail":"D","code":"id_taken","instance":"/","request_id":"r"}'
    world = World([Reply(409, {"content-type": "application/problem+json"}, body)])
    with pytest.raises(ApiProblem, match=r"D \(id_taken\)"):
        world.take(put("j", {}, {}, world.patience()))


# What is sent


def test_a_post_keeps_its_key_at_every_try() -> None:
    world = World([AWAY, NoAnswer("ReadError"), Reply(202, {}, job_json())])
    assert world.take(submit({"/content": b"x"}, {}, None, world.patience())).id == "j"
    first, second, third = world.sent
    assert first == second == third
    assert len(first.headers["Idempotency-Key"]) == 36
    assert (dict(first.files), dict(first.fields)) == ({"content": b"x"}, {"spec": "{}"})


def test_a_spec_without_files_is_json() -> None:
    world = World([Reply(202, {}, job_json())])
    world.take(submit({}, {"content": {"upload_id": "u"}}, "k", world.patience()))
    [sent] = world.sent
    assert (sent.json, sent.files) == ({"kind": "transfer", "content": {"upload_id": "u"}}, {})
    assert sent.headers == {"Idempotency-Key": "k"}


def test_waiting_asks_for_no_longer_than_is_left() -> None:
    world = World([Reply(200, {}, job_json())])
    patience = world.patience()

    def slowly(call: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        outcome: Any = None
        while not isinstance(step := advance(call, outcome), Done):
            outcome = yield step
            world.now += 30 if isinstance(step, Send) else 0
        return step.result

    assert not world.take(slowly(wait("j", 50, patience))).terminal
    assert [sent.headers["Prefer"] for sent in world.sent] == ["wait=30", "wait=20", "wait=0"]
    assert all((sent.silence_s or 0) > 30 for sent in world.sent[:1])


@pytest.mark.parametrize(("url", "key"), [("127.0.0.1:8000", "k"), ("ftp://host", "k"), ("http://host", "clé")])
def test_an_address_or_a_key_that_is_none_is_said_at_once(url: str, key: str) -> None:
    with pytest.raises(SetupError):
        Access(url, key)


def test_a_key_is_not_shown() -> None:
    assert "imp_secret" not in repr(Access("http://host", "imp_secret"))


# What comes back


def test_events_may_be_cut_anywhere() -> None:
    text = (
        ': hi\r\nid: 1-0\nevent: state\r\ndata: {"a":\rdata:  "é"}\n\nretry: 5\n\ndata\n\nid: 2\n\ndata: x\n\nid: 3\nda'
    )
    want = [Message("1-0", "state", '{"a":\n "é"}'), Message("1-0", "message", ""), Message("2", "message", "x")]
    data = text.encode()
    for cut in range(len(data)):
        reader = EventReader()
        assert [*reader.feed(data[:cut]), *reader.feed(data[cut:])] == want
    reader = EventReader()
    assert [message for byte in data for message in reader.feed(bytes([byte]))] == want


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: x\n" * 8192, b"id: 1\n" * 8192, b"event\n" * 8192])
def test_a_message_without_end_is_given_up_before_it_takes_much_memory(piece: bytes) -> None:
    reader = EventReader()
    endless = (message for _ in range(200) for message in reader.feed(piece))
    with pytest.raises(Unreachable, match="longer than 4194304 bytes"):
        next(endless)


def test_comments_and_unknown_fields_may_go_on_for_ever() -> None:
    reader = EventReader()
    for _ in range(200):
        assert list(reader.feed(b": still here\nretry: 1\n" * 2048)) == []
    assert list(reader.feed(b"data: x\n\n")) == [Message("", "message", "x")]


def test_an_id_that_no_header_can_hold_is_not_asked_for() -> None:
    assert [
        message.id for message in EventReader().feed("id: 1\ndata\n\nid: é\ndata\n\nid:  2\ndata\n\n".encode())
    ] == ["1"] * 3


@pytest.mark.parametrize(
    ("kind", "data"), [("state", '{"status": []}'), ("progress", "[[1, 2]]"), ("preview", '{"url": 1}'), ("log", "[]")]
)
def test_an_event_of_another_shape_is_nobody_s_that_this_client_knows(kind: str, data: str) -> None:
    with pytest.raises(Unreachable, match=kind):
        read_event(Message("1-0", kind, data))


def test_a_client_knows_every_field_of_a_job() -> None:
    assert set(JobOut.model_fields) <= set(Job.model_fields)


def test_the_client_loads_neither_a_server_nor_a_driver_nor_the_painter() -> None:
    heavy = ["fastapi", "starlette", "uvicorn", "redis", "boto3", "celery", "kombu", "torch", "numpy", "PIL", "pyvips"]
    heavy += ["botocore", "typer", "structlog", "service.stores", "service.wiring", "service.settings"]
    program = f"import sys, api.client; print(*[name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
