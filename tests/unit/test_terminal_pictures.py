"""Pictures on a terminal, read back as a terminal would."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from io import BytesIO, StringIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from api.terminal.pictures import Graphics, drawn, graphics_of
from api.terminal.watch import sparkline


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def picture() -> bytes:
    file = BytesIO()
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (200, 40, 20)
    pixels[:, 30:] = (20, 60, 180)
    Image.fromarray(pixels).save(file, "WEBP", lossless=True)
    return file.getvalue()


def half_and_half(image: Image.Image) -> bool:
    left, right = (np.asarray(image.convert("RGB"))[:, part].mean((0, 1)) for part in (slice(0, 8), slice(-8, None)))
    return bool(np.abs(left - (200, 40, 20)).max() < 6 and np.abs(right - (20, 60, 180)).max() < 6)


def test_kitty_gets_a_png_in_pieces() -> None:
    text = drawn(picture(), Graphics.KITTY)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert pieces[0][0].startswith("a=T,f=100,c=48,m=")
    assert [head[-1] for head, _ in pieces] == ["1"] * (len(pieces) - 1) + ["0"]
    assert max(len(piece) for _, piece in pieces) <= 4096
    assert half_and_half(Image.open(BytesIO(base64.b64decode("".join(piece for _, piece in pieces)))))


def test_iterm_gets_a_png_whole() -> None:
    found = re.fullmatch(r"\x1b]1337;File=inline=1;size=(\d+);[^:]*:(\S+)\x07\n", drawn(picture(), Graphics.ITERM))
    assert found
    data = base64.b64decode(found[2])
    assert len(data) == int(found[1])
    assert half_and_half(Image.open(BytesIO(data)))


def test_sixels_say_the_picture() -> None:
    text = drawn(picture(), Graphics.SIXEL, columns=8)
    shown = sixels(text)
    assert shown.shape[:2] == (48, 72)
    assert half_and_half(Image.fromarray(shown))


def sixels(text: str) -> NDArray[np.uint8]:
    """Draw sixels, as a terminal does."""
    head = re.match(r'\x1bPq"1;1;(\d+);(\d+)', text)
    assert head
    assert text.endswith("\x1b\\\n")
    width, height = int(head[1]), int(head[2])
    pixels = np.zeros((height, width, 3), np.uint8)
    palette: dict[str, tuple[int, ...]] = {}
    body = text[head.end() : -3]
    for number, red, green, blue in re.findall(r"#(\d+);2;(\d+);(\d+);(\d+)", body):
        palette[number] = tuple(round(int(part) * 2.55) for part in (red, green, blue))
    body = re.sub(r"#\d+;2;\d+;\d+;\d+", "", body)
    for band, rows in enumerate(body.split("-")):
        for line in rows.split("$"):
            found = re.match(r"#(\d+)", line)
            assert found
            x = 0
            for times, code in runs(line[found.end() :]):
                for bit in range(6):
                    if (ord(code) - 63) >> bit & 1 and 6 * band + bit < height:
                        pixels[6 * band + bit, x : x + times] = palette[found[1]]
                x += times
            assert x == width
    return pixels


def runs(line: str) -> list[tuple[int, str]]:
    return [(int(times or 1), code) for times, code in re.findall(r"(?:!(\d+))?([?-~])", line)]


def test_half_blocks_have_two_pixels_a_character() -> None:
    lines = drawn(picture(), Graphics.BLOCKS, columns=12).splitlines()
    assert {line.count("▀") for line in lines} == {12}
    assert len(lines) == 4
    assert lines[0].startswith("\x1b[38;2;200;40;20;48;2;200;40;20m▀")
    assert all(line.endswith("\x1b[0m") for line in lines)


def test_nothing_is_drawn_where_nothing_can_be() -> None:
    assert drawn(picture(), Graphics.NONE) == ""


@pytest.mark.parametrize(
    ("environment", "graphics"),
    [
        ({"TERM": "xterm-kitty"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Graphics.ITERM),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, Graphics.ITERM),
        ({"TERM": "dumb", "TERM_PROGRAM": "iTerm.app"}, Graphics.NONE),
        ({"TERM": "xterm"}, Graphics.NONE),
    ],
)
def test_a_terminal_is_known_by_its_name(environment: dict[str, str], graphics: Graphics) -> None:
    assert graphics_of(Terminal(), environment) is graphics


ASKING = """
import fcntl, sys, termios
from api.terminal.pictures import graphics_of
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
print(graphics_of(sys.stderr, {"TERM": "xterm"}))
"""


@pytest.mark.parametrize(("answer", "graphics"), [(b"\x1b[?62;4;22c", "sixel"), (b"\x1b[?62;22c", "none")])
def test_a_terminal_without_a_name_is_asked_for_sixels(answer: bytes, graphics: str) -> None:
    ours, theirs = os.openpty()
    program = [sys.executable, "-c", ASKING]
    with subprocess.Popen(
        program, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True
    ) as asking:
        try:
            os.close(theirs)
            assert os.read(ours, 3) == b"\x1b[c"
            os.write(ours, answer)
            assert asking.communicate(timeout=60)[0].decode().strip() == graphics
        finally:
            asking.kill()
    os.close(ours)


def test_a_file_is_no_terminal() -> None:
    assert graphics_of(StringIO(), {"TERM": "xterm-kitty"}) is Graphics.NONE


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([3.0], ""), ([100.0, 10.0, 1.0], "█▅▁"), ([1.0, 1.0], "▁▁"), ([0.0, 2.0, 4.0], "▁█")],
)
def test_a_sparkline_is_logarithmic(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_a_long_sparkline_is_thinned_to_its_width() -> None:
    line = sparkline([2.0**-n for n in range(100)], width=8)
    assert line == "█▇▆▅▄▃▂▁"
