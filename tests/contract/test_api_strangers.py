"""Nothing can be found out about what is another tenant's: its id is answered as one that nobody ever had."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from service.keys import create_key
from service.settings import Settings
from service.wiring import Services, open_services
from tests.api_calls import posted, spec, uploaded
from tests.images import photograph_bytes
from tests.jobs import RESULT, claimed
from tests.routes import operations, parameters
from tests.served import served

pytestmark = pytest.mark.servers

OWN_ID = "PUT /v1/jobs/{job_id}"
"""The one route whose id the caller chooses: it makes a job of his own, whoever else has one of that name."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let webhooks go to loopback."""
    return settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})


@pytest.fixture
def things(client: httpx.Client, services: Services, key: str) -> Mapping[str, str]:
    """The ids of one thing of each kind, all of one tenant, by the names of the parameters in paths."""
    endpoint = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/", "events": ["job.succeeded"]}).json()
    job = posted(client).json()["id"]
    assert services.claims.commit(claimed(services), [RESULT], {})
    [delivery] = client.get("/v1/webhooks/deliveries").json()["items"]
    style = client.post("/v1/styles", files={"image": photograph_bytes()}, data={"name": "dusk"})
    return {
        "job_id": job,
        "upload_id": uploaded(client, photograph_bytes()),
        "style_id": style.json()["id"],
        "batch_id": client.post("/v1/batches", json={"jobs": [spec()]}).json()["id"],
        "webhook_id": endpoint["id"],
        "delivery_id": delivery["id"],
        "key_id": key.split("_")[1],
    }


@pytest.fixture
def stranger(services: Services, settings: Settings) -> Iterator[httpx.Client]:
    """A client that may do everything, in another tenant."""
    key = create_key(services.keys, tenant="stranger", name="k", scopes=["admin"])
    with served(settings, key=key) as client:
        yield client


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The application, which nobody serves."""
    with open_services(settings) as services:
        yield create_app(services)


def nobodys(thing: str) -> str:
    """Make up an id of the same form."""
    return re.sub(r"\d", lambda _: secrets.choice("0123456789"), thing)


class Answered(NamedTuple):
    """All of an answer but what every answer has of its own, with the id that was asked for left out."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> tuple[int, str]:
        return self.status, json.loads(self.body)["code"]


def answered(client: httpx.Client, method: str, path: str, thing: str, content: str | None = None) -> Answered:
    """Call with an id."""
    own = {"X-Request-Id": "same", "Content-Type": "application/json"}
    answer = client.request(method, path, headers=own, content=content)
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    headers["ratelimit"] = re.sub(r";[rt]=\d+", "", headers["ratelimit"])
    return Answered(answer.status_code, headers, answer.content.replace(thing.encode(), b"ID"))


def test_on_every_route_a_strangers_id_is_answered_as_one_that_nobody_has(
    app: FastAPI, things: Mapping[str, str], stranger: httpx.Client
) -> None:
    asked = [operation for operation in operations(app) if parameters(operation) and operation != OWN_ID]
    for operation in asked:
        method, path = operation.split()
        [name] = parameters(operation)
        theirs, made_up = things[name], nobodys(things[name])
        of_theirs, of_none = (
            answered(stranger, method, path.replace(f"{{{name}}}", each), each) for each in (theirs, made_up)
        )
        assert of_theirs == of_none, operation
        assert of_theirs.problem == (404, "not_found"), operation
    assert {name for operation in asked for name in parameters(operation)} == set(things)


def test_what_a_stranger_tried_has_changed_nothing(
    app: FastAPI, things: Mapping[str, str], stranger: httpx.Client, client: httpx.Client, services: Services
) -> None:
    kinds = {
        "job_id": "jobs",
        "upload_id": "uploads",
        "style_id": "styles",
        "batch_id": "batches",
        "webhook_id": "webhooks",
    }

    def seen() -> list[dict[str, object]]:
        answers = [client.get(f"/v1/{kind}/{things[name]}").json() for name, kind in kinds.items()]
        new = dict.fromkeys(("url", "url_expires_at"))  # signed anew for each answer
        return [{**answer, "outputs": len(answer.get("outputs", ())), **new} for answer in answers]

    before = seen()
    for operation in operations(app):
        method, path = operation.split()
        for name in parameters(operation):
            body = spec() if operation == OWN_ID else None
            stranger.request(method, path.replace(f"{{{name}}}", things[name]), json=body)
    assert seen() == before
    assert services.keys.get(things["key_id"]) is not None


def test_a_job_under_an_id_that_a_stranger_has_too_is_made_as_under_any_other(
    things: Mapping[str, str], stranger: httpx.Client, client: httpx.Client
) -> None:
    made = [stranger.put(f"/v1/jobs/{each}", json=spec()) for each in (things["job_id"], str(uuid.uuid4()))]
    assert [answer.status_code for answer in made] == [202, 202]
    statuses = [one.get(f"/v1/jobs/{things['job_id']}").json()["status"] for one in (client, stranger)]
    assert statuses == ["succeeded", "queued"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/jobs?batch={batch_id}", None),
        ("GET", "/v1/webhooks/deliveries?webhook_id={webhook_id}", None),
        ("POST", "/v1/jobs", {**spec(), "content": {"upload_id": "{upload_id}"}}),
        ("POST", "/v1/jobs", {**spec(), "styles": [{"style_id": "{style_id}"}]}),
        ("POST", "/v1/estimates", {**spec(), "content": {"upload_id": "{upload_id}"}}),
        ("POST", "/v1/batches", {"jobs": [{**spec(), "styles": [{"style_id": "{style_id}"}]}]}),
        ("POST", "/v1/styles", {"name": "n", "image": {"upload_id": "{upload_id}"}}),
        ("POST", "/v1/uploads", {"job_id": "{job_id}", "pointer": "/content"}),
    ],
)
def test_an_id_in_a_query_or_a_body_tells_a_stranger_nothing_either(
    things: Mapping[str, str], stranger: httpx.Client, method: str, path: str, body: object
) -> None:
    wanted = "" if body is None else json.dumps(body)
    [name] = re.findall(r"{(\w+_id)}", path + wanted)
    of_theirs, of_none = (
        answered(stranger, method, path.replace(f"{{{name}}}", each), each, wanted.replace(f"{{{name}}}", each))
        for each in (things[name], nobodys(things[name]))
    )
    assert of_theirs == of_none
    assert of_theirs.status == (200 if method == "GET" else 422)


def test_nor_does_what_is_gone(things: Mapping[str, str], stranger: httpx.Client, client: httpx.Client) -> None:
    job = things["job_id"]
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert client.get(f"/v1/jobs/{job}").status_code == 410
    of_theirs, of_none = (answered(stranger, "GET", f"/v1/jobs/{each}", each) for each in (job, nobodys(job)))
    assert of_theirs == of_none
    assert of_theirs.problem == (404, "not_found")
