"""The folder that a stack keeps everything in: who holds it, its secrets, its files."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from service.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024**2
MINIMUM_FREE_BYTES = 512 * MIB
"""Room for SeaweedFS's first volumes, Redis's log and a few pictures."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where everything of one stack lies; `root` is absolute."""

    root: Path

    @property
    def redis(self) -> Path:
        """Redis's append-only log."""
        return self.root / "redis"

    @property
    def s3(self) -> Path:
        """SeaweedFS's volumes."""
        return self.root / "s3"

    @property
    def logs(self) -> Path:
        """The parts' logs."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """The log of one part."""
        return self.logs / f"{name}.log"

    @property
    def run(self) -> Path:
        """What is only of use while the stack runs: sockets and generated configuration."""
        return self.root / "run"

    @property
    def lock(self) -> Path:
        """Held by the `impasto up` that runs here; holds its process id."""
        return self.root / "lock"

    @property
    def stack(self) -> Path:
        """Where tools find the running stack."""
        return self.root / "stack.json"

    @property
    def key(self) -> Path:
        """The development key, plain."""
        return self.root / "key"

    @property
    def secrets(self) -> Path:
        """What the parts know each other by."""
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        """The ports of the start before."""
        return self.root / "ports.json"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the parts know each other by; made at the first start."""

    redis_password: str = field(repr=False)
    s3_access_key_id: str = field(repr=False)
    s3_secret_access_key: str = field(repr=False)
    s3_signing_key: str = field(repr=False)


def open_folder(data: Path, *, minimum_free_bytes: int = MINIMUM_FREE_BYTES) -> Folder:
    """Make the folder, readable by its owner alone, unless it is there.

    Raises:
        StackError: its file system has less room than `minimum_free_bytes`.
        OSError: it can't be made or written to.
    """
    folder = Folder(data.resolve())
    for path in (folder.root, folder.redis, folder.s3, folder.logs, folder.run):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.root).free
    if free < minimum_free_bytes:
        raise StackError(
            f"The disk is nearly full: {free // MIB} MiB are free under {folder.root}, and the stack needs "
            f"{minimum_free_bytes // MIB} MiB. Make room, or choose another folder with --data."
        )
    return folder


@contextmanager
def hold(folder: Folder) -> Iterator[int | None]:
    """Hold the folder's lock; yield the process id of a holder that was killed, or None.

    Raises:
        StackError: another `impasto up` holds it.
    """
    lock = _locked(folder)
    try:
        killed = os.read(lock, 32).decode().strip()
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield int(killed) if killed.isdigit() else None
    finally:
        folder.lock.unlink(missing_ok=True)
        os.close(lock)


def _locked(folder: Folder) -> int:
    while True:
        lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StackError(_held_by_another(folder)) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), folder.lock.stat()):
                return lock
        os.close(lock)  # its holder let go and removed the file just now: that was the lock of nobody


def _held_by_another(folder: Folder) -> str:
    pid = folder.lock.read_text().strip() or "unknown"
    try:
        where = f" at {json.loads(folder.stack.read_text())['url']}"
    except (FileNotFoundError, ValueError, KeyError):
        where = " and is not ready yet"
    return (
        f"A stack already runs on {folder.root}: process {pid}{where}. "
        "Stop that one first, or choose another folder with --data."
    )


def read_secrets(folder: Folder) -> Secrets:
    """Read the secrets, or make them at the first start.

    Raises:
        StackError: the file is there and isn't what was written.
    """
    try:
        return Secrets(**json.loads(folder.secrets.read_text()))
    except FileNotFoundError:
        made = Secrets(*(secrets.token_hex(20) for _ in range(4)))
        write_private(folder.secrets, json.dumps(asdict(made), indent=2) + "\n")
        return made
    except (ValueError, TypeError) as error:
        raise StackError(f"{folder.secrets} is damaged; put it back, or start with another --data.") from error


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    new = path.with_name(f".{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - for the mode
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
