"""`impasto jobs`: what was posted, from any shell."""

from __future__ import annotations

import webbrowser
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.client import JobFailed
from api.terminal.connection import Key, Url, address, connected, job_ids
from api.terminal.pictures import Graphics, graphics_of
from api.terminal.submit import saved
from api.terminal.watch import show as show_picture
from api.terminal.watch import watch
from service.job import JobState
from service.terminal import DATA, AsJson, DataFolder, errors_to, id_column, listing, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from api.client import Client, Job

JobId = Annotated[str, typer.Argument(help="The id that `impasto jobs list` shows.", autocompletion=job_ids)]
JobIds = Annotated[list[str], typer.Argument(help="Ids that `impasto jobs list` shows.", autocompletion=job_ids)]

COLOURS = {
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.EXPIRED: "red",
    JobState.CANCELED: "yellow",
    JobState.RUNNING: "cyan",
}


def jobs() -> typer.Typer:
    """Give the commands."""
    app = typer.Typer(
        help="List, show, follow, cancel, retry and delete jobs of a running service.", no_args_is_help=True
    )
    app.command("list")(_list)
    app.command("show")(_show)
    app.command("follow")(_follow)
    app.command("cancel")(_cancel)
    app.command("retry")(_retry)
    app.command("delete")(_delete)
    app.command("open")(_open)
    return app


def _list(
    status: Annotated[JobState | None, typer.Option(help="Only jobs that are in this state.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only jobs with this label.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    url: Url = None,
    key: Key = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first.

    Example: impasto jobs list --status failed --label order=7
    """
    labels = dict(pair.partition("=")[::2] for pair in label or ())
    with connected(url, key, data) as client:
        every = client.jobs(status=None if status is None else status.value, labels=labels)
        found = list(islice(every, limit))
    if as_json:
        print_json([job.model_dump(mode="json") for job in found])
        return
    table = Table(id_column(), "state", "kind", "painted as", "posted", "took", "labels", box=None, header_style="bold")
    for job in found:
        table.add_row(
            job.id,
            _state(job),
            job.kind,
            f"{job.spec.get('preset')}, {job.spec['options'].get('size')} px",
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M}",
            _took(job),
            escape(" ".join(f"{name}={value}" for name, value in job.labels.items())),
        )
    listing().print(table if found else "[dim]There is none.")


def _show(job_id: JobId, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Show a job: how it stands, what it was painted with, what came of it.

    Example: impasto jobs show 01a20a26-da2c-76f0-9d32-7a96ac7e8880
    """
    with connected(url, key, data) as client:
        job = client.get(job_id)
    if as_json:
        print_json(job.model_dump(mode="json"))
        return
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _facts(job):
        table.add_row(name, value)
    Console().print(table)


def _follow(
    job_id: JobId,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Where the picture goes, when it is there.")] = None,
    url: Url = None,
    key: Key = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Follow a job to its end, as submit does, and save its picture if you say where.

    Example: impasto jobs follow 01a20a26-da2c-76f0-9d32-7a96ac7e8880 -o out.png
    """
    graphics = Graphics.NONE if as_json else graphics_of(errors_to().file)
    with connected(url, key, data) as client:
        job = watch(client, client.get(job_id), quiet=as_json, graphics=graphics)
        files = {} if out is None else saved(client, job, _beside(out))
        if not as_json and out is None and any(file.name == "result" for file in job.outputs):
            show_picture(client.download(job), graphics)
    if as_json:
        print_json({"files": {name: str(place) for name, place in files.items()}, "job": job.model_dump(mode="json")})
        return
    for place in files.values():
        typer.echo(place)
    if out is None:
        Console().print(f"{job.id}  {_state(job)}")
    if job.error is not None:
        raise JobFailed(job)


def _cancel(job_id: JobIds, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Stop jobs: at once, or within their next steps."""
    _each(job_id, lambda client, one: client.cancel(one), url, key, data, as_json=as_json)


def _retry(job_id: JobIds, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Post jobs again with their pictures, as new ones; `jobs follow` shows how they get on."""
    _each(job_id, lambda client, one: client.retry(one), url, key, data, as_json=as_json)


def _delete(
    job_id: JobIds,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    url: Url = None,
    key: Key = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Delete jobs with their pictures. That can't be undone."""
    if not yes:
        typer.confirm(f"Delete {len(job_id)} job{'s' * (len(job_id) > 1)} with all pictures?", abort=True, err=True)
    gone = list[str]()
    try:
        with connected(url, key, data) as client:
            for one in job_id:
                client.delete(one)
                gone.append(one)
                if not as_json:
                    typer.echo(f"{one}  deleted")
    finally:
        if as_json:
            print_json({"deleted": gone})


def _open(
    job_id: JobId,
    url: Url = None,
    key: Key = None,
    data: DataFolder = DATA,
    print_only: Annotated[bool, typer.Option("--print", help="Only print the address.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open a job in the studio, in your browser. It asks for the key once."""
    where, own = address(url, key, data)
    with connected(where, own, data) as client:
        page = f"{where.rstrip('/')}/#/jobs/{client.get(job_id).id}"
    if as_json:
        print_json({"page": page})
    else:
        typer.echo(page)
    if not print_only and not webbrowser.open(page):
        errors_to().print("[yellow]There is no browser here; open the address yourself.[/]")


def _each(
    ids: list[str],
    deed: Callable[[Client, str], Job],
    url: str | None,
    key: str | None,
    data: Path,
    *,
    as_json: bool,
) -> None:
    done: list[Job] = []
    try:
        with connected(url, key, data) as client:
            for one in ids:
                done.append(deed(client, one))
                if not as_json:
                    Console().print(f"{done[-1].id}  {_state(done[-1])}")
    finally:
        if as_json:
            print_json([job.model_dump(mode="json") for job in done])


def _beside(out: Path) -> Callable[[str], Path]:
    def place(name: str) -> Path:
        part = name.removeprefix("result").removeprefix(".")
        suffix = {"timelapse": ".mp4", "gram.npz": ""}.get(name, out.suffix)
        return out.with_name(f"{out.stem}.{part}{suffix}") if part else out

    return place


def _state(job: Job) -> str:
    colour = COLOURS.get(job.status, "default") if isinstance(job.status, JobState) else "default"
    done = f" {100 * (job.progress or {}).get('fraction', 0):.0f} %" if job.status is JobState.RUNNING else ""
    return f"[{colour}]{job.status}{done}[/]"


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f"{(job.finished_at - job.started_at).total_seconds():.1f} s"


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    yield "id", job.id
    yield "state", f"{_state(job)}, attempt {job.attempt} of {job.attempts_max}"
    if job.queue is not None:
        yield "queue", f"position {job.queue.position}" + _starts(job.queue.estimated_start_s)
    if job.error is not None:
        yield "error", f"[red]{escape(job.error.title)}[/]: {escape(job.error.detail)}"
    options: dict[str, Any] = job.spec["options"]
    styles = len(job.spec.get("styles", ()))
    yield "what", f"{job.kind}, {styles} painting{'s' * (styles != 1)}"
    yield "how", f"{job.spec.get('preset')}, {options.get('size')} px, {options.get('iterations')} iterations a scale"
    yield "weights", f"content {options.get('content_weight')}, style {options.get('style_weight')}"
    yield "posted", f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    if _took(job):
        yield "took", _took(job)
    for name, value in job.labels.items():
        yield "label", escape(f"{name}={value}")
    if loss := (job.report or {}).get("loss"):
        before, after = loss["before"], loss["after"]
        for name in ("total", "content", "style"):
            yield f"{name} loss", f"{before[name]:.4g} → {after[name]:.4g}"
    for file in job.outputs:
        size = f", {file.width} × {file.height}" if file.width else ""
        yield escape(file.name), f"{file.content_type}{size}, {file.bytes / 1000:.0f} kB"


def _starts(seconds: float | None) -> str:
    return "" if seconds is None else f", starts in about {seconds:.0f} s"
