"""The connection to Redis: opened from the settings, its errors translated.

A client that goes through sentinels asks them anew for the master whenever it connects, so it finds the new one
after a failover by itself; until there is one its calls raise JobStoreUnavailable.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import redis
import redis.sentinel
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from service.address import read_address
from service.errors import JobStoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.settings import Settings

RedisClient = Any
"""A redis.Redis that decodes to str. The driver's own annotations allow bytes, str, sync and async all at once."""

P = ParamSpec("P")
R = TypeVar("R")


TIMEOUTS: Mapping[str, Any] = {"socket_timeout": 5.0, "socket_connect_timeout": 2.0}
"""Seconds, of every connection to a server."""

HEALTH_CHECK_S = 15
"""A connection that was idle this long is tried before it is used."""


def connect(settings: Settings) -> RedisClient:
    """Make a client; it connects when it is first used. Answers are decoded to str."""
    address = read_address(settings.redis_url.get_secret_value())
    options: dict[str, Any] = {
        "username": address.user,
        "password": address.password,
        "db": address.database,
        "decode_responses": True,
        "health_check_interval": HEALTH_CHECK_S,
        "retry": _retry(),
        **TIMEOUTS,
    }
    if address.socket:
        return redis.Redis(unix_socket_path=address.socket, **options)
    options |= {"socket_keepalive": True, **({"ssl": True, **tls_options(settings)} if address.tls else {})}
    if address.master:
        driver: Any = redis.sentinel  # it has no annotations
        sentinels = driver.Sentinel(address.nodes, sentinel_kwargs=sentinel_options(settings), **options)
        return sentinels.master_for(address.master, redis_class=_MasterClient)
    ((host, port),) = address.nodes
    return redis.Redis(host=host, port=port, **options)


def _retry() -> Retry:
    # Every script is safe to send twice: it is a compare-and-set, or adds what is there already. A master that
    # has become a replica answers READONLY: the connection is given up, and the name asked for anew.
    backoff = ExponentialWithJitterBackoff(cap=1.0, base=0.05)
    errors = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError)
    return Retry(backoff, retries=3, supported_errors=errors)


class _MasterClient(redis.Redis):
    """Closes its clients of the sentinels with itself, which the driver leaves to whoever made them."""

    def close(self) -> None:
        super().close()
        pool: Any = self.connection_pool
        pool.sentinel_manager.close()


def tls_options(settings: Settings) -> Mapping[str, Any]:
    """Give a driver's options of TLS: certificates and host names are verified, against our own CA if there is one."""
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(settings.redis_ca_file) if settings.redis_ca_file else None,
    }


def sentinel_options(settings: Settings) -> Mapping[str, Any]:
    """Give the options of a connection to a sentinel."""
    password = settings.redis_sentinel_password
    tls = read_address(settings.redis_url.get_secret_value()).tls
    return {
        "password": password.get_secret_value() if password else None,
        "socket_keepalive": True,
        "retry": None,  # the next sentinel is asked instead
        "socket_timeout": 2.0,
        "socket_connect_timeout": 2.0,
        **({"ssl": True, **tls_options(settings)} if tls else {}),
    }


def translated(call: Callable[P, R]) -> Callable[P, R]:
    """Let every error of the driver leave as JobStoreUnavailable."""

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            try:
                return call(*args, **kwargs)
            except redis.exceptions.NoScriptError:  # the server changed after a pipeline had loaded its scripts
                return call(*args, **kwargs)
        except redis.RedisError as error:
            raise JobStoreUnavailable(f"Redis: {type(error).__name__}") from error

    return guarded
