"""The baselines' whole runs, kept in `curves/`: `python -m tests.benchmarks.curves [RUN…]`, hours on two cores.

A run is named `<a or b>-<pair>-<size>`. Its losses do not depend on the machine, so they are computed once: each of the
first 100, then every tenth, of the scale that the baseline is at. With them lies the picture that it delivers, and a
run that is there already is not done again. Nothing here tells how long a run takes; `make bench` measures that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from tests.benchmarks.baselines import run_a, run_b
from tests.benchmarks.pairs import pair
from workers.painter.images import to_pixels

FOLDER = Path(__file__).parent / "curves"
RUNS = (
    "a-pagoda-256", "a-dahlia-256", "a-roofs-256", "a-pagoda-512", "b-pagoda-256", "b-dahlia-256", "b-roofs-256",
    "b-pagoda-512",
)  # fmt: skip
DENSE, SPARSE = 100, 10


class Kept(NamedTuple):
    """A baseline's run: its losses as (scale, iteration of that scale, loss), and the file of its picture."""

    losses: Sequence[tuple[int, int, float]]
    picture: Path

    @property
    def final(self) -> float:
        """The last loss, at full size."""
        return self.losses[-1][2]


def kept(name: str) -> Kept | None:
    """Read a run, if it has been done."""
    file = FOLDER / f"{name}.json"
    if not file.exists():
        return None
    losses = [(int(scale), int(at), float(loss)) for scale, at, loss in json.loads(file.read_text())["losses"]]
    return Kept(losses, file.with_suffix(".png"))


def keep(name: str) -> None:
    """Do a run, and keep it; a pyramid's run has those up to its smaller scales in it, which are kept too."""
    which, of, size = name.split("-")
    points, at, before, image = list[tuple[int, int, float]](), 0, 0, None
    run = run_a(pair(of), int(size)) if which == "a" else run_b(pair(of), int(size), quick=True)
    for scale, loss, picture in run:
        if scale != before and image is not None and f"b-{of}-{before}" in RUNS:
            _write(f"b-{of}-{before}", points, image)
        at, before, image = (at + 1 if scale == before else 1), scale, picture
        if at <= DENSE or at % SPARSE == 0:
            points.append((scale, at, float(f"{loss:.6g}")))
    assert image is not None, "a run has iterations"
    _write(name, points, image)


def _write(name: str, points: Sequence[tuple[int, int, float]], image: Tensor) -> None:
    FOLDER.mkdir(exist_ok=True)
    Image.fromarray(to_pixels(image)).save(FOLDER / f"{name}.png", optimize=True)
    lines = ",\n".join(json.dumps(point) for point in points)
    (FOLDER / f"{name}.json").write_text(f'{{"losses": [\n{lines}\n]}}\n')


def main() -> None:
    """Do the runs that are named, or all, that are not there yet."""
    for name in sys.argv[1:] or RUNS:
        if kept(name) is None:
            keep(name)


if __name__ == "__main__":
    main()
