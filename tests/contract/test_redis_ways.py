"""Every way to Redis, for the job store and the broker alike, against real servers."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from service.errors import JobStoreUnavailable, QueueUnavailable, Unavailable
from service.settings import Settings
from service.wiring import Services, open_services
from tests.contract.test_job_store import claimed, job
from tests.tls import certificates, tls_front
from tests.valkey import ENCODED, Valkey, replica, sentinel, valkey, wait_until

pytestmark = pytest.mark.servers

WAYS = ("password", "user", "tls", "socket", "sentinel", "tls_sentinel")
WRONG_WAYS = (
    "wrong_password",
    "untrusted_certificate",
    "wrong_host_name",
    "wrong_sentinel_password",
    "untrusted_sentinel",
    "unknown_master",
    "no_socket",
)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """The settings of each way, to one server; its second user may touch no key without the prefix."""
    root = tmp_path_factory.mktemp("ways")
    ours, theirs = certificates(root / "ours"), certificates(root / "theirs", names="DNS:redis.example")
    with ExitStack() as running:
        server = running.enter_context(valkey(root / "server", "user brush on >bristle ~ways:* &ways:* +@all"))
        front = running.enter_context(tls_front(server.port, ours))
        misnamed = running.enter_context(tls_front(server.port, theirs))
        guard = running.enter_context(sentinel(root / "sentinel", port=front, password="watch", replicas=0))
        guard_front = running.enter_context(tls_front(guard.port, ours))
        yield _ways(server, front, misnamed, guard, guard_front, ours.ca, theirs.ca)


def _ways(
    server: Valkey, front: int, misnamed: int, guard: Valkey, guard_front: int, ca: Path, other_ca: Path
) -> dict[str, dict[str, Any]]:
    by = f":{ENCODED}@127.0.0.1"
    dead = "127.0.0.1:1"  # a sentinel that is away is passed over
    guards, tls_guards = f"{by}:{guard.port},{dead}", f":{ENCODED}@{dead},127.0.0.1:{guard_front}"
    through_tls = {"redis_url": f"rediss://{by}:{front}/0", "redis_ca_file": ca}
    sentinels = {"redis_url": f"redis+sentinel://{guards}/painters/0", "redis_sentinel_password": "watch"}
    tls_sentinels = {**sentinels, "redis_url": f"rediss+sentinel://{tls_guards}/painters", "redis_ca_file": ca}
    return {
        "password": {"redis_url": f"redis://{by}:{server.port}/0"},
        "user": {"redis_url": f"redis://brush:bristle@127.0.0.1:{server.port}/0"},
        "tls": through_tls,
        "socket": {"redis_url": f"unix://:{ENCODED}@{server.socket}?db=0"},
        "sentinel": sentinels,
        "tls_sentinel": tls_sentinels,
        "wrong_password": {"redis_url": f"redis://:wrong@127.0.0.1:{server.port}/0"},
        "untrusted_certificate": {**through_tls, "redis_ca_file": other_ca},
        "wrong_host_name": {"redis_url": f"rediss://{by}:{misnamed}/0", "redis_ca_file": other_ca},
        "wrong_sentinel_password": {**sentinels, "redis_sentinel_password": "wrong"},
        "untrusted_sentinel": {**tls_sentinels, "redis_ca_file": other_ca},
        "unknown_master": {**sentinels, "redis_url": f"redis+sentinel://{guards}/sculptors"},
        "no_socket": {"redis_url": f"unix://:{ENCODED}@{server.socket}.gone"},
    }


def settings_for(way: dict[str, Any]) -> Settings:
    return Settings(**way, redis_prefix=f"ways:{uuid.uuid4().hex[:8]}:")


@pytest.mark.parametrize("way", WAYS)
def test_jobs_and_rings_go_every_way(ways: dict[str, dict[str, Any]], way: str) -> None:
    settings = settings_for(ways[way])
    with open_services(settings) as services:
        submitted = services.jobs.submit(job("tenant"))
        services.queue.ring()
        services.queue.ring()
        assert claimed(services.jobs).id == submitted.id
        assert services.queue.unheard() == 2
    with open_services(settings_for(ways["password"])) as plain:
        keys = set(plain._redis.keys(f"{settings.redis_prefix}*"))
        assert {f"{settings.redis_prefix}{name}" for name in ("leases", "impasto.doorbell")} <= keys
        assert set(plain._redis.keys("*impasto*")) == set(plain._redis.keys("ways:*impasto*"))


@pytest.mark.parametrize("way", WRONG_WAYS)
def test_a_wrong_way_ends_in_our_own_words(ways: dict[str, dict[str, Any]], way: str) -> None:
    with open_services(settings_for(ways[way])) as services:
        with pytest.raises(JobStoreUnavailable):
            services.jobs.ping()
        with pytest.raises(QueueUnavailable):
            services.queue.ring()
        with pytest.raises(QueueUnavailable):
            services.queue.unheard()


@pytest.mark.parametrize("way", WAYS)
def test_the_same_patience_holds_on_every_way(ways: dict[str, dict[str, Any]], way: str) -> None:
    settings = settings_for(ways[way])
    with open_services(settings) as services:
        with services.queue._app.connection_for_write() as broker:
            channel: Any = broker.default_channel
            assert_patient(channel.client.connection_pool, settings)
            assert channel.global_keyprefix == settings.redis_prefix
            assert channel.visibility_timeout == 4 * settings.run_max_s
            assert broker.transport_options["max_retries"] == 2
        assert_patient(services._redis.connection_pool, settings)
        retry = services._redis.connection_pool.get_connection().retry
        assert retry.get_retries() == 3
        assert redis.ReadOnlyError in retry._supported_errors


def assert_patient(pool: Any, settings: Settings) -> None:
    connection = pool.get_connection()
    assert (connection._sock.gettimeout(), connection.health_check_interval) == (5.0, 15)
    if not settings.redis_url.get_secret_value().startswith("unix:"):
        assert connection.socket_connect_timeout == 2.0
        assert connection._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    pool.release(connection)


def test_after_a_failover_the_same_services_work_with_the_new_master(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "master") as master,
        replica(tmp_path / "replica", master) as heir,
        sentinel(tmp_path / "sentinel", port=master.port, password="watch", replicas=1) as guard,
    ):
        way = _ways(master, 0, 0, guard, 0, tmp_path, tmp_path)["sentinel"]
        with open_services(settings_for(way)) as services:
            before = services.jobs.submit(job("tenant"))
            assert claimed(services.jobs).id == before.id
            services.queue.ring()
            assert services.queue.unheard() == 1
            with master.client() as client:
                assert client.wait(1, 5000) == 1
            master.process.kill()
            wait_until(lambda: works(services))
            assert services.jobs.get("tenant", before.id).id == before.id
            with heir.client() as client:
                assert client.info("replication")["role"] == "master"


def works(services: Services) -> bool:
    """Whether a job can be submitted and claimed, and a ring is counted; while there is no master, our own words."""
    try:
        submitted = services.jobs.submit(job("tenant"))
        services.queue.ring()
    except Unavailable:
        return False
    assert claimed(services.jobs).id == submitted.id
    assert services.queue.unheard() == 2  # this one, and the one that was replicated
    return True
