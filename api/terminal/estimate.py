"""`impasto estimate`: what a job would take, without posting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from api.terminal.connection import Key, Url, connected
from service.errors import FieldProblem, InvalidSpec
from service.terminal import DATA, AsJson, DataFolder, print_json
from service.wish import Wish, with_wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.wire.estimate import EstimateOut


@with_wish
def estimate(wish: Wish, url: Url = None, key: Key = None, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Say what a job would take here: seconds, memory, and its place in the queue. The arguments are submit's.

    Example: impasto estimate photo.jpg painting.jpg -o out.png --preset fine
    """
    if wish.many is not None:
        raise InvalidSpec(FieldProblem("/content", "estimate one job: a photograph and its paintings, no folders"))
    with connected(url, key, data) as client:
        found = client.estimate({pointer: file.read_bytes() for pointer, file in wish.images.items()}, wish.spec)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    for name, value in _facts(found):
        table.add_row(name, value)
    Console().print(table)


def _facts(found: EstimateOut) -> Iterator[tuple[str, str]]:
    yield "picture", f"{found.size.width} × {found.size.height}, by way of {', '.join(map(str, found.scales))} px"
    yield "iterations", f"{found.iterations}"
    yield "time", "not known yet: no job was finished here" if found.seconds is None else f"about {found.seconds:.0f} s"
    yield "memory", f"{found.memory_bytes / 1e9:.1f} GB, {found.way}{f' of {found.tile} px' if found.tile else ''}"
    yield "queue", f"position {found.queue.position}"
    for device in found.devices:
        yield "device", f"{device.name}{'' if device.fits else ': too small'}"
