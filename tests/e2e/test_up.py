"""`impasto up`: from nothing to a running stack, through everything that may go wrong, to nothing left."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from service.embedded.running import read_running
from tests.e2e.up_process import PATIENCE_S, Up, started

pytestmark = pytest.mark.servers

NOBODYS_JOB = "00000000-0000-7000-8000-000000000000"


def test_stack_json_says_where_everything_is_and_is_its_owners_alone(up: Up) -> None:
    stack = json.loads(up.folder.stack.read_text())

    assert stat.S_IMODE(up.folder.stack.stat().st_mode) == 0o600
    assert set(stack) == {"url", "key", "processes", "redis_url", "s3"}
    assert set(stack["processes"]) == {"api", "worker", "keeper", "redis", "s3"}
    assert set(stack["s3"]) == {"endpoint", "bucket"}
    assert set(stack["processes"].values()) <= {process.pid for process in up.processes()}


def test_the_url_and_the_key_that_are_printed_work(up: Up) -> None:
    stack = up.ready()

    assert stack.url in up.said
    assert stack.key in up.said
    assert httpx.get(f"{stack.url}/readyz").status_code == httpx.codes.OK
    assert _status(f"{stack.url}/v1/jobs/{NOBODYS_JOB}", stack.key) == httpx.codes.NOT_FOUND
    assert _status(f"{stack.url}/v1/jobs/{NOBODYS_JOB}", "imp_000000000000_x") == httpx.codes.UNAUTHORIZED


def test_its_worker_says_what_it_paints_on(up: Up) -> None:
    stack = up.ready()

    def devices() -> list[dict[str, object]]:
        headers = {"Authorization": f"Bearer {stack.key}"}
        found = httpx.get(f"{stack.url}/v1/capabilities", headers=headers).json()["devices"]
        return list(found)

    [device] = up.wait_for(devices)
    assert (device["workers"], bool(device["name"])) == (1, True)
    assert isinstance(device["memory_bytes"], int)
    assert device["memory_bytes"] > 10**8


def test_no_part_listens_on_anything_but_loopback(up: Up) -> None:
    hosts = {
        connection.laddr.ip
        for process in up.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert hosts == {"127.0.0.1"}


def test_a_second_one_on_the_same_folder_is_refused_with_the_first_ones_address(up: Up) -> None:
    with started(up.data) as second:
        assert second.ended() == 1

    assert f"process {up.process.pid} at {up.ready().url}" in second.said
    assert up.process.poll() is None


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with started(tmp_path / "data", "--port", port) as up:
            assert up.ended() == 1

    assert f"Port {port} of 127.0.0.1 can't be used" in up.said
    assert "--port 0" in up.said
    assert "starting" not in up.said


def test_sigterm_stops_everything_in_order_and_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.ready()
        up.process.terminate()

        assert up.ended() == 0
        assert up.processes() == []
        assert [name for name in ("stack.json", "lock") if (up.data / name).exists()] == []
        assert _order(up.said, "stopped") == ["worker", "keeper", "api", "s3", "redis"]
        assert _order(up.said, "ready after") == ["redis", "s3", "api", "worker", "keeper"]


def test_ctrl_c_while_it_starts_stops_it_as_cleanly(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.wait_for(lambda: "s3" in up.said)
        up.process.send_signal(signal.SIGINT)

        assert up.ended() == 0
        assert up.processes() == []
        assert not up.folder.lock.exists()


def test_a_second_signal_does_not_wait_for_a_worker_that_is_stuck(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        psutil.Process(up.ready().processes["worker"]).suspend()  # it can't hear SIGTERM now
        up.process.send_signal(signal.SIGHUP)
        up.wait_for(lambda: "Stopping" in up.said)
        up.process.send_signal(signal.SIGINT)

        assert up.process.wait(timeout=25) == 0  # less than the half minute that a worker has
        assert "worker  stopped, terminated by SIGKILL" in up.said


def test_a_later_start_knows_the_same_key(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        key = up.ready().key

    with started(tmp_path / "data") as up:
        assert up.ready().key == key
        assert _status(f"{up.ready().url}/v1/jobs/{NOBODYS_JOB}", key) == httpx.codes.NOT_FOUND


def test_a_killed_part_is_started_again_said_so_and_recorded(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        before = up.ready()
        for name in ("redis", "worker"):
            psutil.Process(before.processes[name]).kill()
            up.wait_for(partial(_says, up, f"{name} runs again, pid"))

        after = up.ready()
        assert {name for name, pid in after.processes.items() if pid != before.processes[name]} == {"redis", "worker"}
        assert "redis ended (terminated by SIGKILL) and is being restarted" in up.said
        assert f"redis runs again, pid {after.processes['redis']}" in up.said
        up.wait_for(lambda: httpx.get(f"{after.url}/readyz").status_code == httpx.codes.OK)


def test_when_it_is_killed_everything_goes_with_it_and_the_next_start_says_so(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.ready()
        up.process.kill()
        up.wait_until_gone()
        assert read_running(up.data) is None

        with started(up.data) as again:
            again.ready()
            assert f"(process {up.process.pid}) was killed; removed its lock." in again.said


def test_what_outlived_both_it_and_its_supervisor_is_ended_by_the_next_start(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.ready()
        supervisor, *parts = up.processes()
        up.process.kill()
        supervisor.kill()

        with started(up.data) as again:
            again.ready()
            assert {process.pid for process in again.processes()} & {process.pid for process in parts} == set()
            assert f"(process {up.process.pid}) was killed; ended " in again.said


def test_without_its_supervisor_it_ends_what_is_left_and_fails(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.ready()
        up.processes()[0].kill()

        assert up.ended() == 1
        assert up.processes() == []
        assert "The supervisor ended unexpectedly." in up.said


def test_production_settings_are_refused(tmp_path: Path) -> None:
    production = {"IMPASTO_ENVIRONMENT": "production", "IMPASTO_REDIS_URL": "rediss://:password@redis.example/0"}

    with started(tmp_path / "data", environment=production) as up:
        assert up.ended() == 1

    assert "`impasto up` is for one's own machine" in up.said


def test_down_stops_what_runs_on_a_folder(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.ready()
        down = (sys.executable, "-m", "service.cli", "down", "--data", str(up.data))

        assert "Stopped" in subprocess.check_output(down, text=True, timeout=PATIENCE_S)
        assert up.ended() == 0
        assert "No stack runs" in subprocess.check_output(down, text=True, timeout=PATIENCE_S)


def _says(up: Up, words: str) -> bool:
    return words in up.said


def _order(said: str, what: str) -> list[str]:
    """Name the parts in the order in which something was said of them."""
    return [line.split()[1] for line in said.splitlines() if "✓" in line and what in line]


def _status(url: str, key: str) -> int:
    return httpx.get(url, headers={"Authorization": f"Bearer {key}"}).status_code
