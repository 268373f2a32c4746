"""Asking a process at its watch port, as a probe and Prometheus do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from service.settings import Settings
from service.watch import Checks, watched

Sample = tuple[str, tuple[tuple[str, str], ...]]


@contextmanager
def watching(
    settings: Settings, registry: CollectorRegistry, live: Checks | None = None, ready: Checks | None = None
) -> Iterator[str]:
    """Answer on a free port; give the address."""
    own = settings.model_copy(update={"watch_port": 0})
    with watched(own, registry, live=live or {}, ready=ready or {}) as port:
        yield f"http://127.0.0.1:{port}"


def samples(url: str) -> dict[Sample, float]:
    """Read every sample that a process shows, by name and labels."""
    answer = httpx.get(f"{url}/metrics")
    answer.raise_for_status()
    return read(answer.text)


def read(text: str) -> dict[Sample, float]:
    """Read samples as they are written."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def value(found: dict[Sample, float], name: str, **labels: Any) -> float:
    """Give one sample of a metric of ours; 0 where it has not been counted."""
    wanted = tuple(sorted((label.rstrip("_"), str(text)) for label, text in labels.items()))
    return found.get((f"impasto_{name}", wanted), 0.0)
