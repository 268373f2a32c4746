"""The client's core: uploads, styles, webhooks and keys. No I/O, so the tests take its steps themselves."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from api.client import ApiProblem, Delivery, Key, NewKey, Unreachable, Upload, WebhookWithSecret, kept
from api.client.answers import PutPlace, read_as
from api.client.calls import retry
from api.client.following import over_pages, upload_directly
from api.client.steps import Done, Give, NoAnswer, Reply, Request, Send, advance
from api.client.transport import PIECE, Access
from api.wire.key import KeyOut, NewKeyOut
from api.wire.upload import PutOut, UploadOut
from api.wire.webhook import DeliveryOut, SecretOut, WebhookWithSecretOut
from tests.clients import World, job_json

AWAY = Reply(503, {})
PHOTO = b"photograph"
PLACE = "https://s3.example/bucket/u?X-Amz-Signature=ff"
SAID = {"Content-Type": "image/png", "x-amz-checksum-sha256": "abc"}
TIME = "2026-01-01T00:00:00Z"


def upload_json(**changes: Any) -> bytes:
    upload = {"id": "u", "status": "ready", "sha256": "0", "bytes": 10, "content_type": "image/png", "upload": None}
    return json.dumps(upload | {"width": 3, "height": 2, "expires_at": TIME} | changes).encode()


def announced(**changes: Any) -> Reply:
    place = {"method": "PUT", "url": PLACE, "headers": SAID, "expires_at": TIME} | changes
    return Reply(201, {}, upload_json(status="waiting", width=None, height=None, upload=place))


def style_json() -> bytes:
    style = {"id": "s", "name": "dusk", "sha256": "0", "bytes": 1, "content_type": "image/png", "width": 3, "height": 2}
    return json.dumps(
        style | {"labels": {}, "created_at": TIME, "url": PLACE, "url_expires_at": TIME, "links": {"self": "/"}}
    ).encode()


def problem(status: int, code: str) -> Reply:
    said = {
        "type": "t",
        "title": "T",
        "status": status,
        "detail": "D",
        "code": code,
        "instance": "/",
        "request_id": "r",
    }
    return Reply(status, {"content-type": "application/problem+json"}, json.dumps(said).encode())


def directly(world: World, **patience: Any) -> Upload:
    upload: Upload = world.take(upload_directly(PHOTO, "image/png", world.patience(**patience)))
    return upload


# Direct uploads


def test_a_direct_upload_is_announced_put_and_completed() -> None:
    world = World([announced(), Reply(200, {}), Reply(200, {}, upload_json())])
    assert directly(world).status == "ready"
    announce, put, complete = world.sent
    wanted = {"sha256": hashlib.sha256(PHOTO).hexdigest(), "bytes": 10, "content_type": "image/png"}
    assert (announce.method, announce.url, announce.json) == ("POST", "/v1/uploads", wanted)
    assert (put.method, put.url, put.headers, put.content) == ("PUT", PLACE, SAID, PHOTO)
    assert (complete.method, complete.url) == ("POST", "/v1/uploads/u/complete")


def test_every_part_of_a_direct_upload_is_repeated() -> None:
    lost = NoAnswer("ReadError")
    world = World([lost, announced(), lost, AWAY, Reply(200, {}), lost, Reply(200, {}, upload_json())])
    assert directly(world).id == "u"
    assert [sent.method for sent in world.sent] == ["POST"] * 2 + ["PUT"] * 3 + ["POST"] * 2
    assert world.sent[2] == world.sent[3] == world.sent[4]
    assert len(world.pauses) == 4


def test_a_put_that_is_never_answered_ends_and_shows_no_signature() -> None:
    world = World([announced(), NoAnswer("https://s3.example: WriteError")])
    with pytest.raises(Unreachable, match=r"PUT https://s3\.example/bucket/u: .*WriteError") as away:
        directly(world, deadline_s=10)
    assert "Signature" not in str(away.value)
    assert {sent.method for sent in world.sent[1:]} == {"PUT"}
    assert 1 < world.now <= 10


@pytest.mark.parametrize("status", [400, 403, 411])
def test_a_put_that_the_storage_refuses_is_not_repeated(status: int) -> None:
    world = World([announced(), Reply(status, {"content-type": "application/xml"}, b"<Error/>")])
    with pytest.raises(Unreachable, match=f"answered {status}") as refused:
        directly(world)
    assert (refused.value.status, len(world.sent)) == (status, 2)
    assert "Signature" not in str(refused.value)


def test_what_is_put_and_no_picture_is_the_caller_s_problem() -> None:
    world = World([announced(), Reply(200, {}), problem(422, "invalid_image")])
    with pytest.raises(ApiProblem, match="invalid_image"):
        directly(world)
    assert len(world.sent) == 3


def test_an_announcement_that_says_no_place_is_no_crash() -> None:
    with pytest.raises(Unreachable, match="where to put it"):
        directly(World([Reply(201, {}, upload_json(status="waiting"))]))


def test_the_storage_is_sent_the_file_in_pieces_with_its_length_and_no_key() -> None:
    """Each piece has the client's time for itself; a storage takes no chunked transfer."""
    content = bytes(2 * PIECE + 1)
    with httpx.Client() as http:
        request = Request("PUT", PLACE, headers=SAID, content=content)
        prepared = Access("http://host", "imp_secret").prepared(http, request)
    assert prepared.headers["content-length"] == str(len(content))
    assert not {"authorization", "transfer-encoding"} & set(prepared.headers)
    assert isinstance(prepared.stream, httpx.SyncByteStream)
    pieces = list(prepared.stream)
    assert ([len(piece) for piece in pieces], b"".join(pieces)) == ([PIECE, PIECE, 1], content)


# What is sent


def test_an_image_goes_as_a_file_or_as_where_it_is() -> None:
    world = World([Reply(201, {}, upload_json())])
    for image in (b"x", {"url": "https://h/p"}):
        world.take(kept.upload(image, world.patience()))
    assert [(sent.files, sent.json) for sent in world.sent] == [({"file": b"x"}, None), ({}, {"url": "https://h/p"})]


def test_a_style_goes_as_a_form_or_as_json() -> None:
    world = World([Reply(201, {}, style_json())])
    for image in (b"x", {"upload_id": "u"}):
        world.take(kept.make_style("dusk", image, {"a": "b"}, "k", world.patience()))
    form, plain = world.sent
    assert (form.files, form.fields) == ({"image": b"x"}, {"name": "dusk", "labels": '{"a": "b"}'})
    assert plain.json == {"name": "dusk", "image": {"upload_id": "u"}, "labels": {"a": "b"}}
    assert form.headers == plain.headers == {"Idempotency-Key": "k"}


@pytest.mark.parametrize("what", ["style", "retry"])
def test_what_makes_something_new_keeps_its_key_at_every_try(what: str) -> None:
    world = World([AWAY, NoAnswer("ReadError"), Reply(201, {}, style_json() if what == "style" else job_json())])
    patience = world.patience()
    world.take(kept.make_style("dusk", b"x", None, None, patience) if what == "style" else retry("j", None, patience))
    first, second, third = world.sent
    assert first == second == third
    assert len(first.headers["Idempotency-Key"]) == 36


def test_a_key_is_asked_for_as_far_as_it_is_said() -> None:
    world = World([Reply(201, {}, b'{"id": "i", "key": "imp_i_secret"}')])
    world.take(kept.make_key("shop", None, None, None, world.patience()))
    ends = datetime(2026, 1, 1, tzinfo=UTC)
    world.take(kept.make_key("shop", ("jobs:read",), {"burst": 5}, ends, world.patience()))
    plain, full = (sent.json for sent in world.sent)
    assert plain == {"name": "shop"}
    limits = {"scopes": ["jobs:read"], "limits": {"burst": 5}, "expires_at": "2026-01-01T00:00:00+00:00"}
    assert full == {"name": "shop", **limits}


@pytest.mark.parametrize(
    ("call", "arguments", "repeated"),
    [
        (kept.upload, (b"x",), False),
        (kept.register, ("https://h/", ["job.failed"], ""), False),
        (kept.rotate_webhook, ("w",), False),
        (kept.rotate_default_secret, (), False),
        (kept.make_key, ("n", None, None, None), False),
        (kept.rotate_key, ("k",), False),
        (kept.enable_webhook, ("w",), True),
        (kept.replay, ("d",), True),
        (kept.complete, ("u",), True),
        (kept.get_upload, ("u",), True),
        (kept.get_style, ("s",), True),
        (kept.get_webhook, ("w",), True),
        (kept.default_secret, (), True),
        (kept.all_keys, (), True),
        (kept.delete, ("styles", "s"), True),
    ],
)
def test_only_what_does_no_harm_twice_is_repeated(call: Any, arguments: tuple[Any, ...], repeated: bool) -> None:
    world = World([NoAnswer("ReadError")])
    with pytest.raises(Unreachable):
        world.take(call(*arguments, world.patience()))
    assert (len(world.sent) > 1) is repeated


def test_an_id_leads_nowhere_else() -> None:
    world = World([Reply(204, {})])
    world.take(kept.delete("styles", "../keys/k?x", world.patience()))
    assert world.sent[0].url == "/v1/styles/..%2Fkeys%2Fk%3Fx"


# What comes back


@pytest.mark.parametrize(
    ("wire", "ours"),
    [
        (UploadOut, Upload),
        (PutOut, PutPlace),
        (DeliveryOut, Delivery),
        (WebhookWithSecretOut, WebhookWithSecret),
        (KeyOut, Key),
        (NewKeyOut, NewKey),
    ],
)
def test_a_client_knows_every_field_of_what_is_kept(wire: type[BaseModel], ours: type[BaseModel]) -> None:
    assert set(wire.model_fields) <= set(ours.model_fields)


def test_new_words_are_kept_as_words() -> None:
    assert read_as(Upload, Reply(200, {}, upload_json(status="scanning", new=1))).status == "scanning"


def test_lists_go_over_all_pages() -> None:
    pages = [{"items": [json.loads(style_json())], "next_cursor": cursor} for cursor in ("c", None)]
    replies = iter([Reply(200, {}, json.dumps(page).encode()) for page in pages])
    series = over_pages(lambda more: kept.style_page(more, World([]).patience()))
    cursors, given, outcome = [], [], None
    while not isinstance(step := advance(series, outcome), Done):
        outcome = next(replies) if isinstance(step, Send) else None
        if isinstance(step, Send):
            cursors.append(dict(step.request.params).get("cursor"))
        elif isinstance(step, Give):
            given.append(step.value.id)
    assert (cursors, given) == ([None, "c"], ["s", "s"])


def test_what_is_secret_is_shown_by_no_value_and_no_error() -> None:
    place = read_as(Upload, announced())
    key = NewKey(id="i", key="imp_i_secret")
    assert place.upload is not None
    assert place.upload.url == PLACE
    assert "Signature" not in repr(place)
    assert "secret" not in repr(key)
    for shape, body in ((SecretOut, b'{"secrets": "whsec_a"}'), (Upload, announced(url=None, headers=PLACE).body)):
        with pytest.raises(Unreachable, match=r"secret: Field required|upload/url: ") as odd:
            read_as(shape, Reply(200, {}, body))
        assert not re.search("whsec|Signature", str(odd.value))
        assert odd.value.__cause__ is None
