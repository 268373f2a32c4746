"""The nursery: loads all that decoding needs, gives up what it can, and forks a child for each image.

Run as `python -m service.sandbox.nursery FD`, where FD is a Unix socket. It sends what it gave up; then, for each
socket that it is sent, a child takes an image from there, answers, and ends. No child sees another one's image, and a
child that was taken over by its image can make hardly any call. SECURITY.md says what it still can.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from service.deep import load_libvips
from service.errors import InvalidImage
from service.ingest import ImageLimits, ingest
from service.pictures import encode_stored, srgb_profile
from service.sandbox.confinement import TOO_MUCH, Allowance, allow, confine
from service.sandbox.frames import HERE, Cut, receive, send

PLUGINS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
"""Loaded beforehand: a child can't."""

OVERDUE_S = 1.0
"""Beyond its own time, after which a child that has put off its alarm is ended from outside."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What every child of a nursery is told: what it may take, and the largest file that it is given."""

    allowance: Allowance
    file_max: int


def main(told_by: int) -> None:
    """Serve until the other side of the socket is closed."""
    control = socket.socket(fileno=told_by)
    for told_to_others in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told_to_others, signal.SIG_IGN)  # it ends when nobody asks for anything any more
    said, _ = receive(control, body_max=0)
    duty = Duty(Allowance(**said["allowance"]), said["file_max"])
    _prepare()
    confined, ended = confine(), _told_of_ends()
    send(control, asdict(confined))
    children: dict[int, float] = {}
    while True:
        _end(children, at=time.monotonic())
        wait_s = max(0.05, min(children.values()) - time.monotonic()) if children else None
        ready, _, _ = select.select([control, ended], [], [], wait_s)
        with suppress(BlockingIOError):
            ended.recv(4096)
        if control not in ready:
            continue
        word, descriptors, *_ = socket.recv_fds(control, 1, 1)
        if not word:
            break
        for descriptor in descriptors:  # none where no more can be open: then its line is closed
            with socket.socket(fileno=descriptor) as line:
                _bear(line, duty, children)
    _end(children, at=float("inf"))


def _bear(line: socket.socket, duty: Duty, children: dict[int, float]) -> None:
    """Fork a child for a line. Where that can't be, the line is closed unanswered."""
    with suppress(OSError):
        child = os.fork()
        if child == 0:
            _serve(line, duty)
        children[child] = time.monotonic() + duty.allowance.wall_s + OVERDUE_S


def _told_of_ends() -> socket.socket:
    """Give a socket that can be read from whenever a child has ended."""
    ended, noted = socket.socketpair()
    for end in (ended, noted):
        end.settimeout(0)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(noted.detach(), warn_on_full_buffer=False)
    return ended


def _prepare() -> None:
    """Load what is otherwise loaded when it is first needed."""
    Image.init()
    srgb_profile()
    load_libvips()


def _end(children: dict[int, float], *, at: float) -> None:
    """Forget the children that have ended, and end those whose time is over."""
    for child, until in list(children.items()):
        if until <= at:
            os.kill(child, signal.SIGKILL)
        ended, _ = os.waitpid(child, 0 if until <= at else os.WNOHANG)
        if ended:
            del children[child]


def _serve(line: socket.socket, duty: Duty) -> None:
    """Be a child: say so, take one image in, answer, end."""
    try:
        signal.set_wakeup_fd(-1)
        allow(duty.allowance, line.fileno())
        line.sendall(HERE)
        send(line, *_answer(line, file_max=duty.file_max))
    except (Cut, OSError, MemoryError):
        os._exit(1)
    os._exit(0)


def _answer(line: socket.socket, *, file_max: int) -> tuple[dict[str, Any], bytes]:
    asked, data = receive(line, body_max=file_max)
    try:
        taken = ingest(data, ImageLimits(**asked))
        del data  # its memory is needed
        stored = encode_stored(taken.picture)
    except InvalidImage as error:
        return {"refused": str(error), "reason": error.reason}, b""
    except Exception:  # noqa: BLE001 - whatever encoding a decoded picture may raise: memory, above all
        return {"refused": TOO_MUCH, "reason": "effort"}, b""
    return {
        "content_type": taken.content_type,
        "width": taken.picture.width,
        "height": taken.picture.height,
    }, stored


if __name__ == "__main__":
    main(int(sys.argv[1]))
