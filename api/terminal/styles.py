"""`impasto styles`: paintings that the service keeps under a name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.terminal.connection import Key, Url, connected, style_ids
from service.terminal import DATA, AsJson, DataFolder, id_column, listing, print_json

StyleId = Annotated[str, typer.Argument(help="The id that `impasto styles list` shows.", autocompletion=style_ids)]


def styles() -> typer.Typer:
    """Give the commands."""
    app = typer.Typer(
        help="Keep paintings under a name; `impasto submit photo.jpg style:ID` paints in one.", no_args_is_help=True
    )
    app.command("list")(_list)
    app.command("keep")(_keep)
    app.command("show")(_show)
    app.command("delete")(_delete)
    return app


def _list(url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """List the paintings that are kept, newest first."""
    with connected(url, key, data) as client:
        found = list(client.styles.list())
    if as_json:
        print_json([style.model_dump(mode="json") for style in found])
        return
    table = Table(id_column(), "name", "size", "kept", "labels", box=None, header_style="bold")
    for style in found:
        labels = " ".join(f"{name}={value}" for name, value in style.labels.items())
        size = f"{style.width} × {style.height}"
        table.add_row(style.id, escape(style.name), size, f"{style.created_at.astimezone():%Y-%m-%d}", escape(labels))
    listing().print(table if found else "[dim]None is kept.")


def _keep(
    painting: Annotated[str, typer.Argument(help="A file, or a URL that the service fetches.")],
    name: Annotated[str | None, typer.Option(help="What you call it; unless said, what the file is called.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Your own words about it.")] = None,
    url: Url = None,
    key: Key = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Keep a painting, to be looked at once and used in any number of jobs.

    Example: impasto styles keep starry-night.jpg --name "Starry Night"
    """
    by_url = painting.startswith(("https://", "http://"))
    image = {"url": painting} if by_url else Path(painting).read_bytes()
    labels = dict(pair.partition("=")[::2] for pair in label or ())
    with connected(url, key, data) as client:
        style = client.styles.create(name or Path(painting).stem, image, labels=labels)
    if as_json:
        print_json(style.model_dump(mode="json"))
    else:
        typer.echo(style.id)


def _show(
    style_id: StyleId, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False
) -> None:
    """Show what is known of a painting."""
    with connected(url, key, data) as client:
        style = client.styles.get(style_id)
    if as_json:
        print_json(style.model_dump(mode="json"))
        return
    table = Table(box=None, show_header=False)
    facts = {"id": style.id, "name": style.name, "size": f"{style.width} × {style.height}", "type": style.content_type}
    for fact, value in (facts | {f"label {name}": value for name, value in style.labels.items()}).items():
        table.add_row(f"[bold]{escape(fact)}", escape(value))
    Console().print(table)


def _delete(
    style_id: StyleId, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False
) -> None:
    """Delete a painting. Jobs that use it are painted all the same."""
    with connected(url, key, data) as client:
        client.styles.delete(style_id)
    if as_json:
        print_json({"deleted": [style_id]})
    else:
        typer.echo(f"{style_id}  deleted")
