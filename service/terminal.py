"""What all commands share: where they write, how they end, how progress looks."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

from service.errors import FieldProblem, ImpastoError, InvalidSpec, SetupError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


PAINT, RUN, MANAGE = "Paint", "Run the service", "Manage"
"""The panels of `impasto --help`."""

AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
DataFolder = Annotated[Path, typer.Option("--data", help="The folder that holds everything a stack keeps.")]
DATA = Path(".impasto")
Photo = Annotated[Path, typer.Argument(help="The photograph.", exists=True, dir_okay=False)]
Painting = Annotated[Path, typer.Argument(help="The painting.", exists=True, dir_okay=False)]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where the picture goes: .png, .jpg or .webp.")]
Preset = Annotated[str, typer.Option(help="draft, standard or fine.")]
Size = Annotated[int | None, typer.Option(help="Longest side, in pixels.")]
Iterations = Annotated[int | None, typer.Option(help="How long to paint.")]
StyleWeight = Annotated[float | None, typer.Option(help="β: above 1 more of the painting, below 1 less.")]
Seed = Annotated[int | None, typer.Option(help="Of every random number.")]
MoreOptions = Annotated[
    list[str] | None,
    typer.Option("-O", "--option", metavar="NAME=VALUE", help="Any other option of the spec, its value as JSON."),
]

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


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


def output_format(out: Path) -> str:
    """Tell a picture's format by its file's name.

    Raises:
        InvalidSpec: it is none that we write.
        SetupError: there is no such folder.
    """
    if not out.absolute().parent.is_dir():
        raise SetupError(f"There is no folder {out.absolute().parent} to write {out.name} to.")
    try:
        return FORMATS[out.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise InvalidSpec(FieldProblem("/output/format", f"{out.name}: the name must end in {known}")) from None


def paint_wish(out: Path, preset: str, pairs: Iterable[str], **named: object) -> dict[str, Any]:
    """Collect what a command's flags say of a spec: preset, options, and the format that `out` is named for.

    Raises:
        InvalidSpec: a pair without `=`, or a name that no format has.
    """
    options = paint_options(pairs, **named)
    return {"preset": preset, "options": options, "output": {"format": output_format(out)}}


def paint_options(pairs: Iterable[str], **named: object) -> dict[str, Any]:
    """Collect a spec's `options` from flags that were given and from `name=value` pairs, values as JSON.

    Raises:
        InvalidSpec: a pair without `=`.
    """
    options: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InvalidSpec(FieldProblem("/options", f"{pair!r} is not of the form name=value"))
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text  # a bare word is a string
    return options
