"""The doorbell: a Celery message that carries no job and only says "there is work".

The task is known by its name alone, so that whoever rings need not import the worker.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import quote

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from service.address import read_address
from service.errors import QueueUnavailable
from service.log import log
from service.noop import noop
from service.stores.connection import HEALTH_CHECK_S, TIMEOUTS, sentinel_options, tls_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.address import RedisAddress
    from service.settings import Settings

RENDER_TASK = "impasto.render"
DOORBELL = "impasto.doorbell"

P = ParamSpec("P")
R = TypeVar("R")


def _translated(call: Callable[P, R]) -> Callable[P, R]:
    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except (OperationalError, RedisError, OSError) as error:
            raise QueueUnavailable(f"broker: {type(error).__name__}") from error

    return guarded


def celery_app(settings: Settings) -> Celery:
    """Build the Celery application that rings and the one that hears, alike.

    Messages are acknowledged when they arrive and results are not kept: a lost or doubled message can neither
    lose nor double a job, as the job's record decides.
    """
    app = Celery("impasto", set_as_current=False)
    app.conf.update(
        **_broker(settings),
        broker_connection_retry_on_startup=True,
        task_default_queue=DOORBELL,
        task_acks_late=False,
        task_ignore_result=True,
        task_reject_on_worker_lost=False,
        task_publish_retry=False,  # the keeper rings again
        result_backend=None,
        accept_content=["json"],
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        enable_utc=True,
    )
    return app


def _broker(settings: Settings) -> Mapping[str, Any]:
    address = read_address(settings.redis_url.get_secret_value())
    options = {
        "global_keyprefix": settings.redis_prefix,
        "visibility_timeout": 4 * settings.run_max_s,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_S,
        "max_retries": 2,  # of one ring: whoever rings does not wait, for the keeper rings again
        "interval_start": 0.0,
        "interval_step": 0.1,
        **TIMEOUTS,
    }
    if address.master:
        options |= {"master_name": address.master, "sentinel_kwargs": sentinel_options(settings)}
    return {
        "broker_url": _broker_url(address),
        "broker_use_ssl": tls_options(settings) if address.tls else None,  # without it this driver verifies nothing
        "broker_transport_options": options,
    }


def _broker_url(address: RedisAddress) -> str:
    """Write the address as the driver reads it: one URL, or one for each sentinel, joined by semicolons."""
    credentials = f"{quote(address.user or '', safe='')}:{quote(address.password or '', safe='')}@"
    if address.socket:
        return f"redis+socket://{credentials}{quote(address.socket)}?virtual_host={address.database}"
    scheme = "sentinel" if address.master else "rediss" if address.tls else "redis"
    hosts = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.nodes)
    return ";".join(f"{scheme}://{credentials}{host}/{address.database}" for host in hosts)


class Queue:
    """Rings, and counts the rings that nobody has heard yet. `ring` and `unheard` raise QueueUnavailable.

    Args:
        app: rings.
        missed: called for each ring that the broker did not take and nobody minded.
    """

    def __init__(self, app: Celery, *, missed: Callable[[], object] = noop) -> None:
        self._app = app
        self._missed = missed

    @_translated
    def ring(self) -> None:
        """Say that there is work."""
        self._app.send_task(RENDER_TASK, queue=DOORBELL, ignore_result=True)

    def try_ring(self) -> bool:
        """Ring, and don't mind when it can't be heard: the keeper rings for ready jobs that nobody was told of."""
        try:
            self.ring()
        except QueueUnavailable as error:
            log().warning("ring_failed", detail=str(error))
            self._missed()
            return False
        return True

    @_translated
    def unheard(self) -> int:
        """Count the messages that wait for a worker."""
        with self._app.connection_for_read() as connection:
            channel: Any = connection.default_channel  # the stubs know only its base class
            return int(channel.queue_declare(DOORBELL).message_count)

    def close(self) -> None:
        """Let go of the connections."""
        self._app.close()
