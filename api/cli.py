"""Commands of the HTTP side: api, openapi, submit, demo. All but the first are thin, over the client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from api.client import Client, Patience
from api.watch import watch
from service.embedded.running import read_running
from service.errors import SetupError
from service.log import configure_logging
from service.settings import read_settings
from service.terminal import DATA, MANAGE, PAINT, RUN, AsJson, DataFolder, errors_to, print_json
from service.wiring import open_services
from service.wish import Iterations, Preset, Size, Wish, paint_options, with_wish

if TYPE_CHECKING:
    from pathlib import Path

Url = Annotated[str | None, typer.Option(envvar="IMPASTO_URL", help="Where the service is.")]
Key = Annotated[str | None, typer.Option(envvar="IMPASTO_KEY", help="Your API key.")]

PATIENCE_S = 10.0
"""Who stands before a terminal learns soon that an address is wrong."""


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
    from api.connections import allow_connections  # noqa: PLC0415
    from api.server import server_options  # noqa: PLC0415

    settings = read_settings()
    configure_logging(settings)
    allow_connections()
    uvicorn.run(
        create_app(open_services(settings)),
        host=settings.api_host,
        port=settings.api_port,
        **server_options(settings),
    )


def openapi() -> None:
    """Print the API's OpenAPI 3.1 description."""
    from api.app import create_app  # noqa: PLC0415 - as above

    with open_services(read_settings()) as services:
        typer.echo(json.dumps(create_app(services).openapi(), indent=2, ensure_ascii=False))


@with_wish
def submit(wish: Wish, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Send a job to a running service, follow it, and save the picture.

    Without --url and --key it takes those of the stack that `impasto up` runs on --data. An image may be a URL, which
    the service fetches, and a painting `style:ID`, which the service keeps.

    Example: impasto submit photo.jpg painting.jpg -o out.png --preset draft
    """
    url, key = _service(url, key, data)
    with Client(url, key, patience=Patience(deadline_s=PATIENCE_S)) as client:
        job = client.submit({pointer: file.read_bytes() for pointer, file in wish.images.items()}, wish.spec)
        if not as_json:
            errors_to().print(f"[dim]job {job.id}")
        job = watch(client, job, quiet=as_json)
        made = {name: wish.place(name) for name in dict.fromkeys(["result", *(file.name for file in job.outputs)])}
        for name, place in made.items():
            client.save(job, place, name)
    if as_json:
        files = {name: str(place) for name, place in made.items()}
        print_json({"picture": str(wish.out), "files": files, "job": job.model_dump(mode="json")})
    else:
        for place in made.values():
            typer.echo(place)


def demo(
    data: DataFolder = DATA / "demo",
    preset: Preset = "standard",
    size: Size = None,
    iterations: Iterations = None,
    palette: Annotated[str, typer.Option(help="Of that painting: dusk, harvest or tide.")] = "dusk",
    canvas: Annotated[int, typer.Option(min=0, help="Seed of the painting that is made.")] = 1,
) -> None:
    """Start a stack of its own, paint one real job with inputs made here, and leave the pictures.

    Example: impasto demo --preset draft
    """
    from api.demo.story import tell  # noqa: PLC0415 - draws with scikit-learn and matplotlib

    options = paint_options((), size=size, iterations=iterations)
    tell(data, preset=preset, options=options, palette=palette, seed=canvas)


def _service(url: str | None, key: str | None, data: Path) -> tuple[str, str]:
    """Say where to send a job: to the address that was given, else to the stack that runs on `data`."""
    if url is not None and key is not None:
        return url, key
    if url is not None or key is not None:
        raise SetupError("An address needs its key, and a key its address: give both --url and --key, or neither.")
    stack = read_running(data)
    if stack is None:
        raise SetupError(
            f"No stack runs on {data}. Start one with `impasto up --data {data}`, or give --url and --key."
        )
    return stack.url, stack.key
