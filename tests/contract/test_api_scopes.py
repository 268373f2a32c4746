"""Who may call what: every route under `/v1` asks for a key, and for a scope of this table."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.deps import admin, operator, reader, writer
from api.routes import every_route
from service.keys import create_key
from service.settings import Settings
from service.wiring import Services, open_services
from tests.api_calls import assert_problem
from tests.jobs import claimed, submitted
from tests.routes import asked_of, operations
from tests.served import served

pytestmark = pytest.mark.servers

SCOPES = {
    "jobs:read": """
        GET /v1/jobs, GET /v1/jobs/{job_id}, GET /v1/jobs/{job_id}/events, GET /v1/jobs/{job_id}/preview,
        GET /v1/jobs/{job_id}/result, GET /v1/jobs/{job_id}/timelapse, GET /v1/jobs/{job_id}/inputs,
        GET /v1/batches, GET /v1/batches/{batch_id}, GET /v1/batches/{batch_id}/items,
        GET /v1/uploads/{upload_id}, GET /v1/styles, GET /v1/styles/{style_id}, GET /v1/capabilities,
        GET /v1/webhooks, GET /v1/webhooks/{webhook_id}, GET /v1/webhooks/deliveries
    """,
    "jobs:write": """
        POST /v1/jobs, PUT /v1/jobs/{job_id}, DELETE /v1/jobs/{job_id},
        POST /v1/jobs/{job_id}/cancel, POST /v1/jobs/{job_id}/retry, POST /v1/estimates,
        POST /v1/batches, POST /v1/batches/{batch_id}/cancel,
        POST /v1/uploads, POST /v1/uploads/{upload_id}/complete, DELETE /v1/uploads/{upload_id},
        POST /v1/styles, DELETE /v1/styles/{style_id},
        POST /v1/webhooks, DELETE /v1/webhooks/{webhook_id}, POST /v1/webhooks/{webhook_id}/enable,
        POST /v1/webhooks/{webhook_id}/rotate, POST /v1/webhooks/deliveries/{delivery_id}/replay,
        GET /v1/webhooks/default-secret, POST /v1/webhooks/default-secret/rotate
    """,
    "admin": "GET /v1/keys, POST /v1/keys, DELETE /v1/keys/{key_id}, POST /v1/keys/{key_id}/rotate",
    "metrics:read": "GET /v1/admin/autoscale",
    "": "GET /livez, GET /readyz",
}
TABLE = {operation.strip(): scope for scope, listed in SCOPES.items() for operation in listed.split(",")}
ASKS = {reader: "jobs:read", writer: "jobs:write", admin: "admin", operator: "metrics:read"}


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The application, which nobody serves."""
    with open_services(settings) as services:
        yield create_app(services)


def test_every_route_asks_for_the_scope_of_the_table(app: FastAPI) -> None:
    found = {
        operation: [scope for function, scope in ASKS.items() if function in asked_of(route.dependant)]
        for operation, route in operations(app).items()
    }
    assert found == {operation: [scope] if scope else [] for operation, scope in TABLE.items()}


def test_nothing_is_served_under_v1_that_is_not_in_the_table(app: FastAPI) -> None:
    described = {f"{method.upper()} {path}" for path, item in app.openapi()["paths"].items() for method in item}
    assert described == set(operations(app)) == set(TABLE)
    others = {getattr(route, "path", "") for route in every_route(app.routes)} - {each.split()[1] for each in TABLE}
    assert others == {"/openapi.json", "/", "/studio/{name:path}"}


def call(client: httpx.Client, operation: str, **headers: str) -> httpx.Response:
    method, path = operation.split()
    for name in ("job", "batch", "upload", "style", "webhook", "delivery", "key"):
        path = path.replace(f"{{{name}_id}}", str(uuid.uuid4()))
    return client.request(method, path, headers=headers)


def test_nobody_calls_anything_under_v1_without_a_key(settings: Settings) -> None:
    with served(settings) as client:
        for operation in (operation for operation, scope in TABLE.items() if scope):
            for headers in ({}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer"}, {"X-Api-Key": "k"}):
                refused = call(client, operation, **headers)
                assert_problem(refused, 401, "unauthorized")
                assert refused.headers["www-authenticate"] == 'Bearer realm="impasto"'


@pytest.mark.parametrize("scope", ["jobs:read", "jobs:write"])
def test_a_key_is_refused_whatever_its_scopes_do_not_name(
    services: Services, settings: Settings, tenant: str, scope: str
) -> None:
    with served(settings, key=create_key(services.keys, tenant=tenant, name="k", scopes=[scope])) as client:
        for operation, asked in TABLE.items():
            if asked not in {scope, ""}:
                assert_problem(call(client, operation), 403, "forbidden")
            else:
                assert call(client, operation).status_code not in {401, 403}


def test_no_key_gives_a_tenant_or_a_scope_that_it_was_not_made_with(
    services: Services, settings: Settings, tenant: str
) -> None:
    key = create_key(services.keys, tenant=tenant, name="k", scopes=["jobs:read"])
    with served(settings, key=key) as client:
        for pretended in ({"X-Tenant": "other"}, {"X-Scope": "admin"}, {"Impasto-Tenant": "other"}):
            assert_problem(client.get("/v1/keys?scope=admin&tenant=other", headers=pretended), 403, "forbidden")


def test_a_body_is_read_only_of_who_has_a_key(app: FastAPI, settings: Settings) -> None:
    """No route lets the framework read one, which it would do before it asks for the key."""
    assert [operation for operation, route in operations(app).items() if route.body_field is not None] == []
    with served(settings) as client:
        for path in ("/v1/keys", "/v1/webhooks", "/v1/jobs", "/v1/uploads", "/v1/styles", "/v1/batches"):
            broken = client.post(path, content=b"{", headers={"Content-Type": "application/json"})
            assert_problem(broken, 401, "unauthorized")


def test_a_tenants_admin_learns_nothing_of_all_tenants(settings: Settings, services: Services, tenant: str) -> None:
    wanted = {"metrics:read": 200, "admin": 403, "jobs:read": 403}
    keys = {scope: create_key(services.keys, tenant=tenant, name="k", scopes=[scope]) for scope in wanted}
    for scope, key in keys.items():
        with served(settings, key=key) as client:
            answer = client.get("/v1/admin/autoscale")
            assert answer.status_code == wanted[scope], scope
            if scope == "admin":
                more = {"name": "k", "scopes": ["metrics:read"]}
                assert_problem(client.post("/v1/keys", json=more), 422, "invalid_spec", "/scopes/0")


def test_an_autoscaler_is_told_how_much_there_is_to_do(settings: Settings, services: Services, tenant: str) -> None:
    key = create_key(services.keys, tenant="operations", name="k", scopes=["metrics:read"])
    for _ in range(3):
        submitted(services, tenant)
    claimed(services)
    services.presence.beat("worker", "w")
    with served(settings, key=key) as client:
        told = client.get("/v1/admin/autoscale").json()
    waited_s = told.pop("oldest_queued_s")
    assert told == {"queued": 2, "running": 1, "open": 3, "workers": 1, "workers_wanted": 3}
    assert 0 <= waited_s < 30
