"""`python -m tests.benchmarks.memory`: the memory that painting takes at its peak, beside what is predicted.

Each row is a painting in a fresh process, see `peaks`. VGG-19 has random weights, which take as much memory as any.
"""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import save

from service.memory import SHARE, Room, planned
from tests.benchmarks.lines import Line, at_most
from tests.benchmarks.peaks import Case, peak, posed
from tests.weight_files import write_weights
from workers.painter import checkpoints

GOAL = 0.2
"""How far a peak may be from its prediction, as a share of it."""


def _once(size: int, way: str = "whole", tile: int | None = None, /, *, styles: int = 1, **options: Any) -> Case:
    return Case(size, way, tile, styles=styles, options={"iterations": 1, **options})


CASES = (
    _once(64),
    _once(256),
    _once(256, styles=8),
    _once(256, style_distance="gaussian_w2"),
    _once(256, style_distance="mean_std"),
    _once(256, style_distance="sliced_wasserstein"),
    _once(256, optimizer="adam"),
    _once(256, pooling="avg", padding="zeros"),
    _once(256, network="vgg19"),
    _once(256, style_layers="all"),
    replace(_once(256, styles=2), regions=True),
    _once(512),
    _once(512, padding="zeros"),
    _once(512, optimizer="adam"),
    _once(512, network="vgg19"),
    replace(_once(512, styles=2), regions=True),
    _once(512, style_distance="gaussian_w2"),
    _once(512, style_distance="sliced_wasserstein"),
    _once(512, "checkpointed"),
    _once(512, "checkpointed", style_distance="sliced_wasserstein"),
    _once(512, "tiled", 256),
    _once(512, "tiled", 256, network="vgg19"),
    _once(768, "tiled", 256, style_distance="gaussian_w2"),
    _once(768, "tiled", 256, style_distance="mean_std"),
    replace(_once(512, "tiled", 256, styles=2), regions=True),
    replace(_once(512), style=1024),
    _once(768),
    _once(768, "checkpointed"),
    _once(768, "tiled", 384),
    _once(768, "tiled", 384, optimizer="adam"),
    _once(1024),
    _once(1024, "checkpointed"),
    _once(1024, "tiled", 512),
)
"""What is painted; all of it in float32."""

BRIEF = (
    _once(512),
    replace(_once(512), bfloat16=True),
    _once(512, "checkpointed"),
    _once(512, "tiled", 256),
    _once(256, style_distance="sliced_wasserstein"),
)
"""What `make bench` paints."""

LARGE, ROOM = 4096, 6e9
"""A large picture's side in pixels, and bytes that are to suffice for it."""
TILED = 2.2
"""Times as long as a pixel of a picture as a whole takes, at most, one in tiles does."""


def lines() -> list[Line]:
    """Give the goal's line: of a few cases the one that is furthest from its prediction."""
    worst = max((peak(case) for case in BRIEF), key=lambda one: abs(one.ratio - 1))
    what = f"peak memory off its prediction, at most, {worst.way} {worst.tile or ''}".strip()
    return [at_most(what, 100 * GOAL, 100 * abs(worst.ratio - 1), " %")]


def large_lines(*, bfloat16: bool) -> list[Line]:
    """Give the goals' lines of a large picture in the room that is to suffice, beside one of 512 pixels as a whole."""
    spec, images = posed(_once(LARGE))
    plan = planned(spec, images, Room(round(ROOM / SHARE), 2 if bfloat16 else 4))
    large = peak(replace(_once(LARGE, plan.way, plan.tile), bfloat16=bfloat16))
    whole = peak(replace(_once(512), bfloat16=bfloat16))
    each, of = large.seconds[-1] / LARGE**2, whole.seconds[-1] / 512**2
    what = f"{LARGE}² in tiles of {plan.tile}, {'bfloat16' if bfloat16 else 'float32'}"
    return [
        at_most(f"{what}: resident", ROOM / 1e9, large.measured / 1e9, " GB"),
        at_most(f"{what}: a pixel's time over 512² whole", TILED, each / of),
    ]


def main() -> None:
    """Measure all cases, or those of sizes up to the number that is given, and print the table."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    console, worst = Console(width=150), 0.0
    table = Table("pixels", "way", "options", "predicted, MB", "measured, MB", "measured / predicted", box=None)
    with tempfile.TemporaryDirectory() as folder:
        environment = {"vgg19": {"IMPASTO_WEIGHTS_DIR": str(_random_vgg19(Path(folder)))}}
        for case in (case for case in CASES if case.size <= most):
            one = peak(case, **environment.get(case.options.get("network", ""), {}))
            worst = max(worst, abs(one.ratio - 1))
            bytes_of = (f"{n / 1e6:.0f}" for n in (one.predicted, one.measured))
            row = (str(case.size), f"{one.way} {one.tile or ''}", _said(case), *bytes_of, f"{one.ratio:.2f}")
            sys.stderr.write("  ".join(row) + "\n")
            table.add_row(*row)
    console.print(table)
    console.print(f"worst: {worst:.0%} off; goal: {GOAL:.0%}: {'held' if worst <= GOAL else 'missed'}")


def _said(case: Case) -> str:
    options = [f"{value}" for name, value in case.options.items() if name != "iterations"]
    styles = [f"{case.styles} {'regions' if case.regions else 'styles'}"] if case.styles > 1 else []
    return ", ".join([*options, *styles, *([f"style of {case.style}"] if case.style > case.size else [])])


def _random_vgg19(folder: Path) -> Path:
    """Write weights that keep the activations' magnitude from layer to layer (He et al., 2015)."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:] or (1,))) * (len(shape) > 1)
        for name, shape in checkpoints.convolutions("vgg19").items()
    }
    write_weights(folder, "vgg19", save(tensors))
    return folder


if __name__ == "__main__":
    main()
