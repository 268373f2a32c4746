"""Commands of the worker's side: worker, render, measure, weights. Torch is imported where a command needs it."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from service.delivery import File, files, film_of
from service.errors import FieldProblem, InvalidSpec
from service.log import configure_logging
from service.plan import check_masks, check_sizes, with_fitting_pyramid
from service.report import losses_report
from service.resolve import resolve
from service.settings import read_settings
from service.spec import RenderSpec, parse_spec, place_image
from service.terminal import MANAGE, PAINT, RUN, AsJson, loss_text, paint_progress, print_json
from service.wish import Wish, with_wish
from workers.files import read_picture
from workers.measure_cli import measure
from workers.painter.weights import require
from workers.weights_cli import weights_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.painting import Images, Painting
    from service.timelapse import Film


LARGEST = 4 * 8192
"""Pixels of the longest side that anything may have by the spec alone: a style at its largest scale."""


def commands(app: typer.Typer) -> None:
    """Add worker, render, measure and weights."""
    app.command(rich_help_panel=RUN)(worker)
    app.command(rich_help_panel=PAINT)(render)
    app.command(rich_help_panel=PAINT)(measure)
    app.add_typer(weights_app(), name="weights", rich_help_panel=MANAGE)


def worker() -> None:
    """Paint jobs: one process that holds a device. SIGTERM hands the running job over to another."""
    # Until Celery listens: a container's first process would ignore it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from workers.app import run_worker  # noqa: PLC0415 - Celery is not needed to render a picture
    from workers.condition import Condition  # noqa: PLC0415

    require("vgg16")
    settings = read_settings()
    configure_logging(settings)
    raise typer.Exit(run_worker(settings, Condition()))


@with_wish
def render(wish: Wish, as_json: AsJson = False) -> None:
    """Paint right here, in this process: no servers.

    Example: impasto render photo.jpg painting.jpg -o out.png --preset draft
    """
    if wish.elsewhere:
        why = "give a file: only `impasto submit` takes URLs and stored styles"
        raise InvalidSpec(*(FieldProblem(pointer, why) for pointer in wish.elsewhere))
    if wish.many is not None:
        raise InvalidSpec(FieldProblem("/content", "give one picture each: only `impasto submit` takes folders"))
    images = {pointer: read_picture(file) for pointer, file in wish.images.items()}
    for pointer in images:
        place_image(wish.spec, pointer, {"upload_id": "0"})  # the pictures are in our hands already
    posted = parse_spec(wish.spec)
    spec = with_fitting_pyramid(posted, resolve(posted), images)
    check_sizes(spec, images, size_max=LARGEST)  # whoever paints at home knows the memory there is
    check_masks(images)
    film = film_of(spec)
    painted = _paint(spec, images, film, quiet=as_json)
    made = {file.name: wish.place(file.name) for file in _written(painted, spec, film, wish)}
    if as_json:
        report = {**losses_report(painted), "iterations": painted.iterations}
        files = {name: str(place) for name, place in made.items()}
        print_json({"picture": str(wish.out), "files": files, "spec": spec.model_dump(mode="json"), "report": report})
    else:
        for place in made.values():
            typer.echo(place)


def _written(painted: Painting, spec: RenderSpec, film: Film | None, wish: Wish) -> Iterator[File]:
    for file in files(painted, spec.output, film):
        wish.place(file.name).write_bytes(file.data)
        yield file


def _paint(spec: RenderSpec, images: Images, film: Film | None, *, quiet: bool) -> Painting:
    from workers.painter.device import configure  # noqa: PLC0415 - torch takes seconds to import
    from workers.painter.paint import paint  # noqa: PLC0415

    settings = read_settings()
    configure(settings.torch_threads, settings.paint_memory_bytes, settings.precision)
    steps = paint(spec, images)
    with paint_progress(quiet=quiet) as progress:
        bar = progress.add_task("painting", total=None, loss="")
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                painted: Painting = end.value
                return painted
            if film is not None:
                film.watch(step)
            progress.update(bar, completed=step.iteration, total=step.of)
            if step.losses:
                progress.update(bar, loss=loss_text(asdict(step.losses)))
