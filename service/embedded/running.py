"""The running stack as others find it: `stack.json`, written when all is ready and removed when it stops."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from service.embedded.folder import Folder, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the pictures are."""

    endpoint: str
    bucket: str


@dataclass(frozen=True, slots=True)
class RunningStack:
    """What `stack.json` says. It holds the key and Redis's password, so its mode is 0600.

    Attributes:
        url: where the API answers.
        key: the development key, plain.
        processes: process id of each part: api, worker, keeper, redis, s3.
        redis_url: with password.
        s3: the storage.
    """

    url: str
    key: str = field(repr=False)
    processes: Mapping[str, int]
    redis_url: str = field(repr=False)
    s3: Bucket


def write_running(folder: Folder, stack: RunningStack) -> None:
    """Write `stack.json` in one step."""
    write_private(folder.stack, json.dumps(asdict(stack), indent=2) + "\n")


def read_running(data: Path) -> RunningStack | None:
    """Read what runs on a folder; None when nothing is ready there, or only a killed stack left its file."""
    folder = Folder(data.resolve())
    try:
        found = json.loads(folder.stack.read_text())
        os.kill(int(folder.lock.read_text()), 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return RunningStack(**{**found, "s3": Bucket(**found["s3"])})


def stop_running(data: Path) -> bool:
    """Ask the stack on a folder to stop, and wait until it has; False when none runs there."""
    folder = Folder(data.resolve())
    try:
        lock = os.open(folder.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.kill(int(folder.lock.read_text()), signal.SIGTERM)
        fcntl.flock(lock, fcntl.LOCK_SH)  # granted when it is gone
        return True
    else:
        return False
    finally:
        os.close(lock)
