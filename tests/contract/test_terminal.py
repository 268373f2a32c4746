"""The commands that talk to a running service, over the real API; a worker hands back one picture for every job."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import typer
from typer.testing import CliRunner

from api.cli import commands
from api.client import ApiProblem, Client
from api.terminal.connection import job_ids, style_ids
from service.wiring import Services
from tests.api_calls import posted
from tests.clients import painting
from tests.images import photograph_bytes

pytestmark = pytest.mark.servers

PICTURE = photograph_bytes(64, 43)

LOGGED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[.*\n", re.MULTILINE)
"""What the service says, which runs in this process."""


class Said(NamedTuple):
    """What a command has said."""

    stdout: str
    stderr: str
    exit_code: int


Run = Callable[..., Said]


@pytest.fixture
def run(client: httpx.Client, key: str) -> Run:
    """Run a command on the service that `client` talks to; errors are raised."""
    app = typer.Typer()
    commands(app)
    where = {"IMPASTO_URL": str(client.base_url), "IMPASTO_KEY": key, "COLUMNS": "200"}

    def run(*arguments: object) -> Said:
        ended = CliRunner().invoke(app, [*map(str, arguments)], env=where)
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Said(LOGGED.sub("", ended.stdout), ended.stderr, ended.exit_code)

    return run


@pytest.fixture
def ours(client: httpx.Client, key: str) -> Iterator[Client]:
    with Client(str(client.base_url), key) as ours:
        yield ours


def test_jobs_are_listed_by_state_and_label(run: Run, client: httpx.Client, ours: Client) -> None:
    kept = posted(client, labels={"shelf": "a"}).json()["id"]
    gone = posted(client).json()["id"]
    ours.cancel(gone)
    assert {kept, gone} <= set(run("jobs", "list").stdout.split())
    assert kept not in run("jobs", "list", "--status", "canceled").stdout
    listed = json.loads(run("jobs", "list", "--label", "shelf=a", "--json").stdout)
    assert [job["id"] for job in listed] == [kept]
    assert len(json.loads(run("jobs", "list", "--limit", 1, "--json").stdout)) == 1
    assert "There is none" in run("jobs", "list", "--status", "failed").stdout


def test_a_job_is_shown_canceled_and_posted_again(run: Run, client: httpx.Client) -> None:
    job = posted(client, labels={"shelf": "a"}).json()["id"]
    shown = run("jobs", "show", job).stdout
    assert re.search(r"state +queued, attempt 0 of 3", shown)
    assert re.search(r"queue +position 1", shown)
    assert "shelf=a" in shown
    assert "canceled" in run("jobs", "cancel", job).stdout
    [again] = json.loads(run("jobs", "retry", job, "--json").stdout)
    assert (again["status"], again["id"] != job) == ("queued", True)
    assert json.loads(run("jobs", "show", again["id"], "--json").stdout)["id"] == again["id"]


def test_a_job_is_followed_and_its_picture_saved(
    run: Run, services: Services, client: httpx.Client, tmp_path: Path
) -> None:
    job, out = posted(client).json()["id"], tmp_path / "out.png"
    with painting(services, PICTURE):
        assert run("jobs", "follow", job, "-o", out).stdout == f"{out}\n"
    assert out.read_bytes() == PICTURE
    assert "succeeded" in run("jobs", "follow", job).stdout
    assert "result" in run("jobs", "show", job).stdout
    answer = json.loads(run("jobs", "follow", job, "--json").stdout)
    assert (answer["files"], answer["job"]["status"]) == ({}, "succeeded")


def test_jobs_are_deleted_after_a_question(run: Run, client: httpx.Client, ours: Client) -> None:
    jobs = [posted(client).json()["id"] for _ in range(2)]
    assert run("jobs", "delete", *jobs).exit_code == 1
    assert len(list(ours.jobs())) == 2
    assert run("jobs", "delete", "--yes", jobs[0]).stdout == f"{jobs[0]}  deleted\n"
    assert json.loads(run("jobs", "delete", "--yes", jobs[1], "--json").stdout) == {"deleted": [jobs[1]]}
    assert list(ours.jobs()) == []


def test_a_job_is_opened_in_the_studio(
    run: Run, client: httpx.Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def without_browser(page: str) -> bool:
        opened.append(page)
        return False

    monkeypatch.setattr(webbrowser, "open", without_browser)
    job = posted(client).json()["id"]
    page = f"{str(client.base_url).rstrip('/')}/#/jobs/{job}"
    assert run("jobs", "open", job, "--print").stdout.strip() == page
    assert json.loads(run("jobs", "open", job, "--print", "--json").stdout) == {"page": page}
    assert opened == []
    ended = run("jobs", "open", job)
    assert opened == [page]
    assert "no browser" in ended.stderr
    assert key not in page


def test_a_job_that_is_not_there_is_an_error(run: Run) -> None:
    for command in (("show",), ("cancel",), ("retry",), ("follow",), ("open", "--print"), ("delete", "--yes")):
        with pytest.raises(ApiProblem, match="There is no job"):
            run("jobs", *command, "nothing")


def test_paintings_are_kept_listed_shown_and_deleted(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "dusk.png"
    file.write_bytes(photograph_bytes(80, 60))
    style = run("styles", "keep", file, "--label", "painter=unknown").stdout.strip()
    assert re.search(rf"{style} +dusk +80 × 60 .*painter=unknown", run("styles", "list").stdout)
    assert "painter" in run("styles", "show", style).stdout
    named = json.loads(run("styles", "keep", file, "--name", "Dusk", "--json").stdout)
    assert json.loads(run("styles", "show", named["id"], "--json").stdout)["name"] == "Dusk"
    assert {one["name"] for one in json.loads(run("styles", "list", "--json").stdout)} == {"dusk", "Dusk"}
    assert run("styles", "delete", style).stdout == f"{style}  deleted\n"
    assert json.loads(run("styles", "delete", named["id"], "--json").stdout) == {"deleted": [named["id"]]}
    assert "None is kept" in run("styles", "list").stdout


def test_an_estimate_says_size_memory_and_place(run: Run, tmp_path: Path) -> None:
    for name in ("photo.png", "painting.png"):
        (tmp_path / name).write_bytes(photograph_bytes())
    pictures = (tmp_path / "photo.png", tmp_path / "painting.png", "-o", tmp_path / "out.png", "--size", 128)
    said = run("estimate", *pictures).stdout
    assert re.search(r"picture +128 × 85, by way of 64, 128 px", said)
    assert re.search(r"time +not known yet", said)
    assert re.search(r"memory +\d\.\d GB, whole", said)
    assert json.loads(run("estimate", *pictures, "--json").stdout)["size"] == {"width": 128, "height": 85}


def test_folders_become_a_batch_with_a_picture_each(run: Run, services: Services, tmp_path: Path) -> None:
    for name in ("photos/a.png", "photos/b.png", "paintings/x.png", "paintings/y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(photograph_bytes(*(80, 60) if "paint" in name else (64, 48)))
    folders = (tmp_path / "photos", tmp_path / "paintings", "-o", tmp_path / "out", "--size", 64)
    with painting(services, PICTURE):
        ended = run("submit", *folders)
    names = ["a-x.png", "a-y.png", "b-x.png", "b-y.png"]
    assert [Path(line).name for line in ended.stdout.split()] == names
    assert all((tmp_path / "out" / name).read_bytes() == PICTURE for name in names)
    with painting(services, PICTURE):
        answer = json.loads(run("submit", *folders, "--json").stdout)
    assert [Path(job["picture"]).name for job in answer["jobs"]] == names


def test_of_a_batch_the_jobs_that_fail_are_said(run: Run, services: Services, ours: Client, tmp_path: Path) -> None:
    for name in ("photos/a.png", "photos/b.png", "x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(photograph_bytes(*(80, 60) if name == "x.png" else (64, 48)))

    def stop_one() -> None:
        while not (found := list(ours.jobs())):
            time.sleep(0.02)
        ours.cancel(found[0].id)

    with painting(services, PICTURE, every_s=0.3):
        stopper = threading.Thread(target=stop_one)
        stopper.start()
        ended = run("submit", tmp_path / "photos", tmp_path / "x.png", "-o", tmp_path / "out", "--size", 64)
        stopper.join()
    assert ended.exit_code == 1
    assert "1 of 2 jobs ended without a picture" in ended.stderr
    assert len(ended.stdout.split()) == 1


def test_who_leaves_a_batch_is_not_held_until_its_jobs_end(
    client: httpx.Client, key: str, ours: Client, tmp_path: Path
) -> None:
    for name in ("photos/a.png", "photos/b.png", "x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(photograph_bytes(*(80, 60) if name == "x.png" else (64, 48)))
    command = [str(Path(sys.executable).with_name("impasto")), "submit", "photos", "x.png", "-o", "out", "--size", "64"]
    where = {"IMPASTO_URL": str(client.base_url), "IMPASTO_KEY": key}
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | where, stderr=subprocess.PIPE, text=True) as left:
        try:
            assert left.stderr is not None
            assert "2 jobs" in left.stderr.readline()
            left.send_signal(signal.SIGINT)
            assert left.wait(timeout=30) == 130
            assert "The jobs go on without you" in left.stderr.read()
        finally:
            left.kill()
    assert [job.status for job in ours.jobs()] == ["queued", "queued"]


def test_a_shell_is_suggested_what_is_there(client: httpx.Client, key: str, ours: Client) -> None:
    job = posted(client).json()["id"]
    style = ours.styles.create("dusk", photograph_bytes(80, 60)).id
    context = typer.Context(typer.main.get_command(_app()))
    context.params = {"url": str(client.base_url), "key": key}
    assert job_ids(context, job[:8]) == [(job, "transfer, queued")]
    assert style_ids(context, "") == [(style, "dusk")]
    assert job_ids(context, "x") == []
    context.params = {"url": "http://127.0.0.1:9", "key": key}
    assert job_ids(context, "") == []
    context.params = {"data": Path("/nowhere")}
    assert style_ids(context, "") == []


def _app() -> typer.Typer:
    app = typer.Typer()
    commands(app)
    return app


def test_a_finished_job_shows_itself_in_a_notebook(services: Services, client: httpx.Client, ours: Client) -> None:
    with painting(services, PICTURE):
        job = ours.wait(posted(client).json()["id"])
    assert job._repr_png_() == PICTURE
    figure = job._repr_html_()
    assert 'src="data:image/png;base64,' in figure
    assert f"Job {job.id}: succeeded" in figure
    waiting = ours.get(posted(client, cache=False).json()["id"])
    assert waiting._repr_png_() is None
    assert "<img" not in waiting._repr_html_()
    assert "queued" in waiting._repr_html_()
