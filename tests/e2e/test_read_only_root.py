"""The API, the worker and the keeper where nothing can be written but one temporary folder, as their images run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from api.client import Client
from service.embedded.ports import choose_api_port
from service.keys import create_key
from service.settings import Settings
from service.wiring import open_services
from tests import confined
from tests.chaos.parts import Program, impasto
from tests.images import photograph_bytes
from workers.painter.weights import default_folder

ROOT = Path(__file__).parents[2]
LINUX = sys.platform == "linux"
ROLES = ("api", "keeper", "worker")

pytestmark = [
    pytest.mark.servers,
    pytest.mark.weights,
    pytest.mark.skipif(not LINUX or confined.version() == 0, reason="this kernel has no Landlock"),
]


class World:
    """Programs that may write to one folder, and to /dev, where a container has memory of its own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.watch_ports = {role: choose_api_port(0) for role in ROLES}
        self._logs = folder

    def command(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.confined", f"{self.temporary}:/dev", *words)

    def environment(self, role: str) -> dict[str, str]:
        made = impasto("api", self.settings, directory=ROOT, log=self._logs / "unused")._environment
        here = {"PYTHONPATH": str(ROOT), "IMPASTO_WEIGHTS_DIR": str(default_folder()), "OMP_NUM_THREADS": "1"}
        watch = {"IMPASTO_WATCH_PORT": str(self.watch_ports[role])}
        return {**made, **here, **watch, "HOME": str(self.temporary), "TMPDIR": str(self.temporary)}

    def program(self, name: str) -> Program:
        log = self._logs / f"{name}.log"
        command = self.command("service.cli", name)
        return Program(command, directory=self.temporary, environment=self.environment(name), log=log)

    def run(self, *words: str, role: str = "api", path: Path = ROOT / "deploy") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.temporary,
            env={**os.environ, **self.environment(role), "PYTHONPATH": f"{ROOT}:{path}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """The three programs, confined and running."""
    own = settings.model_copy(update={"api_port": choose_api_port(0), "torch_threads": 1})
    world = World(tmp_path, own)
    with ExitStack() as running:
        for name in ROLES:
            program = world.program(name)
            program.start()
            running.callback(program.kill)
        yield world


def wait_for(what: str, is_so: Callable[[], object], world: World) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if is_so():
                return
        time.sleep(0.2)
    logs = {log.name: log.read_text()[-2000:] for log in world._logs.glob("*.log")}
    raise AssertionError(f"no {what}: {logs}")


def test_nothing_but_the_folder_can_be_written(tmp_path: Path, settings: Settings) -> None:
    world = World(tmp_path, settings)
    (world.temporary / "writing.py").write_text("import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x')")
    for place, may in ((world.temporary / "a", True), (tmp_path / "a", False), (ROOT / "written", False)):
        wrote = world.run("writing", str(place), path=world.temporary)
        assert (wrote.returncode == 0, place.exists()) == (may, may), wrote.stderr


def test_an_upload_is_taken_and_a_job_painted_though_the_root_is_read_only(world: World, tenant: str) -> None:
    url = f"http://127.0.0.1:{world.settings.api_port}"
    with open_services(world.settings) as services:
        key = create_key(services.keys, tenant=tenant, name="test")
        wait_for("api", lambda: httpx.get(f"{url}/readyz").is_success, world)
        wait_for("worker", lambda: services.presence.alive("worker"), world)
        wait_for("keeper", lambda: services.presence.alive("keeper"), world)
    for role in ROLES:
        asked = world.run("healthy", role=role)
        assert asked.returncode == 0, asked.stderr
    with Client(url, key) as client:
        style = client.uploads.create(photograph_bytes(80, 80))
        images = {"/content": photograph_bytes()}
        spec = {"styles": [{"image": {"upload_id": style.id}}], "options": {"size": 64, "iterations": 3}}
        job = client.wait(client.submit(images, spec).id)
        picture = Image.open(BytesIO(client.download(job)))
    assert picture.size == (64, 43)


def test_a_part_that_is_not_there_is_not_healthy(tmp_path: Path, settings: Settings) -> None:
    world = World(tmp_path, settings.model_copy(update={"api_port": choose_api_port(0)}))
    assert [world.run("healthy", role=role).returncode for role in ROLES] == [1, 1, 1]
