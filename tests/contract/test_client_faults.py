"""Both clients before a server that answers as a network or a service in trouble does."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from api.client import (
    ApiProblem,
    Client,
    DownloadDamaged,
    EndEvent,
    Job,
    OtherEvent,
    Patience,
    StateEvent,
    Unreachable,
)
from tests.clients import KINDS, job_json, opened
from tests.receiver import Asked, Receiver, Script, Send, answer, receiving

PICTURE = b"0123456789"
PROBLEM = {"type": "urn:x", "title": "Later", "detail": "Later.", "instance": "/", "request_id": "r"}

pytestmark = pytest.mark.parametrize("kind", KINDS)


def answers(*replies: bytes) -> Script:
    """Give one after the other, and the last one for ever."""
    left = list(replies)
    return lambda _, send: send(left.pop(0) if len(left) > 1 else left[0])


def problem(status: int, code: str, **headers: str) -> bytes:
    body = json.dumps(PROBLEM | {"status": status, "code": code}).encode()
    return answer(status, body, Content_Type="application/problem+json", **headers)


def job(**changes: object) -> bytes:
    return answer(200, job_json(**changes), Content_Type="application/json")


def published(url: str, sha256: str = hashlib.sha256(PICTURE).hexdigest()) -> dict[str, object]:
    file = {"name": "result", "url": url, "url_expires_at": "2026-01-01T00:00:00Z", "sha256": sha256, "bytes": 10}
    file |= {"content_type": "image/png", "width": 3, "height": 2}
    return {"status": "succeeded", "terminal": True, "outputs": [file]}


def painted(storage: Receiver, **changes: str) -> Job:
    return Job.model_validate_json(job_json(**published(f"{storage.url}/p?signature=s", **changes)))


# Trying again


def test_a_service_that_asks_for_a_moment_is_given_it(kind: str) -> None:
    script = answers(problem(503, "queue_full", Retry_After="1"), problem(429, "too_many_requests"), job())
    with receiving(script) as service, opened(kind, service.url) as client:
        asked = time.monotonic()
        assert client.submit({"/content": b"x"}).id == "j"
        assert time.monotonic() - asked >= 1
    keys = {request.headers["idempotency-key"] for request in service.asked}
    assert (len(service.asked), len(keys)) == (3, 1)
    bodies = {request.body.replace(request.body.split(b"\r\n")[0], b"") for request in service.asked}
    assert len(bodies) == 1, "but for the boundary of its form"


def test_an_upload_would_be_done_twice_and_is_not_repeated(kind: str) -> None:
    with receiving(answers(answer(502))) as service, opened(kind, service.url) as client:
        with pytest.raises(Unreachable, match="502"):
            client.uploads.create(b"x")
        assert len(service.asked) == 1


@pytest.mark.parametrize("call", ["get", "cancel", "retry", "delete", "wait"])
def test_what_may_be_done_twice_is_repeated(kind: str, call: str) -> None:
    with receiving(answers(b"", answer(504), job(terminal=True))) as service, opened(kind, service.url) as client:
        getattr(client, call)("j")
        assert len(service.asked) == 3


def test_patience_has_an_end_and_the_problem_is_said(kind: str) -> None:
    patience = Patience(deadline_s=0.2, first_s=0.01, longest_s=0.02)
    with (
        receiving(answers(problem(503, "queue_full"))) as full,
        opened(kind, full.url, patience=patience) as client,
        pytest.raises(Unreachable, match="queue_full") as away,
    ):
        client.get("j")
    assert away.value.problem is not None
    with (
        receiving(answers(problem(429, "too_many_requests", Retry_After="60"))) as busy,
        opened(kind, busy.url, patience=patience) as client,
        pytest.raises(ApiProblem, match="too_many_requests"),
    ):
        client.get("j")
    assert (len(full.asked) > 2, len(busy.asked)) == (True, 1)


def test_nobody_there_is_said_with_the_address(kind: str) -> None:
    with (
        opened(kind, "http://127.0.0.1:1", patience=Patience(deadline_s=0)) as client,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"),
    ):
        client.get("j")


@pytest.mark.parametrize("reply", [answer(404, b"<html>"), answer(200, b"{}"), answer(200, b"<html>")])
def test_somebody_else_at_the_address_is_no_crash(kind: str, reply: bytes) -> None:
    with receiving(answers(reply)) as other, opened(kind, other.url) as client, pytest.raises(Unreachable):
        client.get("j")


def test_a_problem_that_is_none_is_no_crash(kind: str) -> None:
    reply = answer(500, b"{}", Content_Type="application/problem+json")
    with receiving(answers(reply)) as other, opened(kind, other.url) as client, pytest.raises(Unreachable, match="500"):
        client.get("j")


def test_a_newer_service_is_understood(kind: str) -> None:
    """States, options and fields that this version has never heard of."""
    newer = {"status": "dreaming", "kind": "panorama", "spec": {"kind": "panorama", "depth": 3}, "mood": "calm"}
    with receiving(answers(job(**newer), job(terminal=True))) as service, opened(kind, service.url) as client:
        seen = client.get("j")
        assert (seen.status, seen.terminal, seen.spec["depth"]) == ("dreaming", False, 3)
        assert client.wait("j").terminal


# Events


def stream(*events: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + "".join(events).encode()


def test_a_stream_that_breaks_off_is_taken_up_after_its_last_event(kind: str) -> None:
    first = stream(
        ": hello\n\n",
        'id: 1-0\nevent: state\ndata: {"status": "queued"}\n\n',
        'id: 2-0\nevent: weather\ndata: {"sun": true}\n\n',
        "id: 3-0\nevent: state\nda",
    )
    second = stream(
        'id: 3-0\nevent: state\ndata: {"status": "dreaming"}\n\n',
        f"id: 3-0\nevent: end\ndata: {job_json(terminal=True).decode()}\n\n",
    )
    with receiving(answers(first, problem(503, "unavailable"), second)) as service, opened(kind, service.url) as client:
        queued, weather, dreaming, end = client.events("j")
    assert queued == StateEvent("1-0", "queued")
    assert weather == OtherEvent("2-0", "weather", {"sun": True})
    assert dreaming == StateEvent("3-0", "dreaming")
    assert isinstance(end, EndEvent)
    assert end.job.terminal
    assert [request.headers.get("last-event-id") for request in service.asked] == [None, "2-0", "2-0"]


def test_streams_that_say_nothing_are_not_opened_for_ever(kind: str) -> None:
    with receiving(answers(stream())) as service, opened(kind, service.url) as client:
        with pytest.raises(Unreachable, match="ended before the job"):
            list(client.events("j", away_s=0.2))
        assert len(service.asked) > 1


def test_a_stream_of_something_else_is_no_crash(kind: str) -> None:
    with (
        receiving(answers(stream("event: state\ndata: {}\n\n"))) as other,
        opened(kind, other.url) as client,
        pytest.raises(Unreachable, match="state"),
    ):
        list(client.events("j"))


def test_a_job_that_is_gone_has_no_events(kind: str) -> None:
    with (
        receiving(answers(problem(410, "gone"))) as service,
        opened(kind, service.url) as client,
        pytest.raises(ApiProblem, match="gone"),
    ):
        list(client.events("j"))


# Downloads


def download(client: Client, storage: Receiver, **changes: str) -> bytes:
    return client.download(painted(storage, **changes))


def test_the_key_is_for_the_service_alone(kind: str) -> None:
    with receiving(answers(answer(200, PICTURE))) as storage, opened(kind, storage.url, "imp_secret") as client:
        assert download(client, storage) == PICTURE
    assert "imp_secret" not in str(storage.asked)
    assert storage.asked[0].path == "/p?signature=s"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_goes_on_where_it_was(kind: str, ranges: bool) -> None:
    def script(asked: Asked, send: Send) -> None:
        if "range" not in asked.headers:
            send(answer(200, PICTURE)[:-6])
        elif ranges:
            send(answer(206, PICTURE[int(asked.headers["range"][6:-1]) :]))
        else:
            send(answer(200, PICTURE))

    with receiving(script) as storage, opened(kind, storage.url) as client:
        assert download(client, storage) == PICTURE
    assert [asked.headers.get("range") for asked in storage.asked] == [None, "bytes=4-"]


def test_what_is_damaged_is_not_kept(kind: str, tmp_path: Path) -> None:
    with receiving(answers(answer(200, b"9876543210"))) as storage, opened(kind, storage.url) as client:
        with pytest.raises(DownloadDamaged):
            download(client, storage)
        (tmp_path / "picture.png").write_bytes(b"of yesterday")
        with pytest.raises(DownloadDamaged):
            client.save(painted(storage), tmp_path / "picture.png")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"of yesterday"]


def test_a_url_that_is_too_old_is_asked_for_anew_once(kind: str) -> None:
    def script(asked: Asked, send: Send) -> None:
        if asked.path.startswith("/v1/"):
            send(job(**published(f"http://{asked.headers['host']}/{new}")))
        else:
            send(answer(200, PICTURE) if asked.path == "/new" else answer(403, b"<Error/>"))

    with receiving(script) as storage, opened(kind, storage.url) as client:
        new = "new"
        assert download(client, storage) == PICTURE
        new = "p"
        with pytest.raises(Unreachable, match="403"):
            download(client, storage)


def test_a_download_that_never_comes_to_its_end_is_given_up(kind: str) -> None:
    patience = Patience(deadline_s=0.2, first_s=0.01)
    with (
        receiving(answers(answer(200, PICTURE[:4]))) as storage,
        opened(kind, storage.url, patience=patience) as client,
        pytest.raises(Unreachable, match="ended early"),
    ):
        download(client, storage)
