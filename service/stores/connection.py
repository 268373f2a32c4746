"""The connection to Redis: opened from the settings, its errors translated."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from service.errors import JobStoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.settings import Settings

RedisClient = Any
"""A redis.Redis that decodes to str. The driver's own annotations allow bytes, str, sync and async all at once."""

P = ParamSpec("P")
R = TypeVar("R")


def connect(settings: Settings) -> RedisClient:
    """Make a client; it connects when it is first used. Answers are decoded to str."""
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        decode_responses=True,
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
        socket_keepalive=True,
        health_check_interval=15,
        # Every script is safe to send twice: it is a compare-and-set, or adds what is there already.
        retry=Retry(ExponentialWithJitterBackoff(cap=1.0, base=0.05), retries=3),
    )


def translated(call: Callable[P, R]) -> Callable[P, R]:
    """Let every error of the driver leave as JobStoreUnavailable."""

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except redis.RedisError as error:
            raise JobStoreUnavailable(f"Redis: {type(error).__name__}") from error

    return guarded
