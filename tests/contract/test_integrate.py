"""Every program in docs/integrate.md does what the page says, where its tool is on the machine."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from service.wiring import Services
from tests.api_calls import posted
from tests.clients import finished, painting
from tests.images import photograph_bytes

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS: dict[str, str] = dict(BLOCK.findall((ROOT / "docs/integrate.md").read_text()))
COMMANDS = {".sh": ["sh", "-e"], ".py": [sys.executable], ".mjs": ["node"], ".go": ["go", "run"]}
EXPECTED = {"curl", "sh", sys.executable}
"""Tools that must not be missing where everything is tested."""

PICTURE = photograph_bytes(64, 43)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = '{"type":"job.succeeded","timestamp":"2026-11-23T20:15:02.317Z","data":{"id":"j-1","status":"succeeded"}}'

pytestmark = pytest.mark.servers


def of_kind(kind: str) -> list[str]:
    return [title for title in PROGRAMS if title.startswith(kind)]


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            if os.environ.get("CI") and tool in EXPECTED:
                pytest.fail(f"{tool} is missing")
            pytest.skip(f"{tool} is not on this machine")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a program runs: with the two images that the page speaks of."""
    (tmp_path / "photo.jpg").write_bytes(photograph_bytes(file_format="JPEG"))
    (tmp_path / "painting.jpg").write_bytes(photograph_bytes(80, 80, "JPEG"))
    return tmp_path


@pytest.fixture
def environment(client: httpx.Client, key: str) -> dict[str, str]:
    return {"IMPASTO_URL": str(client.base_url).rstrip("/"), "IMPASTO_KEY": key}


@pytest.fixture
def painter(services: Services) -> Iterator[None]:
    with painting(services, PICTURE):
        yield


@contextmanager
def running(title: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start one of the page's programs, in a process group of its own: what it starts ends with it."""
    file = folder / title
    file.write_text(PROGRAMS[title])
    command = COMMANDS[file.suffix]
    need(command[0], *(["curl"] if "curl" in PROGRAMS[title] else []))
    process = subprocess.Popen(
        [*command, title],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def output_of(title: str, folder: Path, environment: dict[str, str]) -> str:
    """Run one of the page's programs to its end, which is a success."""
    with running(title, folder, environment) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def test_the_page_has_the_story_in_every_language() -> None:
    assert {Path(title).suffix for title in of_kind("paint")} == set(COMMANDS)
    assert {Path(title).suffix for title in of_kind("receiver")} == {".py", ".mjs", ".go"}


@pytest.mark.usefixtures("painter")
@pytest.mark.parametrize("title", of_kind("paint"))
def test_a_program_posts_follows_and_fetches(
    title: str, folder: Path, environment: dict[str, str], client: httpx.Client
) -> None:
    output_of(title, folder, environment)
    assert (folder / "picture.png").read_bytes() == PICTURE
    [job] = client.get("/v1/jobs").json()["items"]
    assert (job["status"], job["spec"]["preset"]) == ("succeeded", "draft")
    output_of(title, folder, environment)
    assert len(client.get("/v1/jobs").json()["items"]) == 1, "the key is the same, so the job is"


@pytest.mark.parametrize("title", of_kind("paint"))
def test_a_program_that_is_refused_fails_and_leaves_no_picture(
    title: str, folder: Path, environment: dict[str, str]
) -> None:
    with running(title, folder, {**environment, "IMPASTO_KEY": "imp_wrong_key"}) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert re.search("401|unauthorized", output), output
    assert not (folder / "picture.png").exists()


def test_a_program_keeps_a_style_and_an_upload_for_its_job(
    folder: Path, environment: dict[str, str], client: httpx.Client
) -> None:
    output = output_of("keep.py", folder, environment)
    [job], [style] = (client.get(path).json()["items"] for path in ("/v1/jobs", "/v1/styles"))
    assert output.split() == [job["id"], "['dusk']"]
    assert job["spec"]["styles"][0]["style_id"] == style["id"]


def test_events_can_be_watched_by_curl(
    folder: Path, environment: dict[str, str], client: httpx.Client, services: Services
) -> None:
    (folder / "job.json").write_text(posted(client).text)
    finished(services, PICTURE)
    output = output_of("watch.sh", folder, environment)
    assert re.findall("event: (.*)", output) == ["state", "state", "state", "end"]


def test_polling_by_curl_ends_with_the_job(
    folder: Path, environment: dict[str, str], client: httpx.Client, services: Services
) -> None:
    (folder / "job.json").write_text(posted(client).text)
    with painting(services, PICTURE, every_s=1.5):
        output_of("poll.sh", folder, environment)
    assert '"terminal":true' in (folder / "seen.json").read_text()


def headers() -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", now, BODY)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": f"v1,AAAA {signature}",
    }


def send(port: int, body: str, headers: dict[str, str]) -> int:
    return httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=headers, timeout=10).status_code


@pytest.mark.parametrize("title", of_kind("receiver"))
def test_a_receiver_takes_what_is_signed_and_nothing_else(title: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(title, tmp_path, {"PORT": str(port), "IMPASTO_WEBHOOK_SECRET": SECRET}) as receiver:
        until_open(port, receiver)
        assert send(port, BODY, headers()) == 204
        assert send(port, BODY + " ", headers()) == 400
        assert send(port, BODY, headers() | {"webhook-id": "msg_2"}) == 400
        assert send(port, BODY, headers() | {"webhook-timestamp": str(int(time.time()) - 400)}) == 400
        assert send(port, BODY, headers() | {"webhook-timestamp": "soon"}) == 400
        assert send(port, BODY, {}) == 400
        assert receiver.stdout is not None
        said = next(line for line in receiver.stdout if line.startswith("msg_1"))
        assert said.split() == ["msg_1", "job.succeeded", "j-1"]


def until_open(port: int, process: subprocess.Popen[str], *, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("body", "code"), [(BODY, 0), (BODY.replace("j-1", "j-2"), 1)])
def test_a_delivery_can_be_verified_by_hand(body: str, code: int, tmp_path: Path) -> None:
    need("openssl", "od")
    (tmp_path / "body.json").write_text(body)
    said = {name.upper().replace("-", "_"): value for name, value in headers().items()}
    said["WEBHOOK_SIGNATURE"] = said["WEBHOOK_SIGNATURE"].split()[-1]
    with running("verify.sh", tmp_path, {**said, "IMPASTO_WEBHOOK_SECRET": SECRET}) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
