"""The processes of a stack under fire: servers and our own programs, each of which may be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import psutil
from pydantic import SecretStr

from service.settings import Settings


class Program:
    """One program, its log, and whatever it starts itself."""

    def __init__(self, command: tuple[str, ...], *, directory: Path, environment: dict[str, str], log: Path) -> None:
        self._command, self._directory, self._log = command, directory, log
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self._log

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, writing on where its log ends."""
        log: IO[bytes]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._directory, env=self._environment, stdout=log, stderr=log
            )

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        if self.alive:
            self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, timeout_s: float = 60) -> int:
        """Return the exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def child(self) -> int | None:
        """Find the process in which a worker paints."""
        for child in psutil.Process(self.pid).children():
            if "resource_tracker" not in " ".join(child.cmdline()):
                return int(child.pid)
        return None

    def kill_child(self) -> None:
        """Kill the process in which a worker paints, if there is one just now."""
        child = self.child()
        if child is not None:
            os.kill(child, signal.SIGKILL)


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def impasto(command: str, settings: Settings, *, directory: Path, log: Path) -> Program:
    """Give one of our own programs."""
    known = {**environment(settings), "IMPASTO_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}
    return Program(
        (sys.executable, "-P", "-m", "service.cli", command), directory=directory, environment=known, log=log
    )


def environment(settings: Settings) -> dict[str, str]:
    """Write every setting that is not the default as a process is told it."""
    wanted = {name: value for name, value in settings if value != Settings.model_fields[name].default}
    return {f"IMPASTO_{name.upper()}": _text(value) for name, value in wanted.items()}
