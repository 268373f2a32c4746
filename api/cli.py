"""Commands of the HTTP side: api, openapi, submit, demo. All but the first are thin, over the client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.client import Client
from service.errors import SetupError
from service.log import configure_logging
from service.settings import read_settings
from service.terminal import (
    MANAGE,
    PAINT,
    RUN,
    AsJson,
    DataFolder,
    Iterations,
    MoreOptions,
    Out,
    Painting,
    Photo,
    Preset,
    Seed,
    Size,
    StyleWeight,
    loss_text,
    output_format,
    paint_options,
    paint_progress,
    print_json,
)
from service.wiring import open_services

if TYPE_CHECKING:
    from api.wire import JobOut

Url = Annotated[str | None, typer.Option(envvar="IMPASTO_URL", help="Where the service is.")]
Key = Annotated[str | None, typer.Option(envvar="IMPASTO_KEY", help="Your API key.")]


def commands(app: typer.Typer) -> None:
    """Add api, openapi, submit and demo."""
    app.command(rich_help_panel=RUN)(api)
    app.command(rich_help_panel=PAINT)(submit)
    app.command(rich_help_panel=PAINT)(demo)
    app.command(rich_help_panel=MANAGE)(openapi)


def api() -> None:
    """Serve the HTTP API on IMPASTO_API_HOST and IMPASTO_API_PORT."""
    import uvicorn  # noqa: PLC0415 - no other command needs a server

    from api.app import create_app  # noqa: PLC0415

    settings = read_settings()
    configure_logging(settings)
    uvicorn.run(
        create_app(open_services(settings)),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def openapi() -> None:
    """Print the API's OpenAPI 3.1 description."""
    from api.app import create_app  # noqa: PLC0415 - as above

    with open_services(read_settings()) as services:
        typer.echo(json.dumps(create_app(services).openapi(), indent=2, ensure_ascii=False))


def submit(
    photo: Photo,
    painting: Painting,
    out: Out,
    preset: Preset = "standard",
    size: Size = None,
    iterations: Iterations = None,
    style_weight: StyleWeight = None,
    seed: Seed = None,
    option: MoreOptions = None,
    url: Url = None,
    key: Key = None,
    data: DataFolder = Path(".impasto"),
    as_json: AsJson = False,
) -> None:
    """Send a job to a running service, follow it, and save the picture.

    Without --url and --key it takes those of the stack that `impasto up` runs on --data.

    Example: impasto submit photo.jpg painting.jpg -o out.png --preset draft
    """
    options = paint_options(option or (), size=size, iterations=iterations, style_weight=style_weight, seed=seed)
    wish = {"preset": preset, "options": options, "output": {"format": output_format(out)}}
    if url is None or key is None:
        url, key = _running(data)
    with Client(url, key) as client:
        job = client.submit(photo.read_bytes(), painting.read_bytes(), wish)
        job = watch(client, job, quiet=as_json)
        out.write_bytes(client.download(job))
    if as_json:
        print_json({"picture": str(out), "job": job.model_dump(mode="json")})
    else:
        typer.echo(out)


def demo(
    data: DataFolder = Path(".impasto/demo"),
    preset: Preset = "standard",
    size: Size = None,
    iterations: Iterations = None,
) -> None:
    """Start a stack of its own, paint one real job with inputs made here, and leave the pictures.

    Example: impasto demo --preset draft
    """
    from api.demo.story import tell  # noqa: PLC0415 - draws with scikit-learn and matplotlib

    tell(data, preset=preset, options=paint_options((), size=size, iterations=iterations))


def watch(client: Client, job: JobOut, *, quiet: bool = False) -> JobOut:
    """Follow a job under a progress bar, until it is terminal."""
    with paint_progress(quiet=quiet) as progress:
        bar = progress.add_task("queued", total=1.0, loss="")
        for job in client.follow(job.id):  # noqa: B020 - each answer replaces the one before
            seen = job.progress or {}
            shown = {"loss": loss_text(seen["loss"])} if seen.get("loss") else {}
            progress.update(
                bar, description=seen.get("phase") or job.status, completed=seen.get("fraction", 0.0), **shown
            )
        progress.update(bar, description=job.status)
    return job


def _running(data: Path) -> tuple[str, str]:
    file = data / "stack.json"
    try:
        stack = json.loads(file.read_text())
    except FileNotFoundError:
        raise SetupError(
            f"No stack runs on {data}. Start one with `impasto up --data {data}`, or give --url and --key."
        ) from None
    return stack["url"], stack["key"]
