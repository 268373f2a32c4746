"""Pictures on a terminal, by whatever it understands: kitty's protocol, iTerm's, sixels, or half blocks in colour."""

from __future__ import annotations

import base64
import os
import re
import select
import sys
import termios
import time
import tty
from contextlib import contextmanager
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from numpy.typing import NDArray

CELL = (9, 18)
"""Width and height of a character in pixels, about; pictures are scaled by it where a terminal doesn't do so itself."""
COLUMNS = 48
"""How wide a picture is, in characters."""
CHUNK = 4096
"""Bytes of base64 in one of kitty's messages, at most."""
ANSWER_S = 0.2
"""Seconds within which a terminal says what it is; over slow lines it may take longer, and is shown nothing then."""


class Graphics(StrEnum):
    """How a picture is shown."""

    KITTY = "kitty"
    ITERM = "iterm"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    NONE = "none"


def graphics_of(terminal: IO[str], environment: Mapping[str, str] = os.environ) -> Graphics:
    """Tell what a terminal understands: by its name, or by asking it whether it knows sixels (DA1, attribute 4)."""
    name = f"{environment.get('TERM', '')} {environment.get('TERM_PROGRAM', '')} {environment.get('LC_TERMINAL', '')}"
    if not terminal.isatty() or environment.get("TERM") == "dumb":
        return Graphics.NONE
    if "KITTY_WINDOW_ID" in environment or re.search("kitty|ghostty|WezTerm", name):
        return Graphics.KITTY
    if "iTerm" in name:
        return Graphics.ITERM
    return Graphics.SIXEL if "4" in _attributes() else Graphics.NONE


def drawn(picture: bytes, graphics: Graphics, *, columns: int = COLUMNS) -> str:
    """Write a picture as a terminal is told of it, `columns` characters wide, with a new line at its end."""
    image = Image.open(BytesIO(picture)).convert("RGB")
    if graphics is Graphics.NONE:
        return ""
    if graphics is Graphics.BLOCKS:
        return _blocks(_fitted(image, columns, 2 * columns * image.height // (2 * image.width) // 2 * 2))
    width = columns * CELL[0]
    fitting = _fitted(image, width, width * image.height // image.width)
    write = {Graphics.KITTY: _kitty, Graphics.ITERM: _iterm, Graphics.SIXEL: _sixel}[graphics]
    return write(fitting, columns) + "\n"


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((max(1, width), max(2, height)), Image.Resampling.LANCZOS)


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _kitty(image: Image.Image, columns: int) -> str:
    """Send a PNG in pieces: the terminal graphics protocol, `a=T,f=100`."""
    data = base64.b64encode(_png(image)).decode()
    pieces = [data[n : n + CHUNK] for n in range(0, len(data), CHUNK)]
    first = f"a=T,f=100,c={columns},"
    more = (
        f"\x1b_G{first if n == 0 else ''}m={int(n < len(pieces) - 1)};{piece}\x1b\\" for n, piece in enumerate(pieces)
    )
    return "".join(more)


def _iterm(image: Image.Image, columns: int) -> str:
    """Send a PNG whole: OSC 1337."""
    data = _png(image)
    head = f"inline=1;size={len(data)};width={columns};preserveAspectRatio=1"
    return f"\x1b]1337;File={head}:{base64.b64encode(data).decode()}\x07"


def _sixel(image: Image.Image, _: int) -> str:
    """Send six rows at a time, colour by colour, of a palette of 256: DEC's STD 070, chapter 9."""
    reduced = image.quantize(256, method=Image.Quantize.MEDIANCUT)
    indices, palette = np.asarray(reduced), np.array(reduced.getpalette()).reshape(-1, 3)
    used = np.unique(indices)
    percent = np.rint(palette * 100 / 255).astype(int)
    head = f'\x1bPq"1;1;{image.width};{image.height}' + "".join(
        f"#{n};2;{red};{green};{blue}" for n, (red, green, blue) in zip(used, percent[used], strict=True)
    )
    padded = np.pad(indices.astype(int), ((0, -image.height % 6), (0, 0)), constant_values=-1)
    bands = (_band(padded[top : top + 6]) for top in range(0, len(padded), 6))
    return head + "-".join(bands) + "\x1b\\"


def _band(rows: NDArray[np.int_]) -> str:
    bits = 1 << np.arange(6)[:, None]
    colours = [colour for colour in np.unique(rows) if colour >= 0]
    return "$".join(f"#{colour}{_shortened(63 + ((rows == colour) * bits).sum(0))}" for colour in colours)


def _shortened(codes: NDArray[np.int_]) -> str:
    """Write the characters, repeated ones as `!count`."""
    text = bytes(codes.astype(np.uint8)).decode("ascii")
    return re.sub(r"(.)\1{3,}", lambda run: f"!{len(run[0])}{run[1]}", text)


def _blocks(image: Image.Image) -> str:
    """Write two pixels a character: the upper half block, in one colour on another."""
    pixels = np.asarray(image)
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=False):
        cells = (
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀" for a, b in zip(upper, lower, strict=True)
        )
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines) + "\n"


def _attributes() -> list[str]:
    """Ask the terminal what it can (DA1); nothing where it doesn't answer."""
    if not sys.stdin.isatty() or not _in_front(sys.stdin.fileno()):
        return []
    with _unbuffered(sys.stdin.fileno()) as keyboard:
        sys.stderr.write("\x1b[c")
        sys.stderr.flush()
        answer, until = b"", time.monotonic() + ANSWER_S
        while not answer.endswith(b"c") and select.select([keyboard], [], [], max(0, until - time.monotonic()))[0]:
            answer += os.read(keyboard, 64)
    found = re.search(rb"\x1b\[\?([\d;]+)c", answer)
    return found[1].decode().split(";")[1:] if found else []


def _in_front(keyboard: int) -> bool:
    """Say whether this process may touch the terminal: who runs in the background is stopped by trying."""
    try:
        return os.tcgetpgrp(keyboard) == os.getpgrp()
    except OSError:  # it is not the terminal that this process was started from
        return False


@contextmanager
def _unbuffered(keyboard: int) -> Iterator[int]:
    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard)
        yield keyboard
    finally:
        termios.tcsetattr(keyboard, termios.TCSANOW, before)
