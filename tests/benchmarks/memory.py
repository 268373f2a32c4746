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

from tests.benchmarks.peaks import Case, peak
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
