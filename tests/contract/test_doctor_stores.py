"""What the doctor says of Redis and S3, each really broken in the way in question."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as redis_driver
from pydantic import SecretStr

from service.checks.finding import Finding
from service.checks.job_store import look_at_job_store
from service.checks.storage import LEFT_AFTER_S, look_at_storage
from service.embedded import parts
from service.embedded.folder import open_folder, read_secrets
from service.embedded.ports import choose_ports
from service.settings import Settings
from service.wiring import Services
from tests.findings import amiss, named
from tests.servers import Servers, _running, running_servers, wait_until_ready

pytestmark = pytest.mark.servers


@contextmanager
def silent_server() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def own(servers: Servers, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a Redis of the test's own, to be broken."""
    folder = open_folder(tmp_path)
    secrets, ports = read_secrets(folder), choose_ports(["redis"], folder.ports)
    url = f"redis://:{secrets.redis_password}@127.0.0.1:{ports['redis']}/0"
    settings = servers.settings.model_copy(update={"redis_url": SecretStr(url)})
    with _running(parts.redis(folder, secrets, ports), folder.logs):
        wait_until_ready(settings)
        yield settings


@pytest.fixture
def redis(own: Settings) -> Iterator[Any]:
    """A driver's client of that Redis."""
    with redis_driver.Redis.from_url(own.redis_url.get_secret_value()) as client:
        yield client


def look(settings: Settings, **changes: object) -> list[Finding]:
    return list(look_at_job_store(settings.model_copy(update=changes)))


def at(settings: Settings, credentials: str, *, scheme: str = "redis") -> SecretStr:
    """Give the same server's URL with other credentials."""
    return SecretStr(f"{scheme}://{credentials}{settings.redis_url.get_secret_value().rpartition('@')[2]}")


def test_of_a_healthy_redis_there_is_nothing_but_good_to_say(settings: Settings) -> None:
    found = look(settings)
    assert amiss(found) == {}
    assert {finding.name.removeprefix("redis.") for finding in found} == {
        "redis", "version", "role", "eviction", "durability", "memory", "clock", "writing"
    }  # fmt: skip


def test_a_wrong_password_and_a_missing_one_are_told_from_a_server_that_is_away(settings: Settings) -> None:
    for credentials in (":nonsense@", ""):
        (found,) = look(settings, redis_url=at(settings, credentials))
        assert amiss([found]) == {"redis": "wrong"}
        assert "the password is wrong or missing" in found.fact
        assert "nonsense" not in found.fact + found.advice


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("redis://127.0.0.1:1/0", "Nothing listens at 127.0.0.1:1."),
        ("redis://:hush@no-such-host.invalid:6379/0", "Nobody knows the host of no-such-host.invalid:6379."),
    ],
)
def test_it_is_said_why_redis_is_out_of_reach(settings: Settings, url: str, fact: str) -> None:
    (found,) = look(settings, redis_url=SecretStr(url))
    assert amiss([found]) == {"redis": "wrong"}
    assert found.fact == f"{fact} So broker, keeper, workers, queue and leases were not looked at."


def test_a_redis_that_never_answers_is_not_waited_for(settings: Settings) -> None:
    with silent_server() as port:
        (found,) = look(settings, redis_url=SecretStr(f"redis://127.0.0.1:{port}/0"))
    assert found.fact.startswith(f"127.0.0.1:{port} does not answer.")


def test_a_redis_without_tls_is_told_from_a_silent_one(settings: Settings) -> None:
    (found,) = look(settings, redis_url=at(settings, ":x@", scheme="rediss"))
    assert "does not speak TLS with us" in found.fact


def test_another_program_on_the_port_of_redis_is_told_from_redis(settings: Settings) -> None:
    assert settings.s3_endpoint is not None
    (found,) = look(settings, redis_url=SecretStr(settings.s3_endpoint.replace("http", "redis")))
    assert "is not Redis" in found.fact


def test_a_redis_that_evicts_is_wrong_and_one_that_would_is_a_warning(own: Settings, redis: Any) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    assert amiss(look(own)) == {"redis.eviction": "warning"}
    redis.config_set("maxmemory", "100mb")
    found = look(own)
    assert amiss(found) == {"redis.eviction": "wrong"}
    assert "allkeys-lru" in named(found, "redis.eviction").fact


def test_keys_that_were_evicted_are_not_forgotten_when_the_policy_is_mended(own: Settings, redis: Any) -> None:
    redis.set("victim", "x" * 100_000)
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] - 1000)
    redis.get("nothing")  # whatever is asked, room is made first
    redis.config_set("maxmemory", 0)
    redis.config_set("maxmemory-policy", "noeviction")
    found = look(own)
    assert amiss(found) == {"redis.eviction": "warning"}
    assert "1 key evicted since Redis was started" in named(found, "redis.eviction").fact


def test_a_redis_without_a_log_on_disk_is_a_warning_at_home_and_wrong_where_it_counts(
    own: Settings, redis: Any
) -> None:
    redis.config_set("appendonly", "no")
    assert amiss(look(own)) == {"redis.durability": "warning"}
    assert amiss(look(own, environment="production")) == {"redis.durability": "wrong"}
    assert amiss(look(own, durable_submit="fsync")) == {"redis.durability": "wrong"}


def test_a_memory_that_is_nearly_used_up_is_a_warning_and_one_that_is_takes_no_writes(
    own: Settings, redis: Any
) -> None:
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", round(used * 1.1))
    assert amiss(look(own)) == {"redis.memory": "warning"}
    redis.config_set("maxmemory", used // 2)
    found = look(own)
    assert amiss(found) == {"redis.memory": "warning", "redis.writing": "wrong"}
    assert "its memory is used up" in named(found, "redis.writing").fact


def test_a_replica_is_wrong(own: Settings, redis: Any) -> None:
    redis.replicaof("127.0.0.1", 1)
    assert amiss(look(own)) == {"redis.role": "wrong"}


def test_a_user_who_may_not_write_is_told_so_and_one_who_may_nothing_too(own: Settings, redis: Any) -> None:
    redis.acl_setuser(
        "reader", enabled=True, passwords=["+of"], keys="*", categories=["+@read"], commands=["+info", "+time"]
    )
    redis.acl_setuser("guest", enabled=True, passwords=["+of"], keys="*", commands=["+ping"])
    reader, guest = (look(own, redis_url=at(own, f"{user}:of@")) for user in ("reader", "guest"))
    assert amiss(reader) == {"redis.writing": "wrong"}
    assert "does not permit us to write" in named(reader, "redis.writing").fact
    assert amiss(guest) == {"redis": "wrong"}
    assert "permits too little" in named(guest, "redis").fact


def look_s3(settings: Settings, **changes: object) -> list[Finding]:
    return list(look_at_storage(settings.model_copy(update=changes)))


def test_of_a_healthy_s3_there_is_nothing_but_good_to_say_and_no_probe_stays(services: Services) -> None:
    found = look_s3(services.settings)
    assert amiss(found) == {}
    assert [finding.name for finding in found] == ["s3", "s3.clock", "s3.bucket", "s3.private", "s3.keeping"]
    assert services.blobs.keys("doctor/") == []


def test_what_a_killed_doctor_left_is_swept_and_what_another_writes_is_not(services: Services) -> None:
    now = round(time.time())
    old, new = f"doctor/{now - LEFT_AFTER_S - 1}-a", f"doctor/{now}-b"
    for key in (old, new):
        services.blobs.put(key, b"x", content_type="text/plain")
    look_s3(services.settings)
    assert services.blobs.keys("doctor/") == [new]
    services.blobs.delete_prefix(new)


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"s3_endpoint": "http://127.0.0.1:1"}, "Nothing listens at 127.0.0.1:1."),
        ({"s3_endpoint": "http://no-such-host.invalid"}, "Nobody knows the host of no-such-host.invalid."),
        ({"s3_access_key_id": SecretStr("nobody")}, "{at} does not know these credentials."),
        ({"s3_secret_access_key": SecretStr("guessed")}, "{at} does not know these credentials."),
        ({"s3_access_key_id": None, "s3_secret_access_key": None}, "There are no credentials for {at}."),
    ],
)
def test_it_is_said_why_s3_is_out_of_reach(
    settings: Settings, changes: dict[str, object], fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = look_s3(settings, **changes)
    assert settings.s3_endpoint is not None
    assert amiss(found) == {"s3": "wrong"}
    assert named(found, "s3").fact == fact.format(at=settings.s3_endpoint.removeprefix("http://"))


def test_an_s3_without_tls_and_one_that_never_answers_are_told_apart(settings: Settings) -> None:
    assert settings.s3_endpoint is not None
    (plain,) = look_s3(settings, s3_endpoint=settings.s3_endpoint.replace("http:", "https:"))
    with silent_server() as port:
        (silent,) = look_s3(settings, s3_endpoint=f"http://127.0.0.1:{port}")
    assert "does not speak TLS" in plain.fact
    assert "does not answer" in silent.fact


def test_a_missing_bucket_is_said_and_not_made(settings: Settings) -> None:
    for _ in range(2):  # SeaweedFS makes a bucket when something is put into it
        found = look_s3(settings, s3_bucket="not-there")
        assert amiss(found) == {"s3.bucket": "wrong"}
        assert "not-there" in named(found, "s3.bucket").advice


def test_a_bucket_that_takes_nothing_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    keys = {"accessKey": "reader", "secretKey": "of it"}
    user = {"name": "reader", "credentials": [keys], "actions": ["Read", "List"]}
    with running_servers(tmp_path, users=[user]) as servers:
        settings = servers.settings
        assert amiss(look_s3(settings)) == {}
        reader = {"s3_access_key_id": SecretStr("reader"), "s3_secret_access_key": SecretStr("of it")}
        found = look_s3(settings, **reader)
    assert amiss(found) == {"s3.keeping": "wrong"}
    assert named(found, "s3.keeping").fact.startswith("An object can't be written (S3")
