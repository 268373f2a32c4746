"""Commands of the worker's side: worker, render, weights. Torch is imported where a command needs it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from service.errors import InvalidImage
from service.ingest import ImageLimits, ingest
from service.job import Input
from service.log import configure_logging
from service.painting import Images
from service.pictures import encode_result
from service.plan import check_sizes
from service.settings import read_settings
from service.spec import RenderSpec, parse_spec
from service.terminal import (
    MANAGE,
    PAINT,
    RUN,
    AsJson,
    Iterations,
    MoreOptions,
    Out,
    Painting,
    Photo,
    Preset,
    Seed,
    Size,
    StyleWeight,
    loss_text,
    paint_progress,
    paint_wish,
    print_json,
)
from workers.painter.weights import require
from workers.weights_cli import weights_app

if TYPE_CHECKING:
    from pathlib import Path

    from service.painting import Painting as Painted
    from service.painting import Pixels


def commands(app: typer.Typer) -> None:
    """Add worker, render and weights."""
    app.command(rich_help_panel=RUN)(worker)
    app.command(rich_help_panel=PAINT)(render)
    app.add_typer(weights_app(), name="weights", rich_help_panel=MANAGE)


def worker() -> None:
    """Paint jobs: one process that holds a device. SIGTERM lets the running job end first."""
    from workers.app import run_worker  # noqa: PLC0415 - Celery is not needed to render a picture

    require("vgg16")
    settings = read_settings()
    configure_logging(settings)
    raise typer.Exit(run_worker(settings))


def render(
    photo: Photo,
    painting: Painting,
    out: Out,
    preset: Preset = "standard",
    size: Size = None,
    iterations: Iterations = None,
    style_weight: StyleWeight = None,
    seed: Seed = None,
    option: MoreOptions = None,
    as_json: AsJson = False,
) -> None:
    """Paint right here, in this process: no servers.

    Example: impasto render photo.jpg painting.jpg -o out.png --preset draft
    """
    named = {"size": size, "iterations": iterations, "style_weight": style_weight, "seed": seed}
    wish = paint_wish(out, preset, option or (), **named)
    content, style = _picture(photo), _picture(painting)
    spec = _spec(wish)
    check_sizes(spec.options, (_sized("/content", content), _sized("/styles/0/image", style)))
    painted = _paint(spec, Images(content, (style,)), quiet=as_json)
    out.write_bytes(encode_result(painted.picture, spec.output))
    if as_json:
        loss = {"before": asdict(painted.before), "after": asdict(painted.after)}
        print_json({"picture": str(out), "spec": spec.model_dump(mode="json"), "report": {"loss": loss}})
    else:
        typer.echo(out)


def _spec(wish: dict[str, Any]) -> RenderSpec:
    here = {"upload_id": "0"}  # the pictures are in our hands already
    return parse_spec({"kind": "transfer", "content": here, "styles": [{"image": here}], **wish}).resolve()


def _picture(path: Path) -> Pixels:
    settings = read_settings()
    limits = ImageLimits(settings.image_max_pixels, settings.image_max_side, settings.image_max_aspect)
    try:
        return ingest(path.read_bytes(), limits).pixels
    except InvalidImage as error:
        raise InvalidImage(f"{path}: {error}") from None


def _sized(pointer: str, pixels: Pixels) -> Input:
    height, width, _ = pixels.shape
    return Input(pointer, key="", sha256="", width=width, height=height)


def _paint(spec: RenderSpec, images: Images, *, quiet: bool) -> Painted:
    from workers.painter.device import use_threads  # noqa: PLC0415 - torch takes seconds to import
    from workers.painter.paint import paint  # noqa: PLC0415

    use_threads(read_settings().torch_threads)
    steps = paint(spec, images)
    with paint_progress(quiet=quiet) as progress:
        bar = progress.add_task("painting", total=spec.options.iterations, loss="")
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                painted: Painted = end.value
                return painted
            progress.update(bar, completed=step.iteration)
            if step.losses:
                progress.update(bar, loss=loss_text(asdict(step.losses)))
