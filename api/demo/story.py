"""The demo's story: a stack of its own, one real job over HTTP, and what came of it, in pictures."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from PIL import Image
from rich.table import Table

from api.client import Client
from api.demo.canvas import paint_canvas
from api.demo.curve import LossPoint, loss_plot
from api.demo.photo import ATTRIBUTION, photograph
from api.demo.pigments import PALETTES
from api.terminal.watch import watch
from service.embedded.running import RunningStack, read_running
from service.errors import FieldProblem, InvalidSpec, StackError
from service.sheet import contact_sheet
from service.terminal import errors_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api.client import Job

CANVAS = (768, 576)
"""Width and height of the painting, in pixels."""
START_S = 120.0
"""A small machine under load starts a stack more slowly than this only if something is wrong."""


def tell(data: Path, *, preset: str, options: dict[str, Any], palette: str, seed: int) -> None:
    """Paint the demo's picture and leave it in `data/pictures`, with a contact sheet and the loss curve.

    The last line on stdout is the picture's path.

    Raises:
        InvalidSpec: there is no such palette.
        StackError: the stack did not start.
        JobFailed: the job ended without a picture.
    """
    if palette not in PALETTES:
        raise InvalidSpec(FieldProblem("/palette", f"choose from {', '.join(PALETTES)}"))
    say = errors_to()
    say.print("[bold cyan]1[/]  Making a photograph and a painting")
    content, style = photograph(), paint_canvas(seed, *CANVAS, PALETTES[palette])
    say.print("[bold cyan]2[/]  Starting Redis, S3, the API, a worker and the keeper on this machine")
    with stack(data) as running, Client(running.url, running.key) as client:
        say.print(f"[bold cyan]3[/]  Posting the job to {running.url}")
        wish = {"preset": preset, "options": options, "labels": {"made-by": "demo"}, "cache": False}
        points: list[LossPoint] = []
        job = client.submit({"/content": _png(content), "/styles/0/image": _png(style)}, wish)
        job = watch(client, job, seen=lambda job: _note(points, job))
        result = Image.open(BytesIO(client.download(job)))
    folder = _leave(data / "pictures", content, style, result, points)
    say.print(_summary(job, folder))
    typer.echo(folder / "result.png")


@contextmanager
def stack(data: Path) -> Iterator[RunningStack]:
    """Run `impasto up` as long as the story needs it; take the one that runs there already, if one does."""
    running = read_running(data)
    if running is not None:
        yield running
        return
    data.mkdir(parents=True, exist_ok=True)
    with (data / "up.log").open("w+") as log:
        command = [sys.executable, "-P", "-m", "service.cli", "up", "--data", str(data), "--port", "0"]
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
        try:
            yield _started(process, data)
        finally:
            process.terminate()
            process.wait()


def _started(process: subprocess.Popen[bytes], data: Path) -> RunningStack:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        running = read_running(data)
        if running is not None:
            return running
        if process.poll() is not None:
            raise StackError(f"It ended while it started:\n{(data / 'up.log').read_text()}")
        time.sleep(0.1)
    raise StackError(f"It was not ready within {START_S:.0f} s; see {data / 'logs'}.")


def _note(points: list[LossPoint], job: Job) -> None:
    """Keep a point of the loss curve for each iteration that was seen; a new attempt begins a new curve."""
    at = job.progress or {}
    if not at.get("loss") or "iteration" not in at:
        return
    point = LossPoint(at["iteration"], **at["loss"])
    while points and points[-1].iteration >= point.iteration:
        points.pop()
    points.append(point)


def _leave(
    folder: Path, content: Image.Image, style: Image.Image, result: Image.Image, points: list[LossPoint]
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "content": content,
        "style": style,
        "result": result,
        "sheet": _sheet(content, style, result),
        "loss": loss_plot(points),
    }
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    return folder


def _sheet(*pictures: Image.Image) -> Image.Image:
    labels = ("the photograph", "the painting", "the photograph, repainted")
    columns = [(label, np.asarray(picture.convert("RGB"))) for label, picture in zip(labels, pictures, strict=True)]
    return Image.fromarray(contact_sheet(columns, height=400))


def _summary(job: Job, folder: Path) -> Table:
    report = job.report or {}
    before, after = (report["loss"][when] for when in ("before", "after"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_row("painted in", f"{report['timings']['paint_s']:.1f} s on {report['device']}")
    for term in ("total", "content", "style"):
        facts.add_row(f"{term} loss", f"{before[term]:.4g} → {after[term]:.4g}")
    facts.add_row("side by side", str(folder / "sheet.png"))
    facts.add_row("loss curve", str(folder / "loss.png"))
    facts.add_row("photograph", ATTRIBUTION)
    return facts


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
