"""Traces, as a collector gets them over OTLP: one a job, from its post to the commit, across processes."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from service.errors import Diverged
from service.painting import Images, Painting, Step
from service.render import render_next
from service.settings import Settings
from service.spec import RenderSpec
from service.wiring import Services, open_services
from tests.api_calls import posted, spec
from tests.paintings import no_checkpoint
from tests.receiver import Receiver, answer, receiving
from tests.served import served
from workers.lease import hold

pytestmark = pytest.mark.servers

CLIENTS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def copyist(_: RenderSpec, images: Images, **__: object) -> Generator[Step, None, Painting]:
    """Paints nothing: the content is the picture."""
    picture = images["/content"]
    yield Step(96, 0, 1, None, lambda: picture.pixels, no_checkpoint)
    return Painting({"result": picture}, {}, {}, 1, "cpu", "00")


def lost(*_: object, **__: object) -> Generator[Step, None, Painting]:
    raise Diverged("iteration 3")
    yield


def spans(collector: Receiver) -> dict[str, Span]:
    """Give what the collector got, by name; each request once."""
    found: dict[str, Span] = {}
    for asked in collector.asked:
        assert asked.path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(asked.body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                found |= {span.name: span for span in scope.spans}
    return found


def facts(span: Span) -> dict[str, str]:
    return {fact.key: fact.value.string_value or str(fact.value.int_value) for fact in span.attributes}


def rendered(settings: Settings, paint: object) -> None:
    with open_services(settings) as worker:
        held = partial(hold, claims=worker.claims, ttl_s=15.0)
        assert render_next(services=worker, paint=paint, hold=held, worker="w")  # type: ignore[arg-type]


def test_one_trace_tells_a_job_from_its_post_to_its_picture(settings: Settings, key: str) -> None:
    with receiving(lambda _, send: send(answer())) as collector:
        traced = settings.model_copy(update={"otlp_endpoint": collector.url})
        with served(traced, key=key) as client:
            sent = {"traceparent": f"00-{CLIENTS_TRACE}-00f067aa0ba902b7-00"}
            job = client.post("/v1/jobs", json=spec(), headers=sent).json()["id"]
        rendered(traced, copyist)
        found = spans(collector)
    assert set(found) == {"POST /v1/jobs", "queue", "attempt", "fetch", "paint", "upload", "commit"}
    posting, attempt = found["POST /v1/jobs"], found["attempt"]
    assert {span.trace_id for span in found.values()} == {posting.trace_id}
    assert posting.trace_id.hex() != CLIENTS_TRACE, "strangers do not decide on our traces"
    assert [link.trace_id.hex() for link in posting.links] == [CLIENTS_TRACE]
    assert attempt.parent_span_id == found["queue"].parent_span_id == posting.span_id
    assert {found[name].parent_span_id for name in ("fetch", "paint", "upload", "commit")} == {attempt.span_id}
    assert facts(posting)["http.response.status_code"] == "202"
    assert facts(attempt)["impasto.job_id"] == job
    assert found["queue"].start_time_unix_nano <= found["queue"].end_time_unix_nano


def test_an_attempt_that_fails_says_so(settings: Settings, key: str) -> None:
    with receiving(lambda _, send: send(answer())) as collector:
        traced = settings.model_copy(update={"otlp_endpoint": f"{collector.url}/"})
        with served(traced, key=key) as client:
            posted(client)
        rendered(traced, lost)
        attempt = spans(collector)["attempt"]
    assert (attempt.status.code, attempt.status.message) == (Status.STATUS_CODE_ERROR, "diverged")


def test_without_a_collector_nothing_is_traced(services: Services, settings: Settings, key: str, tenant: str) -> None:
    with served(settings, key=key) as client:
        sent = {"traceparent": f"00-{CLIENTS_TRACE}-00f067aa0ba902b7-00"}
        job = client.post("/v1/jobs", json=spec(), headers=sent).json()["id"]
    assert services.jobs.get(tenant, job).trace is None


def test_a_collector_that_is_away_keeps_nobody_waiting_for_long(settings: Settings, key: str) -> None:
    traced = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:9"})
    with served(traced, key=key) as client:
        assert posted(client).status_code == 202
