"""What a killed stack left behind: processes, recognised by the folder in their environment, and files."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from service.embedded.parts import s3_litter
from service.embedded.ports import remembered_ports
from service.embedded.supervision import MARK
from service.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from service.embedded.folder import Folder

SUPERVISOR = "supervisor"
ORDERLY_S = 60
"""A supervisor whose `impasto up` was killed stops its parts in order, each within its own time."""
AT_ONCE_S = 5
LOOK_EVERY_S = 0.1


def processes_of(folder: Folder) -> list[psutil.Process]:
    """Find every process of the stack in this folder, its supervisor first."""
    found = [process for process in psutil.process_iter() if _belongs(process, folder)]
    return sorted(found, key=lambda process: process.create_time())


def end_leftovers(folder: Folder) -> list[str]:
    """End the processes of a stack that nobody holds any more, and remove its files.

    A supervisor stops its parts itself; what is left without one gets SIGTERM, and at last SIGKILL.

    Returns:
        What was found, each as `name (process id)`.

    Raises:
        StackError: a process can't be ended.
    """
    found = processes_of(folder)
    names = [f"{name} ({process.pid})" for process in found if (name := _name(process))]
    if names and names[0].startswith(SUPERVISOR):
        _ask(found[:1], psutil.Process.terminate)
        _wait_until_gone(folder, ORDERLY_S)
    _end(folder)
    for file in (folder.stack, *folder.run.iterdir(), *_dead_sockets(folder)):
        file.unlink(missing_ok=True)
    return names


def _end(folder: Folder) -> None:
    for signal in (psutil.Process.terminate, psutil.Process.kill):
        left = processes_of(folder)
        _ask(left, signal)
        _wait_until_gone(folder, AT_ONCE_S)
    if left := processes_of(folder):
        raise StackError(f"Can't end what an earlier stack left behind: {', '.join(str(p.pid) for p in left)}.")


def _ask(processes: Iterable[psutil.Process], signal: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            signal(process)


def _wait_until_gone(folder: Folder, within_s: float) -> None:
    # Not by waiting for the processes: a dead one that nobody reaps, as in a container, has no environment any more.
    deadline = time.monotonic() + within_s
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)


def _dead_sockets(folder: Folder) -> list[Path]:
    """Find SeaweedFS's sockets in /tmp that nobody listens on: the port may be another stack's by now."""
    ports = remembered_ports(folder.ports)
    return [path for path in s3_litter(ports) if not _has_listener(path)] if ports else []


def _has_listener(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _belongs(process: psutil.Process, folder: Folder) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        return bool(process.environ().get(MARK) == str(folder.root))
    except psutil.Error:  # another user's, or gone just now
        return False


def _name(process: psutil.Process) -> str | None:
    try:
        return str(process.environ().get("SUPERVISOR_PROCESS_NAME", SUPERVISOR))
    except psutil.Error:
        return None  # it ended after it was found
