"""Every way to Redis, for the job store and the broker alike, against real servers."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from service.errors import JobStoreUnavailable, QueueUnavailable, Unavailable
from service.settings import Settings
from service.wiring import open_services
from tests.jobs import claimed, submitted
from tests.tls import certificates, tls_front
from tests.valkey import ENCODED, Valkey, replica, sentinel, valkey, wait_for_replica, wait_until

pytestmark = pytest.mark.servers

R = TypeVar("R")

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
    ours, theirs = certificates(root / "ours"), certificates(root / "theirs", "redis.example")
    with ExitStack() as running:
        server = running.enter_context(valkey(root / "server", "user brush on >bristle ~ways:* &* +@all"))
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
        posted = submitted(services, "tenant")
        services.queue.ring()
        services.queue.ring()
        assert claimed(services).id == posted.id
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
            assert channel.connection.client.transport_options["max_retries"] == 2
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
            before = submitted(services, "tenant")
            assert claimed(services).id == before.id
            services.queue.ring()
            assert services.queue.unheard() == 1
            wait_for_replica(master)
            master.process.kill()
            after = when_available(lambda: submitted(services, "tenant"))
            assert claimed(services).id == after.id
            assert services.jobs.get("tenant", before.id).id == before.id
            when_available(services.queue.ring)
            assert services.queue.unheard() == 2
        with heir.client() as client:
            assert client.info("replication")["role"] == "master"


def when_available(call: Callable[[], R]) -> R:
    """Call until it works; until then it fails in our own words."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return call()
        except Unavailable:
            assert time.monotonic() < deadline


def test_a_master_that_became_a_replica_is_left_for_the_one_that_its_name_leads_to_now(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "master") as master,
        replica(tmp_path / "replica", master) as heir,
        open_services(settings_for({"redis_url": f"unix://:{ENCODED}@{master.socket}"})) as services,
        heir.client() as new,
        master.client() as old,
    ):
        submitted(services, "tenant")
        services.queue.ring()
        wait_for_replica(master)
        new.replicaof("no", "one")
        old.replicaof("127.0.0.1", heir.port)
        heir.socket.replace(master.socket)
        submitted(services, "tenant")
        assert not services.queue.try_ring()  # the broker's driver rings once; the next ring takes a new connection
        services.queue.ring()
        assert services.upkeep.ready_count() == 2
        assert services.queue.unheard() == 2


def test_closing_leaves_no_connection_to_a_sentinel(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "master") as master,
        sentinel(tmp_path / "sentinel", port=master.port, password="watch", replicas=0) as guard,
        guard.client(password="watch") as client,
    ):
        before = len(client.client_list())
        with open_services(settings_for(_ways(master, 0, 0, guard, 0, tmp_path, tmp_path)["sentinel"])) as services:
            services.jobs.ping()
            assert len(client.client_list()) == before + 1
        wait_until(lambda: len(client.client_list()) == before)
