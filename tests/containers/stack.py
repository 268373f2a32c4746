"""A stack of Compose's in a folder of its own, beside whatever else runs on this machine, and the runbook's blocks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from api.client import Client, Job, Patience
from service.embedded.ports import choose_ports
from tests.images import photograph_bytes

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "deploy/runbook.md").read_text()
PATIENCE_S = 180.0
NOT_OURS = re.compile(
    "(AWS|COMPOSE|IMPASTO)_.*|[A-Z0-9]+_PORT|GPU_[0-7]|PUBLISH_ON|REVISION|VERSION|WEIGHTS|WORKER_MEMORY"
)
"""Variables by which an operator's shell tells Compose of another stack."""

T = TypeVar("T")


def blocks(heading: str) -> list[str]:
    """List the blocks of shell under a heading of the runbook that are Compose's."""
    [section] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
    return [
        block
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        if re.search("docker compose|aws-s3", block)
    ]


def console() -> str:
    """Give what the runbook has a shell know as the consoles of Redis and S3."""
    [functions] = re.findall(r"```sh\n(redis-cli\(\) .*?)```", RUNBOOK, re.DOTALL)
    return str(functions)


@dataclass(frozen=True)
class Stack:
    """Where it runs.

    Attributes:
        folder: a copy of the project.
        environment: what Compose is to know.
    """

    folder: Path
    environment: dict[str, str]

    @property
    def version(self) -> str:
        """What images are named after: no operator's own are touched, and none are left, at 6 GB each."""
        return self.environment["COMPOSE_PROJECT_NAME"]

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.environment['API_PORT']}"

    def run(self, script: str) -> str:
        """Run what an operator types, in the project's folder; give what it said.

        Raises:
            AssertionError: a command of it failed.
        """
        shell = ("bash", "-e", "-u", "-o", "pipefail", "-c", console() + script)
        ran = subprocess.run(
            shell, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=1800
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    def set(self, **settings: str) -> None:
        """Write settings into the folder's .env, as an operator does."""
        with (self.folder / ".env").open("a") as env:
            env.writelines(f"{name}={value}\n" for name, value in settings.items())


@dataclass(frozen=True)
class Installed(Stack):
    """One that runs, with a key for it, and a client that waits while the service is away."""

    key: str
    client: Client


@contextmanager
def installed(folder: Path, ref: str | None) -> Iterator[Installed]:
    """Install a release as the runbook says, in a folder of its own. Its containers, volumes and images go again."""
    release(folder, ref)
    ports = choose_ports(("API_PORT", "S3_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT"), folder / "ports.json")
    environment = {
        **{name: value for name, value in os.environ.items() if not NOT_OURS.fullmatch(name)},
        **{name: str(port) for name, port in ports.items()},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COMPOSE_PROJECT_NAME": f"impasto-{folder.name.lower()}",
    }
    bare = Stack(folder, environment)
    bare.set(VERSION=bare.version)
    try:
        [block] = blocks("Install")
        key = bare.run(block).split()[-1]
        with Client(bare.url, key, patience=Patience(deadline_s=60.0)) as client:
            yield Installed(bare.folder, bare.environment, key, client)
    finally:
        try:
            bare.run("docker compose --profile observe down --volumes --remove-orphans")
        finally:
            named = "docker images --format '{{.Repository}}:{{.Tag}}' --filter"
            bare.run(f"{named} 'reference=impasto-*:{bare.version}*' | xargs --no-run-if-empty docker rmi")


def release(folder: Path, ref: str | None) -> None:
    """Put the project's files into a folder, in the place of another release's: a commit's, or those that lie here."""
    for part in ("api", "service", "workers"):
        shutil.rmtree(folder / part, ignore_errors=True)
    if ref is not None:
        with tarfile.open(fileobj=BytesIO(_git("archive", ref))) as archive:
            archive.extractall(folder, filter="data")
        return
    for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def _git(*arguments: str) -> bytes:
    return subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, check=True).stdout


def until(fact: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Wait until something is so, and give it."""
    deadline = time.monotonic() + patience_s
    while not (found := fact()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)
    return found


def images() -> dict[str, bytes]:
    """Give what a job paints."""
    return {"/content": photograph_bytes(128, 96), "/styles/0/image": photograph_bytes(96, 128)}


def long_job(client: Client) -> str:
    """Post a job of half a minute, and wait until it is being painted."""
    job = client.submit(images(), {"options": {"size": 128, "iterations": 300}, "cache": False})
    until(lambda: (client.get(job.id).progress or {}).get("iteration", 0) > 1)
    return job.id


def succeeded(client: Client, job_id: str, *, attempt: int = 1) -> Job:
    """Wait for a job, which must have been painted at this attempt."""
    job = client.wait(job_id, timeout_s=PATIENCE_S)
    assert (job.status, job.attempt) == ("succeeded", attempt), job
    return job
