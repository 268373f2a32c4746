"""Pictures as the command line names them: files, folders of them, URLs, and paintings that a service keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.errors import FieldProblem, InvalidSpec, SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}
"""By how a file's name ends."""

STORED = "style:"
"""How a painting's argument begins that names a style which the service keeps; for such a file write `./style:…`."""

URLS = ("https://", "http://")

STEM_MAX = 80
"""Characters of a picture's name that another's is made of."""


@dataclass(frozen=True, slots=True)
class Many:
    """Every photograph in every painting, the first photograph first.

    Attributes:
        contents: the photographs: files, and URLs.
        styles: the paintings: files, URLs, and styles that a service keeps.
        folder: where the pictures go.
    """

    contents: tuple[str, ...]
    styles: tuple[str, ...]
    folder: Path

    def places(self) -> list[Path]:
        """Say where each picture goes, by its number in the batch: `photo-painting.png`, no two to the same place."""
        names = [f"{_stem(photo)}-{_stem(painting)}" for photo in self.contents for painting in self.styles]
        often = Counter(names)
        return [
            self.folder / (f"{name}.png" if often[name] == 1 else f"{name}.{n}.png") for n, name in enumerate(names)
        ]


def is_folder(name: str) -> bool:
    """Say whether an argument names a folder."""
    return not name.startswith((*URLS, STORED)) and Path(name).is_dir()


def file_at(name: str, pointer: str) -> Path:
    """Give the file that an argument names.

    Raises:
        InvalidSpec: there is none.
    """
    if not Path(name).is_file():
        raise InvalidSpec(FieldProblem(pointer, f"there is no file {name}"))
    return Path(name)


def many_of(pictures: Sequence[str], out: Path, kind: str, *, beside: Sequence[str]) -> Many:
    """Take folders for the pictures in them; `beside` are the flags that were given and are for one picture alone.

    Raises:
        InvalidSpec: there are no pictures, or something was asked for that is not done with many.
        SetupError: `out` is no folder.
    """
    if kind != "transfer":
        raise InvalidSpec(FieldProblem("/kind", "folders are painted as transfers: photographs in paintings"))
    if beside:
        raise InvalidSpec(FieldProblem("", f"{', '.join(beside)}: for one picture, not for folders"))
    if out.suffix.lower() in FORMATS or (out.exists() and not out.is_dir()):
        raise SetupError(f"There will be many pictures: --out has to be a folder, and {out} is none.")
    photos, *paintings = ([*_listed(name, pointer)] for name, pointer in zip(pictures, _pointers(), strict=False))
    if not paintings:
        raise InvalidSpec(FieldProblem("/styles", "name a painting, or a folder of them"))
    return Many(tuple(photos), tuple(name for several in paintings for name in several), out)


def _pointers() -> Iterator[str]:
    yield "/content"
    yield from (f"/styles/{n}/image" for n in count())


def _listed(name: str, pointer: str) -> Iterator[str]:
    """Give the pictures of a folder by their names, or the one that it is."""
    if not is_folder(name):
        yield name if name.startswith((*URLS, STORED)) else str(file_at(name, pointer))
        return
    seen = (file for file in Path(name).iterdir() if not file.name.startswith("."))
    found = sorted(file for file in seen if file.suffix.lower() in FORMATS)
    if not found:
        raise InvalidSpec(FieldProblem(pointer, f"there are no pictures in {name}"))
    yield from map(str, found)


def _stem(name: str) -> str:
    path = urlsplit(name).path if name.startswith(URLS) else name.removeprefix(STORED)
    return Path(path).stem[:STEM_MAX] or "picture"
