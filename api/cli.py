"""Commands of the HTTP side: api, openapi, demo, and those that talk to a running service."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from typing import Annotated

import typer

from api.terminal.estimate import estimate
from api.terminal.jobs import jobs
from api.terminal.styles import styles
from api.terminal.submit import submit
from service.log import configure_logging
from service.settings import read_settings
from service.terminal import DATA, MANAGE, PAINT, RUN, DataFolder
from service.wiring import open_services
from service.wish import Iterations, Preset, Size, paint_options

STARTUP_FAILED = 3
"""Exit code of a server that could not begin, as uvicorn has it."""


def commands(app: typer.Typer) -> None:
    """Add api, openapi, submit, estimate, demo, jobs and styles."""
    app.command(rich_help_panel=RUN)(api)
    app.command(rich_help_panel=PAINT)(submit)
    app.command(rich_help_panel=PAINT)(estimate)
    app.command(rich_help_panel=PAINT)(demo)
    app.add_typer(jobs(), name="jobs", rich_help_panel=PAINT)
    app.add_typer(styles(), name="styles", rich_help_panel=PAINT)
    app.command(rich_help_panel=MANAGE)(openapi)


def api() -> None:
    """Serve the HTTP API on IMPASTO_API_HOST and IMPASTO_API_PORT."""
    from api.app import create_app  # noqa: PLC0415 - no other command needs a server
    from api.connections import allow_connections  # noqa: PLC0415
    from api.server import Server  # noqa: PLC0415

    settings = read_settings()
    configure_logging(settings)
    allow_connections()
    # A container's first process would ignore it until the server listens; and having ended well, it gets it back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = Server(create_app(open_services(settings)), settings)
    with suppress(KeyboardInterrupt):
        server.run()
    raise typer.Exit(0 if server.started else STARTUP_FAILED)


def openapi() -> None:
    """Print the API's OpenAPI 3.1 description."""
    from api.app import create_app  # noqa: PLC0415 - as above

    with open_services(read_settings()) as services:
        typer.echo(json.dumps(create_app(services).openapi(), indent=2, ensure_ascii=False))


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
