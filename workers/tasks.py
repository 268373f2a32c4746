"""The one task: a ring of the doorbell makes a worker look for a job."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from service.render import render_next
from service.stores.queue import RENDER_TASK
from service.wiring import Services, open_services
from workers.lease import hold

if TYPE_CHECKING:
    from celery import Celery

    from service.settings import Settings


@cache
def open_once(settings: Settings) -> Services:
    """Open the services of this process: each child has its own connections."""
    return open_services(settings)


def register(app: Celery, settings: Settings, *, worker: str) -> None:
    """Give the application its task."""

    @app.task(name=RENDER_TASK)
    def render() -> None:
        from workers.painter.paint import paint  # noqa: PLC0415 - the parent must never import torch

        services = open_once(settings)
        held = partial(hold, jobs=services.jobs, ttl_s=settings.lease_ttl_s)
        render_next(services=services, paint=paint, hold=held, worker=worker)
