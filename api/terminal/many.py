"""Folders against folders: a batch, followed with one line a job."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from api.client import ApiProblem
from service.errors import ImpastoError, SetupError
from service.named import STORED, URLS
from service.terminal import Exit, errors_to, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.client import BatchItem, Client, Job
    from service.named import Many
    from service.wish import Wish

AT_ONCE = 8
"""Jobs that are followed at the same time: a connection each."""
INTERRUPTED = 130
"""How a command ends by Ctrl-C."""


def paint_all(client: Client, wish: Wish, many: Many, *, as_json: bool) -> None:
    """Post every photograph in every painting as one batch, follow all jobs, and save each picture when it is there.

    Raises:
        Exit: a job ended without a picture; the others' pictures were saved.
        ApiProblem, Unreachable: as the client does, before the batch is posted.
    """
    contents = [_brought(client, name) for name in many.contents]
    styles = [_style(client, name) for name in many.styles]
    terms = {name: wish.spec[name] for name in ("preset", "options", "output")}
    many.folder.mkdir(parents=True, exist_ok=True)
    batch = client.submit_batch({"contents": contents, "styles": styles, **terms})
    try:
        if not as_json:
            errors_to().print(f"[dim]batch {batch.id}, {batch.total} jobs")
        ended = _all_followed(client, list(client.batch_items(batch.id)), many.places(), as_json=as_json)
    except KeyboardInterrupt:
        errors_to().print("[yellow]The jobs go on without you; `impasto jobs list` shows them.[/]")
        os._exit(INTERRUPTED)  # Python would wait for the threads, and they for jobs that may be hours from their end
    if as_json:
        print_json({"batch": batch.id, "jobs": [one.as_json() for one in ended]})
    failed = sum(one.place is None for one in ended)
    if failed:
        errors_to().print(f"[bold red]{failed} of {len(ended)} jobs ended without a picture.[/]")
        raise typer.Exit(Exit.FAILED)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one job: as it stood last, and where its picture is."""

    item: BatchItem
    job: Job | None
    place: Path | None

    def as_json(self) -> dict[str, Any]:
        """Write it for a program."""
        job = None if self.job is None else self.job.model_dump(mode="json")
        return {"id": self.item.job_id, "picture": None if self.place is None else str(self.place), "job": job}


def _all_followed(client: Client, items: Sequence[BatchItem], places: Sequence[Path], *, as_json: bool) -> list[Ended]:
    """Follow all jobs, some at a time, each with a line as long as it is open; print the pictures' places in order."""
    threads = ThreadPoolExecutor(AT_ONCE)
    try:
        with _lines(quiet=as_json) as progress:
            follow = partial(_followed, client, progress=progress)
            ended = []
            for one in threads.map(lambda item: follow(item, places[item.number]), items):
                ended.append(one)
                if one.place is not None and not as_json:
                    typer.echo(one.place)
            return ended
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _followed(client: Client, item: BatchItem, place: Path, *, progress: Progress) -> Ended:
    """Follow one job to its end, and save its picture; whatever goes wrong with it is its own."""
    line, job = progress.add_task(escape(place.name), total=1.0, said=""), item.job
    try:
        for latest in client.follow(item.job_id):
            job, at = latest, latest.progress or {}
            progress.update(line, completed=1.0 if job.terminal else at.get("fraction", 0.0), said=str(job.status))
        assert job is not None, "following gives the job at least once"
        client.save(job, place)
    except (ImpastoError, OSError) as error:
        why = job.error.title if job is not None and job.error else str(error)
        progress.console.print(f"[red]{escape(place.name)}[/]: {escape(why)}")
        return Ended(item, job, None)
    finally:
        progress.remove_task(line)
    return Ended(item, job, place)


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
    if name.startswith(URLS):
        return {"url": name}
    try:
        return {"upload_id": client.uploads.create(Path(name).read_bytes()).id}
    except ApiProblem as problem:
        raise SetupError(f"{name}: {problem}") from problem


def _style(client: Client, name: str) -> dict[str, Any]:
    return {"style_id": name.removeprefix(STORED)} if name.startswith(STORED) else {"image": _brought(client, name)}
