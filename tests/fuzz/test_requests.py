"""What stands in a request's line and in its headers: names, cursors, filters, keys, and what to go on from."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.idempotency import _KEY
from api.pages import cursor_of, mark_of, query_of
from api.prefer import WAIT_MAX_S, wait_s
from service.errors import InvalidSpec
from service.keys import create_key
from service.settings import Settings
from service.stores.job_list import Mark
from service.wiring import Services
from tests.fuzz.wishes import TEXT
from tests.jobs import submitted
from tests.served import served

ID = "00000000-0000-7000-8000-000000000001"
CURSORS = TEXT | st.builds("{}{}{}".format, st.integers(), st.sampled_from([".", "", "_"]), TEXT).map(
    lambda text: urlsafe_b64encode(text.encode(errors="surrogatepass")).decode()
)
WORDS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from([ID, "*", "..", ".", "%00", "\0", "\r\nX: y", "/", "?", "#", "é", "x" * 3000, "\u202e"]),
)
HEADERS = st.sampled_from(
    ["Last-Event-ID", "Prefer", "If-None-Match", "Accept", "X-Request-Id", "Idempotency-Key", "Range"]
)
VALUES = st.one_of(
    st.binary(max_size=30).map(lambda data: bytes(byte for byte in data if 32 < byte != 127)),
    st.sampled_from([b"0-0", b"99999999999999999999-0", b"1-1", b"-", b"(1", b"wait=1", b"wait=99999999999", b"*"]),
)
PLACES = st.sampled_from(
    [
        *("jobs/{}", "jobs/{}/events", "jobs/{}/result", "jobs/{}/outputs/{}", "jobs/{}/preview", "batches/{}"),
        *(
            "batches/{}/items",
            "uploads/{}",
            "styles/{}",
            "webhooks/{}",
            "webhooks/deliveries/{}",
            "keys/{}",
            "{}",
            "{}/{}",
        ),
        *("jobs", "batches", "styles", "webhooks/deliveries", "webhooks", "keys", "capabilities"),
    ]
)
QUERIES = st.dictionaries(
    st.sampled_from(["cursor", "limit", "label", "status", "batch", "created_after", "webhook_id", "x"]),
    CURSORS.filter(lambda text: text.isascii())
    | WORDS
    | st.sampled_from(["queued", "1", "0001-01-01", "9999-12-31T23:59:59-23:59"]),
    max_size=3,
)


@given(CURSORS)
@example("é\ud800")
def test_a_cursor_is_a_place_or_refused(cursor: str) -> None:
    with suppress(InvalidSpec):
        mark = mark_of(cursor)
        assert mark is not None
        assert 0 <= mark.created_ms < 2**53


@given(st.integers(0, 2**53 - 1), st.text(st.characters(codec="utf-8")))
def test_a_cursor_of_ours_leads_back_to_its_place(created_ms: int, name: str) -> None:
    assert mark_of(cursor_of(Mark(created_ms, name))) == Mark(created_ms, name)


@given(st.lists(TEXT, max_size=3), st.datetimes(timezones=st.timezones()) | st.none(), TEXT)
def test_filters_are_read_or_refused(labels: list[str], since: object, batch: str) -> None:
    with suppress(InvalidSpec):
        assert query_of(None, labels, since, batch).since_ms >= 0  # type: ignore[arg-type]


@given(TEXT | st.from_regex(r"(wait=\d*[,;]? ?)*", fullmatch=True))
@example("wait=" + "9" * 5000)
def test_a_wish_to_wait_is_heeded_within_bounds(prefer: str) -> None:
    assert 0 <= wait_s(prefer) <= WAIT_MAX_S


@given(TEXT)
def test_an_idempotency_key_that_is_taken_is_visible_ascii(key: str) -> None:
    assert _KEY.fullmatch(key) is None or (key.isascii() and key.isprintable() and " " not in key)


@pytest.fixture
def client(settings: Settings, services: Services) -> Iterator[httpx.Client]:
    """A client with a key that may do everything, of a tenant that has a job."""
    key = create_key(services.keys, tenant="t", name="t", scopes=("jobs:read", "jobs:write", "admin"))
    submitted(services, "t", job_id=ID)
    services.jobs.forget("t", ID)  # its events end at once
    with served(settings, key=key) as client:
        yield client


@pytest.mark.servers
@given(PLACES, WORDS, WORDS, QUERIES, st.dictionaries(HEADERS, VALUES, max_size=2))
@example("jobs/{}/events", ID, "", {}, {"Last-Event-ID": b"99999999999999999999-0"})
@example("jobs", "", "", {"cursor": "MS5h"}, {})
def test_no_question_breaks_the_service(
    client: httpx.Client, place: str, name: str, other: str, query: dict[str, str], headers: dict[str, bytes]
) -> None:
    path = place.format(quote(name, safe=""), quote(other, safe=""))
    headers = {**headers, "Prefer": b"wait=0"} if "Prefer" in headers and name == ID else headers
    answer = client.get(f"/v1/{path}", params=query, headers=list(headers.items()))  # type: ignore[arg-type]
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


LIMITS = st.dictionaries(
    st.sampled_from(["requests_per_minute", "burst", "jobs_in_flight", "bytes_per_day"]),
    st.integers(-1, 2**54) | st.sampled_from([2**53 - 1, 2**63, 10**400]) | st.floats() | TEXT,
)


@pytest.mark.servers
@given(LIMITS, st.datetimes(timezones=st.timezones()).map(str) | TEXT | st.none())
@example({"burst": 10**400}, None)
@example({"requests_per_minute": 2**53 - 1, "burst": 1}, None)
@example({"requests_per_minute": 1, "burst": 2**53 - 1}, None)
@example({}, "9999-12-31T23:59:59-23:59")
def test_a_key_of_any_limits_is_refused_or_works(
    client: httpx.Client, limits: dict[str, object], expires_at: str | None
) -> None:
    body = json.dumps({"name": "x", "limits": limits, "expires_at": expires_at})
    made = client.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
    assert made.status_code in {201, 422}, made.text
    if made.status_code == 201:
        answer = client.get("/v1/jobs", headers={"Authorization": f"Bearer {made.json()['key']}"})
        assert answer.status_code in {200, 401}, answer.text


@pytest.mark.servers
@given(VALUES | st.from_regex(r"imp_[0-9a-f]{11,13}_[A-Za-z0-9_-]{42,44}", fullmatch=True).map(str.encode))
def test_nobody_gets_in_with_another_key(client: httpx.Client, presented: bytes) -> None:
    answer = client.get("/v1/jobs", headers=[(b"Authorization", b"Bearer " + (presented or b"k"))])
    assert answer.status_code == 401, answer.text
