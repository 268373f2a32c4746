"""The distribution without its extras, in an environment of its own."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_api_and_service_install_and_import_without_torch(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, str(ROOT)], check=True, capture_output=True, timeout=240)
    program = """
import importlib.util, api.app, api.client, api.routes.studio, service.submit, service.wiring, workers.app
assert importlib.util.find_spec("torch") is None
assert importlib.util.find_spec("tests") is None
assert {"index.html", "main.js", "examples/dusk.webp"} <= set(api.routes.studio.files())
print(api.app.__file__)
"""
    run = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.startswith(str(tmp_path))
    run = subprocess.run(
        [tmp_path / "venv/bin/impasto", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "submit" in run.stdout
    run = subprocess.run(
        [tmp_path / "venv/bin/impasto", "up"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "pip install 'impasto[worker,embedded]'" in run.stderr
