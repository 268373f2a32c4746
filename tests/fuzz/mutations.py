"""Files taken apart, tampered with, and put together again.

A file is a list of parts: a head that says what it is, and a body. Each format puts its own lengths and checksums
around them, so that what was tampered with still reaches the decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st


class Part(NamedTuple):
    """A chunk, a segment, an entry, or what lies between them."""

    head: bytes
    body: bytes


Parts = list[Part]
Edit = Callable[[Parts], Parts]

BOUNDARIES = [0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000]
NUMBERS = st.one_of(
    st.sampled_from([*BOUNDARIES, 0xFFFFFFFE, 0xFFFFFFFF]), st.integers(0, 64), st.integers(0, 0xFFFFFFFF)
)
"""Numbers as formats write them, at the edges above all."""


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    """Write a number of 1, 2, 4 or 8 bytes, of either byte order."""
    order, width = draw(st.sampled_from("<>")), draw(st.sampled_from("BHIQ"))
    return struct.pack(order + width, draw(NUMBERS) & (256 ** struct.calcsize(width) - 1))


@st.composite
def overwritten(draw: st.DrawFn, data: bytes) -> bytes:
    """Put numbers in place of some bytes, mostly near the beginning, where headers are."""
    edited = bytearray(data)
    for field in draw(st.lists(fields(), min_size=1, max_size=3)):
        end = draw(st.sampled_from([16, 64, len(data)]))
        at = draw(st.integers(0, max(0, min(end, len(data)) - 1)))
        edited[at : at + len(field)] = field
    return bytes(edited)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut a file off, go on after its end, or overwrite some of it."""
    match draw(st.sampled_from([*["whole"] * 8, "cut", "longer", "overwritten", "hole"])):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "longer":
            return data + draw(st.binary(max_size=64))
        case "overwritten":
            return draw(overwritten(data))
        case "hole":
            at = draw(st.integers(0, len(data)))
            return data[:at] + data[at + draw(st.integers(1, 32)) :]
    return data


@st.composite
def tampered(draw: st.DrawFn, parts: Sequence[Part], others: Sequence[Part], *, heads: Sequence[bytes]) -> Parts:
    """Reorder, double, drop, rename, cut, lengthen, overwrite and exchange parts, each a few times at most.

    Args:
        draw: Hypothesis'.
        parts: of one file.
        others: parts of other files of the format, to be put among them.
        heads: by which parts may be renamed; none where they have no names.
    """
    edited = list(parts)
    for _ in range(draw(st.integers(1, 4))):
        if not edited:
            break
        at, to = (draw(st.integers(0, len(edited) - 1)) for _ in range(2))
        head, body = edited[at]
        kinds = ["overwrite"] * 4 + ["swap", "double", "drop", "cut", "lengthen", "graft"] + ["rename"] * bool(heads)
        match draw(st.sampled_from(kinds)):
            case "overwrite" if body:
                edited[at] = Part(head, draw(overwritten(body)))
            case "swap":
                edited[at], edited[to] = edited[to], edited[at]
            case "double":
                edited.insert(to, edited[at])
            case "drop":
                del edited[at]
            case "cut":
                edited[at] = Part(head, body[: draw(st.integers(0, len(body)))])
            case "lengthen":
                edited[at] = Part(head, body + draw(st.binary(max_size=16)) * draw(st.sampled_from([1, 1, 1000])))
            case "graft" if others:
                edited.insert(at, draw(st.sampled_from(others)))
            case "rename":
                edited[at] = Part(draw(st.sampled_from(heads)), body)
    return edited
