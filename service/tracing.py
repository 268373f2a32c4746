"""Traces: what happened to a job from its post to its picture, across all processes, by OpenTelemetry. Off by default.

A job's record carries the trace of the request that posted it (W3C Trace Context), and every attempt goes on with it;
so there is one trace a job, also when several workers had it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NoOpTracer, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import service

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from service.job import Job
    from service.settings import Settings

PATIENCE_S = 3.0
"""That a collector is waited for, beside the work, or by a process that is about to end."""

_W3C = TraceContextTextMapPropagator()
_NS_PER_MS = 1_000_000
_QUIETLY: Any = {"record_exception": False, "set_status_on_exception": False}
"""An exception's text may hold what is redacted in logs, and to be canceled is no error."""


class Traces:
    """Makes spans, and sends them beside the work; while nobody wants them it makes none."""

    def __init__(self, settings: Settings) -> None:
        self._provider = _provider(settings.otlp_endpoint) if settings.otlp_endpoint else None
        self._tracer = self._provider.get_tracer("impasto") if self._provider else NoOpTracer()

    def span(self, name: str, **facts: str | int) -> AbstractContextManager[Span]:
        """Make a span within the one that is open. How an attempt ended, its own span says."""
        return self._tracer.start_as_current_span(name, attributes=facts, **_QUIETLY)

    def request(self, method: str, traceparent: str | None) -> AbstractContextManager[Span]:
        """Make the span of a request; its name is known only later.

        It begins a trace of its own and links to its client's, if it brings one: strangers decide neither what is
        traced here nor what else is in the same trace.
        """
        theirs = trace.get_current_span(self._read(traceparent)).get_span_context()
        return self._tracer.start_as_current_span(
            method,
            context=Context(),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
            links=[Link(theirs)] if theirs.is_valid else [],
            **_QUIETLY,
        )

    def attempt(self, job: Job, worker: str) -> AbstractContextManager[Span]:
        """Make the span of an attempt within the job's trace, and beside it one for how long the job has waited."""
        parent = self._read(job.trace)
        facts: dict[str, str | int] = {
            "impasto.job_id": job.id,
            "impasto.tenant": job.tenant,
            "impasto.attempt": job.attempt,
        }
        if job.fence == 1 and job.started_ms:
            waited = self._tracer.start_span(
                "queue", context=parent, start_time=job.created_ms * _NS_PER_MS, attributes=facts
            )
            waited.end(job.started_ms * _NS_PER_MS)
        facts["impasto.worker"] = worker
        return self._tracer.start_as_current_span(
            "attempt", context=parent, kind=SpanKind.CONSUMER, attributes=facts, **_QUIETLY
        )

    def _read(self, traceparent: str | None) -> Context:
        """Read the trace that was begun elsewhere; where nothing is traced, none is passed on either."""
        carrier = {"traceparent": traceparent} if traceparent and self._provider else {}
        return _W3C.extract(carrier, context=Context())

    def close(self) -> None:
        """Send what has not been sent, for some seconds at most."""
        if self._provider is not None:
            self._provider.shutdown()


def carried() -> str | None:
    """Write the span that is open as a job's record carries it; None where nothing is traced."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


def failed(span: Span, why: str) -> None:
    """Let a span say that what it stands for has failed."""
    span.set_status(trace.StatusCode.ERROR, why)


def _provider(endpoint: str) -> TracerProvider:
    about = Resource.create({SERVICE_NAME: "impasto", SERVICE_VERSION: service.__version__})
    provider = TracerProvider(resource=about, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=PATIENCE_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
