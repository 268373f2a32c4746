"""`impasto submit`: one job, or every photograph of a folder in every painting of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.client import Client
from api.terminal.connection import Key, Url, connected
from api.terminal.many import paint_all
from api.terminal.pictures import Graphics, graphics_of
from api.terminal.watch import show, watch
from service.terminal import DATA, AsJson, DataFolder, errors_to, print_json
from service.wish import Wish, with_wish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from api.client import Job

Preview = Annotated[
    Graphics | None,
    typer.Option(help="Show pictures on the terminal; what it understands is found out unless it is named."),
]


@with_wish
def submit(
    wish: Wish,
    url: Url = None,
    key: Key = None,
    data: DataFolder = DATA,
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Send a job to a running service, follow it, and save the picture.

    Without --url and --key it takes those of the stack that `impasto up` runs on --data. An image may be a URL, which
    the service fetches, and a painting `style:ID`, which the service keeps. Folders stand for all pictures in them:
    then each photograph is painted in each painting, and --out is a folder.

    Example: impasto submit photo.jpg painting.jpg -o out.png --preset draft
    """
    with connected(url, key, data) as client:
        if wish.many is not None:
            paint_all(client, wish, wish.many, as_json=as_json)
            return
        graphics = Graphics.NONE if as_json else preview or graphics_of(errors_to().file)
        job = client.submit({pointer: file.read_bytes() for pointer, file in wish.images.items()}, wish.spec)
        if not as_json:
            errors_to().print(f"[dim]job {job.id}")
        job = watch(client, job, quiet=as_json, graphics=graphics)
        files = saved(client, job, wish.place)
    if as_json:
        places = {name: str(place) for name, place in files.items()}
        print_json({"picture": str(wish.out), "files": places, "job": job.model_dump(mode="json")})
        return
    if wish.out.suffix.lower() not in {".tif", ".tiff"}:
        show(wish.out.read_bytes(), graphics)
    for place in files.values():
        typer.echo(place)


def saved(client: Client, job: Job, place: Callable[[str], Path]) -> dict[str, Path]:
    """Save all files of a job where `place` says; there is at least a result, or the job has failed."""
    files = {name: place(name) for name in dict.fromkeys(["result", *(file.name for file in job.outputs)])}
    for name, where in files.items():
        client.save(job, where, name)
    return files
