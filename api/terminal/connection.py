"""Where commands find the service: by flags, by the environment, or by the stack that `impasto up` runs."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from api.client import Client, Patience
from service.embedded.running import read_running
from service.errors import ImpastoError, SetupError
from service.terminal import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Url = Annotated[str | None, typer.Option(envvar="IMPASTO_URL", help="Where the service is.")]
Key = Annotated[str | None, typer.Option(envvar="IMPASTO_KEY", help="Your API key.")]

PATIENCE_S = 10.0
"""Who stands before a terminal learns soon that an address is wrong."""
SUGGESTED = 20
"""Ids that completion suggests."""


def connected(url: str | None, key: str | None, data: Path) -> Client:
    """Open a client of the address that was given, else of the stack that runs on `data`.

    Raises:
        SetupError: neither is there.
    """
    return Client(*address(url, key, data), patience=Patience(deadline_s=PATIENCE_S))


def address(url: str | None, key: str | None, data: Path) -> tuple[str, str]:
    """Give the service's address and a key, as `connected` does."""
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


def job_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Suggest the newest jobs to a shell that completes a word."""

    def newest(client: Client) -> list[tuple[str, str]]:
        return [(job.id, f"{job.kind}, {job.status}") for job in client.page(limit=SUGGESTED).items]

    return _suggested(context, incomplete, newest)


def style_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Suggest the newest styles that the service keeps."""

    def newest(client: Client) -> list[tuple[str, str]]:
        return [(style.id, style.name) for style in islice(client.styles.list(), SUGGESTED)]

    return _suggested(context, incomplete, newest)


def _suggested(
    context: typer.Context, incomplete: str, found: Callable[[Client], list[tuple[str, str]]]
) -> list[tuple[str, str]]:
    """Look for ids that begin so; where no service answers at once, there is nothing to suggest."""
    given = context.params
    try:
        url, key = address(given.get("url"), given.get("key"), given.get("data") or DATA)
        with Client(url, key, timeout_s=1.0, patience=Patience(deadline_s=0.0)) as client:
            return [(name, what) for name, what in found(client) if name.startswith(incomplete)]
    except ImpastoError:
        return []
