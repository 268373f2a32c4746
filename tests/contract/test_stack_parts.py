"""The embedded Redis and S3 under their supervisor, and the folder that they keep everything in."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import httpx
import psutil
import pytest
from rich.console import Console

from service.embedded import parts
from service.embedded.assembly import Assembly
from service.embedded.events import Ended, Event, Spawned, SupervisorEnded
from service.embedded.folder import Folder, hold, open_folder, read_secrets
from service.embedded.journal import Journal
from service.embedded.leftovers import end_leftovers, processes_of
from service.embedded.ports import choose_api_port, choose_ports, remembered_ports
from service.embedded.running import stop_running
from service.embedded.stack import run_stack
from service.embedded.supervision import supervise
from service.errors import JobStoreUnavailable, StackError
from service.keys import authenticate, create_key
from service.settings import Settings
from service.wiring import open_services

E = TypeVar("E")


@dataclass(frozen=True)
class Running:
    """Redis and S3, running under a supervisor."""

    folder: Folder
    settings: Settings
    events: SimpleQueue[Event]

    @property
    def ports(self) -> dict[str, int]:
        return dict(remembered_ports(self.folder.ports))

    def process(self, name: str) -> psutil.Process:
        return next(p for p in processes_of(self.folder) if p.environ().get("SUPERVISOR_PROCESS_NAME") == name)


@contextmanager
def running(data: Path) -> Iterator[Running]:
    folder, events = open_folder(data), SimpleQueue[Event]()
    with supervise(folder, events) as supervision:
        assembly = Assembly(folder, supervision, events, Journal(Console(quiet=True)))
        try:
            yield Running(folder, assembly.start_servers(api_port=0), events)
        finally:
            assembly.stop()
    assert end_leftovers(folder) == []


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("stores")) as stores:
        yield stores


@pytest.mark.servers
def test_nothing_listens_on_anything_but_loopback(stores: Running) -> None:
    # Its last server listens a moment after S3 answers; the timeout of a test ends this if it never does.
    while not set(stores.ports.values()) <= {port for _, port in _listening(stores)}:
        assert stores.process("s3").is_running()

    assert {host for host, _ in _listening(stores)} == {"127.0.0.1"}


@pytest.mark.servers
def test_no_secret_is_among_the_arguments_of_a_process(stores: Running) -> None:
    secrets = read_secrets(stores.folder)
    arguments = " ".join(argument for process in processes_of(stores.folder) for argument in process.cmdline())

    assert secrets.redis_password not in arguments
    assert secrets.s3_secret_access_key not in arguments


@pytest.mark.servers
def test_redis_refuses_a_caller_without_the_password(stores: Running) -> None:
    without = stores.settings.model_copy(update={"redis_url": type(stores.settings.redis_url)(_bare_url(stores))})

    with open_services(without) as services, pytest.raises(JobStoreUnavailable):
        services.jobs.ping()


@pytest.mark.servers
def test_the_servers_behind_s3_refuse_a_caller_who_goes_around_it(stores: Running) -> None:
    with open_services(stores.settings) as services:
        services.blobs.put("default/secret", b"a picture", content_type="image/png")
    filer = f"http://127.0.0.1:{stores.ports['filer']}/buckets/{stores.settings.s3_bucket}/default/secret"

    assert httpx.get(filer).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.put(filer, content=b"forged").status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.servers
def test_everything_in_the_folder_that_holds_a_secret_is_its_owners_alone(stores: Running) -> None:
    private = [stores.folder.root, stores.folder.secrets, *stores.folder.run.iterdir()]

    assert [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.servers
def test_a_killed_part_is_started_again_and_that_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as stores:
        redis = stores.process("redis")
        redis.send_signal(signal.SIGKILL)

        assert _next(stores.events, Ended) == Ended("redis", "terminated by SIGKILL")
        again = _next(stores.events, Spawned)

        assert again.name == "redis"
        assert again.pid != redis.pid
        assert psutil.pid_exists(again.pid)


@pytest.mark.servers
def test_what_both_servers_keep_survives_a_stop_and_new_ports(tmp_path: Path) -> None:
    with running(tmp_path) as before, open_services(before.settings) as services:
        key = create_key(services.keys, tenant="default", name="kept")
        services.blobs.put("kept", b"a picture", content_type="image/png")
        ports = before.ports

    taken = (_listener(ports["redis"]), _listener(ports["master"]))
    with taken[0], taken[1], running(tmp_path) as after, open_services(after.settings) as services:
        assert authenticate(services.keys, key, scope="jobs:read").name == "kept"
        assert services.blobs.get("kept") == b"a picture"
        services.blobs.put("new", b"another", content_type="image/png")
        assert services.blobs.get("new") == b"another"

        assert {name for name, port in after.ports.items() if port != ports[name]} == {"redis", "master"}


@pytest.mark.servers
def test_two_stacks_run_side_by_side_in_folders_with_long_names(tmp_path: Path, stores: Running) -> None:
    long = tmp_path / ("a folder whose socket has a longer path than a socket's address may have " * 2).strip()

    with (
        running(long) as other,
        open_services(stores.settings) as ours,
        open_services(other.settings) as theirs,
    ):
        ours.blobs.put("mine", b"1", content_type="image/png")

        assert theirs.blobs.keys("mine") == []
        assert not set(stores.ports.values()) & set(other.ports.values())


@pytest.mark.servers
def test_a_part_that_cant_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    manifest = open_folder(tmp_path).redis / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir()
    manifest.write_text("this is no manifest\n")

    with pytest.raises(StackError, match=r"redis ended while it was starting \(exit status 1\)(?s:.)+AOF"):
        run_stack(tmp_path, 0, console=Console(quiet=True))

    assert stop_running(tmp_path) is False
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "logs",
        "ports.json",
        "redis",
        "run",
        "s3",
        "secrets.json",
    ]


@pytest.mark.servers
def test_processes_that_lost_their_supervisor_are_found_and_ended(tmp_path: Path) -> None:
    with running(tmp_path) as stores:
        processes_of(stores.folder)[0].kill()
        while not isinstance(stores.events.get(timeout=30), SupervisorEnded):
            pass
        stores.events.put(SupervisorEnded())  # for the end of `running`

        names = end_leftovers(stores.folder)

        # SeaweedFS may have died of SIGPIPE by then: the supervisor that read its log is gone.
        assert {name.split()[0] for name in names} in ({"redis", "s3"}, {"redis"})
        assert processes_of(stores.folder) == []


def test_a_folder_has_one_holder_whose_process_is_named(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)

    with hold(folder) as killed:
        assert killed is None
        with pytest.raises(StackError, match=f"already runs .+: process {os.getpid()}"), hold(folder):
            pass

    assert not folder.lock.exists()


def test_the_lock_of_a_killed_holder_is_taken_over(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    folder.lock.write_text("4711\n")

    with hold(folder) as killed:
        assert killed == 4711
        assert folder.lock.read_text() == f"{os.getpid()}\n"


def test_a_nearly_full_disk_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"nearly full: \d+ MiB are free .+ needs 1073741824 MiB"):
        run_stack(tmp_path, 0, console=Console(quiet=True), minimum_free_bytes=2**50)


def test_a_folder_that_cant_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match="file/data: Not a directory"):
        run_stack(tmp_path / "file" / "data", 0, console=Console(quiet=True))


def test_damaged_secrets_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    folder.secrets.write_text("{}")

    with pytest.raises(StackError, match=r"secrets\.json is damaged"):
        read_secrets(folder)


def test_a_taken_port_is_an_error_that_names_a_free_one() -> None:
    with closing(_listener(0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StackError, match=rf"Port {port} .+ another with --port \d+") as refused:
            choose_api_port(port)

    assert choose_api_port(port) == port
    assert f"--port {port} " not in str(refused.value)


def test_ports_are_remembered_and_a_taken_one_is_replaced(tmp_path: Path) -> None:
    first = choose_ports(parts.SERVERS, tmp_path / "ports.json")

    assert len(set(first.values())) == len(parts.SERVERS)
    assert choose_ports(parts.SERVERS, tmp_path / "ports.json") == first
    with closing(_listener(first["s3"])):
        second = choose_ports(parts.SERVERS, tmp_path / "ports.json")

    assert {name for name in parts.SERVERS if first[name] != second[name]} == {"s3"}


def _listening(stores: Running) -> set[tuple[str, int]]:
    return {
        connection.laddr
        for process in processes_of(stores.folder)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def _bare_url(stores: Running) -> str:
    return f"redis://127.0.0.1:{stores.ports['redis']}/0"


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def _next(events: SimpleQueue[Event], kind: type[E]) -> E:
    while not isinstance(event := events.get(timeout=30), kind):
        pass
    return event
