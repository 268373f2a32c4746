"""Our side of the sandbox: images are handed in, and what comes out is checked, for the child may be taken over."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from service.errors import REASONS, IngestUnavailable, InvalidImage
from service.log import log
from service.machine import cores
from service.sandbox.confinement import TOO_MUCH, Allowance, Confined
from service.sandbox.frames import HERE, Cut, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.errors import Reason
    from service.ingest import ImageLimits
    from service.settings import Settings

WALL_FACTOR = 4
"""Seconds that may pass for each second of computing: the machine may have other things to do."""
START_S = 30.0
"""Seconds in which the nursery, and then each child, has to be ready."""
TURN_S = 30.0
"""Seconds that an image waits for its turn before its request is put off."""
_BYTES_PER_PIXEL = 9
"""Of a stored picture at most: four samples of two bytes, and what PNG adds."""
_OVERHEAD = 1024**2
_IHDR = struct.Struct(">8sI4sIIBB")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TYPES = re.compile(r"image/(jpeg|png|webp|tiff)")


@dataclass(frozen=True, slots=True, eq=False)
class TakenIn:
    """An image as it is kept: a PNG that the sandbox wrote; and what the file was that it came as.

    Attributes:
        png: normalised pixels, see `encode_stored`.
        sha256: of the file as it came.
        bytes: of the file as it came.
        content_type: of the file as it came.
        width, height: in pixels.
    """

    png: bytes
    sha256: str
    bytes: int
    content_type: str
    width: int
    height: int


class Sandbox:
    """Takes in images, each in a child process of its own. It may be shared by threads; it starts when first used."""

    def __init__(self, settings: Settings, *, warns: bool = True) -> None:
        """Take limits from the settings; with `warns`, log what the kernel does not take away."""
        cpu_s = settings.ingest_cpu_s
        self._allowance = Allowance(settings.ingest_memory_bytes, cpu_s, WALL_FACTOR * cpu_s)
        self._file_max = max(settings.upload_max_bytes, settings.direct_upload_max_bytes)
        self._turns = threading.BoundedSemaphore(settings.ingest_at_once or cores())
        self._starting = threading.Lock()
        self._nursery: _Nursery | None = None
        self._warns, self._closed = warns, False

    def ingest(self, data: bytes, limits: ImageLimits) -> TakenIn:
        """Decode, normalise and encode one image file.

        Raises:
            InvalidImage: it is no picture that we take, or takes more than it may.
            IngestUnavailable: there is no turn for it, or no child can be had.
        """
        with self._turn(), self._child() as (line, nursery):
            until = time.monotonic() + self._allowance.wall_s + 1
            try:
                line.settimeout(self._allowance.wall_s + 1)
                send(line, asdict(limits), data)
                said, png = receive(line, body_max=_BYTES_PER_PIXEL * limits.pixels + _OVERHEAD, until=until)
            except (Cut, OSError):
                if nursery.has_ended():
                    raise IngestUnavailable("the nursery has ended") from None
                # The child was ended by its allowance, or has crashed.
                log().warning("ingest_ended", bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
                raise InvalidImage(TOO_MUCH, reason="effort") from None
        if "refused" in said:
            raise InvalidImage(str(said["refused"])[:500], reason=_reason(said.get("reason")))
        return TakenIn(png, hashlib.sha256(data).hexdigest(), len(data), **_believed(said, png, limits))

    def confined(self) -> Confined:
        """Say what the kernel took away from whoever decodes.

        Raises:
            IngestUnavailable: it can't be started.
        """
        return self._ready().confined

    def close(self) -> None:
        """End it; from now on it takes in nothing."""
        with self._starting:
            self._closed = True
            if self._nursery is not None:
                self._nursery.close()
                self._nursery = None

    def _give_up(self, nursery: _Nursery) -> None:
        """End a nursery; another that has taken its place meanwhile stays."""
        with self._starting:
            nursery.close()
            if self._nursery is nursery:
                self._nursery = None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=TURN_S):
            raise IngestUnavailable(f"no turn for an image within {TURN_S:g} s")
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def _child(self) -> Iterator[tuple[socket.socket, _Nursery]]:
        """Give a line to a new child that has begun, and the child's nursery."""
        line, nursery = self._begun() or self._begun() or (None, None)  # it was killed: the next is another process
        if line is None or nursery is None:
            raise IngestUnavailable("the nursery has ended")
        with line:
            yield line, nursery

    def _begun(self) -> tuple[socket.socket, _Nursery] | None:
        """Give a line to a new child that has begun, and its nursery, or None when that has ended."""
        nursery = self._ready()
        try:
            return nursery.child(), nursery
        except OSError as error:
            if not nursery.has_ended():
                raise IngestUnavailable(f"no child has begun: {type(error).__name__}") from error
        self._give_up(nursery)
        return None

    def _ready(self) -> _Nursery:
        with self._starting:
            if self._closed:
                raise IngestUnavailable("the sandbox is closed")
            if self._nursery is None:
                self._nursery = _Nursery(self._allowance, self._file_max)
                if self._warns and (left_open := self._nursery.confined.left_open()):
                    log().warning("ingest_confined_in_part", left_open=left_open)
            return self._nursery


class _Nursery:
    """The process that forks, and the socket on which it is told to."""

    def __init__(self, allowance: Allowance, file_max: int) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_S)
        with theirs:
            try:
                self._process = _started(theirs)
            except OSError as error:
                self._control.close()
                raise IngestUnavailable(f"the nursery did not start: {error}") from error
        try:
            send(self._control, {"allowance": asdict(allowance), "file_max": file_max})
            said, _ = receive(self._control, body_max=0)
        except (Cut, OSError) as error:
            self.close()
            raise IngestUnavailable(f"the nursery did not start: {error}") from error
        self.confined = Confined(**said)

    def child(self) -> socket.socket:
        """Give a line to a new child, which has begun.

        Raises:
            OSError: there is none.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            ours.settimeout(START_S)
            if ours.recv(len(HERE)) != HERE:
                raise ConnectionResetError("the line was closed")
        except OSError:
            ours.close()
            raise
        return ours

    def has_ended(self) -> bool:
        """Say whether it is no longer there; one that is just ending counts too."""
        try:
            self._process.wait(timeout=1.0)  # a busy machine takes its time to end what was killed
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """End it with all its children."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _started(control: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", "service.sandbox.nursery", str(control.fileno())],
        pass_fds=[control.fileno()],
        env=_environment(),
        start_new_session=True,  # Ctrl-C is for the API, which still answers those who wait
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # decoders print what strangers' files make them print
    )


def _environment() -> Mapping[str, str]:
    """Leave out all settings: whoever takes a child over finds no secret there. One thread each will do."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "VIPS_CONCURRENCY": "1"}


def _reason(said: object) -> Reason:
    """Take a child's word if it is one that there is."""
    return next((reason for reason in REASONS if reason == said), "damaged")


def _believed(said: Mapping[str, Any], png: bytes, limits: ImageLimits) -> dict[str, Any]:
    """Take a child's answer if it is one that a child can have given by itself.

    Raises:
        IngestUnavailable: it is not.
    """
    width, height, kind = said.get("width"), said.get("height"), said.get("content_type")
    fits = (
        isinstance(width, int)
        and isinstance(height, int)
        and 0 < width * height <= limits.pixels
        and len(png) > _IHDR.size
        and _IHDR.unpack_from(png)[:5] == (_SIGNATURE, 13, b"IHDR", width, height)
        and isinstance(kind, str)
        and _TYPES.fullmatch(kind)
    )
    if not fits:
        raise IngestUnavailable("a child gave an answer that makes no sense")
    return {"content_type": kind, "width": width, "height": height}
