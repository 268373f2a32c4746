"""How good the pictures are, as AlexNet sees them, which none of the programs optimises.

Unlike the photograph and like the painting pull against each other, so pictures are compared at equal LPIPS: the
painter paints as `standard` does, but with several content weights, which makes a curve of Gram distances over LPIPS,
and a baseline's final picture lies above that curve or below it. Between two weights the curve is taken as straight,
which it is not: it sags, so ours is judged a little worse than it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image

from service.options import PRESETS
from service.painting import Pixels
from tests.benchmarks.curves import RUNS, kept
from tests.benchmarks.lines import Line, at_least
from tests.benchmarks.pairs import pair, scaled
from tests.benchmarks.results import Look, Race
from tests.paintings import painted
from tests.paintings import pair as named
from tests.specs import resolved
from workers.painter.measure import gram_distance, lpips

STEP, MOST = 4.0, 4**4
"""From one content weight to the next, and how far they go either way."""
TENTH = 10.0
"""How many times as fast as A's whole run `draft` is."""


def baselines(of: str, size: int) -> list[Look]:
    """Look at the final pictures of the baselines whose runs of a pair are kept."""
    runs = {name: run for name in RUNS if name.endswith(f"-{of}-{size}") and (run := kept(name))}
    return [_look(of, size, name, np.asarray(Image.open(run.picture))) for name, run in runs.items()]


def ours(of: str, size: int, between: Sequence[Look]) -> Iterator[Look]:
    """Look at our pictures: `draft`, `standard`, and content weights until the curve goes as far as `between`."""
    yield _look(of, size, "draft", _painted(of, size, "draft"))
    first = _look(of, size, "standard", _painted(of, size, "standard"))
    yield first
    wanted = [look.lpips for look in between] or [first.lpips]
    for towards, limit in ((STEP, min(wanted)), (1 / STEP, max(wanted))):
        here, weight = first, 1.0
        while (here.lpips - limit) * (towards - 1) > 0 and 1 / MOST < weight < MOST:
            weight *= towards
            key = f"content_weight {weight:g}"
            here = _look(of, size, key, _painted(of, size, "standard", content_weight=weight))
            yield here


def curve(looks: Sequence[Look], of: str, size: int) -> list[Look]:
    """Give what `standard` paints with its content weights, by LPIPS."""
    there = (look for look in looks if (look.of, look.size) == (of, size) and look.key.startswith(("st", "content")))
    return sorted(there, key=lambda look: look.lpips)


def gram_at(along: Sequence[Look], unlike: float) -> float | None:
    """Read a curve at an LPIPS; None beyond its ends."""
    for one, other in pairwise(along):
        if one.lpips <= unlike <= other.lpips:
            share = (unlike - one.lpips) / (other.lpips - one.lpips)
            return one.gram + share * (other.gram - one.gram)
    return None


def lines(looks: Sequence[Look], races: Sequence[Race]) -> list[Line]:
    """Give the goals' lines: each baseline's picture beside our curve, and `draft` beside A's time."""
    found = [_closer(looks, theirs) for theirs in looks if theirs.key in RUNS]
    return found + [_quick(race) for race in races if race.name.startswith("a-")]


def _closer(looks: Sequence[Look], theirs: Look) -> Line:
    which, of, size = theirs.key.split("-")
    what = f"Gram distance at {which.upper()}'s LPIPS of {theirs.lpips:.3f}, {of}, {size} px"
    found = gram_at(curve(looks, theirs.of, theirs.size), theirs.lpips)
    if found is None:
        return Line(what, f"< {theirs.gram:.3f}", "not within the curve", None)
    return Line(what, f"< {theirs.gram:.3f}", f"{found:.3f}", found < theirs.gram, found / theirs.gram)


def _quick(race: Race) -> Line:
    _, of, size = race.name.split("-")
    draft = resolved(named(*pair(of)), preset="draft", options={"size": int(size)}).options
    whole = sum((scale / int(size)) ** 2 for scale in (*draft.pyramid, draft.size))
    took = race.each * (1 + PRESETS["draft"]["iterations"]) * whole
    return at_least(f"draft over A's whole run, times as fast, {of}, {size} px", TENTH, race.whole / took)


HEAD = ("pair", "picture", "LPIPS to the photograph", "Gram distance to the painting", "curve at that LPIPS", "ratio")


def row(look: Look, looks: Sequence[Look]) -> tuple[str, ...]:
    """Write one for a table under `HEAD`; what isn't on the curve is compared with it."""
    along = curve(looks, look.of, look.size)
    numbers = f"{look.of}, {look.size} px", look.key, f"{look.lpips:.3f}", f"{look.gram:.3f}"
    found = None if look in along else gram_at(along, look.lpips)
    return (*numbers, "", "") if found is None else (*numbers, f"{found:.3f}", f"{found / look.gram:.2f}")


def _look(of: str, size: int, key: str, pixels: Pixels) -> Look:
    content, style = (np.asarray(scaled(picture, size)) for picture in pair(of))
    return Look(of, size, key, round(lpips(pixels, content), 4), round(gram_distance(pixels, style), 4))


@cache
def _painted(of: str, size: int, preset: str, **options: Any) -> Pixels:
    """Paint a pair as a preset does, at another size."""
    _, painting = painted(named(*pair(of)), preset=preset, options={"size": size, **options})
    return painting.pictures["result"].pixels
