"""The distribution without its extras, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import pytest

from service.settings import Settings
from tests.chaos.parts import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nothing but what the distribution asks for."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, str(ROOT)], check=True, capture_output=True, timeout=240)
    return python


def test_api_and_service_install_and_import_without_torch(python: Path, tmp_path: Path) -> None:
    program = """
import importlib.util, api.app, api.client, api.routes.studio, service.submit, service.wiring, workers.app
assert importlib.util.find_spec("torch") is None
assert importlib.util.find_spec("tests") is None
assert {"index.html", "main.js", "examples/dusk.webp"} <= set(api.routes.studio.files())
print(api.app.__file__)
"""
    run = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.startswith(str(python.parents[1]))
    impasto = python.with_name("impasto")
    run = subprocess.run([impasto, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "submit" in run.stdout
    run = subprocess.run([impasto, "up"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "pip install 'impasto[worker,embedded]'" in run.stderr


@pytest.mark.servers
def test_what_rings_and_what_hears_it_need_no_more_than_is_asked_for(
    python: Path, settings: Settings, tmp_path: Path
) -> None:
    """As in the image of the API, which has no developer's packages by chance."""
    program = """
from service.settings import read_settings
from service.stores.queue import DOORBELL, celery_app
from service.wiring import open_services
settings = read_settings()
with open_services(settings) as services:
    services.queue.ring()
with celery_app(settings).connection_for_read() as connection:
    print(connection.SimpleQueue(DOORBELL).get(timeout=10).headers["task"])
"""
    known = {**os.environ, **environment(settings)}
    run = subprocess.run([python, "-c", program], cwd=tmp_path, env=known, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("impasto.render\n", "")
