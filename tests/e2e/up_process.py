"""`impasto up` as a stranger runs it: a process of its own, of which only files, output and signals are known."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from service.embedded.folder import Folder, hold, open_folder
from service.embedded.leftovers import end_leftovers, processes_of
from service.embedded.running import RunningStack, read_running
from service.errors import StackError

T = TypeVar("T")
PATIENCE_S = 90


class Up:
    """A running `impasto up` on one data folder."""

    def __init__(self, data: Path, process: subprocess.Popen[bytes], output: Path) -> None:
        self.data = data
        self.process = process
        self._output = output

    @property
    def folder(self) -> Folder:
        return Folder(self.data.resolve())

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def processes(self) -> list[psutil.Process]:
        """Everything that it has started and that still lives, the supervisor first."""
        return processes_of(self.folder)

    def wait_until_gone(self) -> None:
        """Wait until nothing that it has started lives any more."""
        self.wait_for(lambda: not self.processes())

    def ready(self) -> RunningStack:
        """Wait until it says that it is ready; give what it wrote for others by then, or since."""
        self.wait_for(lambda: "Impasto is ready." in self.said)
        return self.wait_for(lambda: read_running(self.data))

    def ended(self) -> int:
        """Wait until it has ended; give its exit code."""
        return self.process.wait(timeout=PATIENCE_S)

    def wait_for(self, fact: Callable[[], T | None]) -> T:
        """Wait until something is so. What it printed stands in the failure when it never is."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := fact()):
            assert time.monotonic() < deadline, f"waited {PATIENCE_S} s; it said:\n{self.said}"
            time.sleep(0.05)
        return found


@contextmanager
def started(data: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Up]:
    """Run `impasto up --data DATA ARGUMENTS`, on a free port unless told; at the end end it and what it started."""
    output = data.with_name(f"{data.name}-{time.monotonic_ns()}.out")
    port = () if "--port" in arguments else ("--port", "0")
    with output.open("wb") as out:
        process = subprocess.Popen(
            (sys.executable, "-m", "service.cli", "up", "--data", str(data), *port, *arguments),
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield Up(data, process, output)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        with suppress(StackError), hold(open_folder(data)):  # unless another one holds it
            end_leftovers(Folder(data.resolve()))
