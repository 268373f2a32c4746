"""What all commands share: where they write, how they end, how progress looks."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from service.errors import ImpastoError, InvalidSpec, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping


PAINT, RUN, MANAGE = "Paint", "Run the service", "Manage"
"""The panels of `impasto --help`."""

AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
DataFolder = Annotated[Path, typer.Option("--data", help="The folder that holds everything a stack keeps.")]
DATA = Path(".impasto")


PIPED = 200
"""Columns of a table that nobody's terminal shows."""


class Exit(IntEnum):
    """How a command ends. 2 is the argument parser's own, 130 follows Ctrl-C."""

    OK = 0
    FAILED = 1
    UNAVAILABLE = 3


def errors_to() -> Console:
    """Give the console for everything but results: stderr, so that results can be piped."""
    return Console(stderr=True, highlight=False)


def show_error(error: ImpastoError) -> Exit:
    """Print an error as a sentence, its fields below it, and return how to end."""
    console = errors_to()
    console.print(f"[bold red]{escape(error.title)}.[/]")
    if isinstance(error, InvalidSpec):
        for field in error.problems:
            console.print(f"  [bold]{escape(field.pointer or '/')}[/]  {escape(field.detail)}", soft_wrap=True)
    elif str(error) and str(error).rstrip(".") != error.title:
        console.print(str(error), markup=False, soft_wrap=True)
    return Exit.UNAVAILABLE if isinstance(error, Unavailable) else Exit.FAILED


def id_column() -> Column:
    """Make a table's column of ids: never cut, for they are to be copied."""
    return Column("id", no_wrap=True, min_width=36)


def listing() -> Console:
    """Give the console for tables of results: as wide as they need where they are piped."""
    return Console(width=None if sys.stdout.isatty() else PIPED)


def print_json(value: object) -> None:
    """Write one JSON document to stdout, plain where it is piped."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def paint_progress(*, quiet: bool = False) -> Progress:
    """Make the bar of a painting: share done, time, and the loss in the field `loss`."""
    return Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("[dim]{task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("[dim]left"),
        TimeRemainingColumn(),
        console=errors_to(),
        disable=quiet,
    )


def loss_text(loss: Mapping[str, float] | None) -> str:
    """Write the objective in one short phrase."""
    if not loss:
        return ""
    return f"loss {loss['total']:.4g} (content {loss['content']:.3g}, style {loss['style']:.3g})"
