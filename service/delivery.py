"""Delivery: a finished painting as files, the way the spec's output asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from service.pictures import CONTENT_TYPES, SUFFIXES, encode_result
from service.timelapse import FILM_CONTENT_TYPES, Film

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.painting import Painting
    from service.spec import Output, RenderSpec


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One file of a result: `name` is the output's, `filename` has its suffix too."""

    name: str
    filename: str
    data: bytes
    content_type: str
    width: int | None = None
    height: int | None = None


def film_of(spec: RenderSpec) -> Film | None:
    """Make what films a painting, where the spec asks for it."""
    wish = spec.output.timelapse
    return None if wish is None else Film(wish, longest=spec.options.size)


def files(painting: Painting, output: Output, film: Film | None) -> Iterator[File]:
    """Encode a painting, one file at a time: its pictures, `result` first, its Gram matrices, its film."""
    for name, picture in painting.pictures.items():
        data = encode_result(picture, output)
        filename = f"{name}.{SUFFIXES[output.format]}"
        yield File(name, filename, data, CONTENT_TYPES[output.format], picture.width, picture.height)
    if painting.grams:
        yield File("gram.npz", "gram.npz", _npz(painting), "application/zip")
    if film is not None and output.timelapse is not None:
        data = film.encode(painting.pictures["result"].pixels)
        kind, (width, height) = output.timelapse.format, film.shape
        yield File("timelapse", f"timelapse.{kind}", data, FILM_CONTENT_TYPES[kind], width, height)


def _npz(painting: Painting) -> bytes:
    """Write NumPy's archive of arrays, one `(C, C)` float32 for each layer."""
    file = BytesIO()
    arrays: dict[str, Any] = dict(painting.grams)
    np.savez_compressed(file, **arrays)
    return file.getvalue()
