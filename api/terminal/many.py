"""Folders against folders: a batch, followed with one line a job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from service.errors import ImpastoError
from service.terminal import Exit, errors_to, print_json
from service.wish import STORED

if TYPE_CHECKING:
    from pathlib import Path

    from api.client import BatchItem, Client, Job
    from service.wish import Many, Wish

AT_ONCE = 8
"""Jobs that are followed at the same time: a connection each."""


def paint_all(client: Client, wish: Wish, many: Many, *, as_json: bool) -> None:
    """Post every photograph in every painting as one batch, follow all jobs, and save each picture when it is there.

    Raises:
        Exit: a job ended without a picture; the others' pictures were saved.
        ApiProblem, Unreachable: as the client does.
    """
    contents = [_brought(client, name) for name in many.contents]
    styles = [_style(client, name) for name in many.styles]
    terms = {name: wish.spec[name] for name in ("preset", "options", "output")}
    batch = client.submit_batch({"contents": contents, "styles": styles, **terms})
    if not as_json:
        errors_to().print(f"[dim]batch {batch.id}, {batch.total} jobs")
    items = list(client.batch_items(batch.id))
    with _lines(quiet=as_json) as progress, ThreadPoolExecutor(AT_ONCE) as threads:
        ended = list(threads.map(lambda item: _followed(client, item, many, progress), items))
    failed = [job for job, place in ended if place is None]
    if as_json:
        files = [
            {"picture": None if place is None else str(place), "job": job.model_dump(mode="json")}
            for job, place in ended
        ]
        print_json({"batch": batch.id, "jobs": files})
    else:
        for _, place in ended:
            if place is not None:
                typer.echo(place)
    if failed:
        errors_to().print(f"[bold red]{len(failed)} of {len(ended)} jobs ended without a picture.[/]")
        raise typer.Exit(Exit.FAILED)


def _followed(client: Client, item: BatchItem, many: Many, progress: Progress) -> tuple[Job, Path | None]:
    """Follow one job to its end, and save its picture; say where it is, None of a job that has none."""
    place = many.place(item.number)
    line = progress.add_task(place.name, total=1.0, said="queued")
    job = item.job or client.get(item.job_id)
    for latest in client.follow(job.id):
        job, at = latest, latest.progress or {}
        progress.update(line, completed=1.0 if job.terminal else at.get("fraction", 0.0), said=str(job.status))
    try:
        client.save(job, place)
    except ImpastoError as error:
        progress.update(line, said=f"[red]{job.error.title if job.error else error}")
        return job, None
    return job, place


def _lines(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("[dim]{task.fields[said]}"),
        console=errors_to(),
        disable=quiet,
    )


def _brought(client: Client, name: str) -> dict[str, Any]:
    """Name an image for a spec: a URL as it is, and a file as the upload that it becomes."""
    if name.startswith(("https://", "http://")):
        return {"url": name}
    with open(name, "rb") as file:  # noqa: PTH123 - a name from the command line
        return {"upload_id": client.uploads.create(file.read()).id}


def _style(client: Client, name: str) -> dict[str, Any]:
    return {"style_id": name.removeprefix(STORED)} if name.startswith(STORED) else {"image": _brought(client, name)}
