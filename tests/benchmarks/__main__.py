"""`make bench`: what is aimed at, what was measured, and how they compare. `--full` looks at larger pictures too.

What was measured is left in `out/bench.json`, from which `python -m tests.benchmarks.publish` writes tables and plots.
With words as arguments, such as `race` or `pictures dahlia`, only parts with all of them in their names are measured
anew.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from rich.console import Console, RenderableType

from service.machine import cores
from tests.benchmarks import ablation, growth, iteration, memory, quality, race
from tests.benchmarks.curves import RUNS
from tests.benchmarks.lines import Line, laid, summary
from tests.benchmarks.results import Measured, load, save
from workers.painter.device import configure

PAIRS = tuple(dict.fromkeys(name.split("-")[1] for name in RUNS))
WIDTH = 112
"""Of what is printed, in columns."""
SMALL, LARGE, HUGE = 256, 512, 1024
"""Sizes in pixels: of all pairs' races and pictures, of one pair's races, and of seconds per iteration alone."""

MORE: Mapping[str, Callable[[], Sequence[Line]]] = {"memory": memory.lines, "growth": growth.lines}
"""What else is measured, by its name: each gives lines of its own."""
LARGEST: Mapping[str, Callable[[], Sequence[Line]]] = {
    f"large {name}": partial(memory.large_lines, bfloat16=halves)
    for name, halves in {"bfloat16": True, "float32": False}.items()
}
"""What `--full` adds to it."""


class Part(NamedTuple):
    """One thing to measure: its name, and what does it, adding to what is measured and saying what came out."""

    name: str
    measure: Callable[[Measured], str]


def parts(*, full: bool) -> list[Part]:
    """List what is measured, in order."""
    seen = [(of, SMALL) for of in PAIRS] + [(PAIRS[0], LARGE)] * full
    return [
        *(Part(f"iteration {size} px", partial(_cost, size)) for size in iteration.SIZES),
        *(Part(f"race {name}", partial(_race, name)) for name in RUNS),
        Part(f"iterations {HUGE} px", _pace),
        *(Part(f"pictures {of} {size} px", partial(_looks, of, size)) for of, size in seen),
        *[Part("ablation", _tricks)] * full,
        *(Part(name, partial(_more, name, lines)) for name, lines in {**MORE, **(LARGEST if full else {})}.items()),
    ]


def goals(measured: Measured) -> list[Line]:
    """Give the summary's lines."""
    return [
        *race.lines(measured.races, RUNS),
        *iteration.lines(measured.costs),
        *quality.lines(measured.looks, measured.races),
        *(line for more in measured.more.values() for line in more),
    ]


def main(arguments: Sequence[str]) -> None:
    """Measure part after part, and print the tables."""
    configure(None, precision="auto")
    words = [word for word in arguments if word != "--full"]
    todo = [part for part in parts(full="--full" in arguments) if all(word in part.name.split() for word in words)]
    measured = load() if words else Measured()
    measured.cores = cores()
    console, began = Console(width=WIDTH, highlight=False), time.monotonic()
    for number, part in enumerate(todo, 1):
        said = part.measure(measured)
        save(measured)
        minutes, seconds = divmod(round(time.monotonic() - began), 60)
        console.print(f"[dim]{number:2} of {len(todo)}  {minutes:2}:{seconds:02}[/]  {part.name:24}  {said}")
    for table in tables(measured):
        console.print("", table)
    console.print("", summary(goals(measured)), "")


def tables(measured: Measured) -> list[RenderableType]:
    """Lay out all that was measured."""
    rows = {
        "One iteration": (iteration.HEAD, [iteration.row(cost) for cost in measured.costs]),
        "On the baselines' own objectives": (race.HEAD, [race.row(one) for one in measured.races]),
        "Seconds alone": (race.PACES, [race.pace_row(one) for one in measured.paces]),
        "Without one trick": (ablation.HEAD, [ablation.row(one, measured.tricks[0]) for one in measured.tricks]),
        "As AlexNet sees them": (quality.HEAD, [quality.row(look, measured.looks) for look in measured.looks]),
    }
    return [laid(title, *table) for title, table in rows.items() if table[1]]


def _cost(size: int, measured: Measured) -> str:
    measured.costs = [cost for cost in measured.costs if cost.size != size]
    found = list(iteration.costs([size]))
    measured.costs += found
    return ", ".join(f"{cost.precision} {iteration.over_bare(cost):.2f} of bare" for cost in found)


def _race(name: str, measured: Measured) -> str:
    measured.races = [one for one in measured.races if one.name != name]
    found = race.race(name)
    if found is None:
        return "[yellow]no curve is kept; `python -m tests.benchmarks.curves` computes it, in hours[/]"
    measured.races.append(found)
    return f"{found.whole:.0f} s, ours {found.ours:.0f} s: {race.times(found)} as fast"


def _pace(measured: Measured) -> str:
    found = race.pace(PAIRS[0], HUGE)
    measured.paces = [found]
    return f"A {found.a:.1f} s, ours {found.ours_on_a:.1f} s; B {found.b:.1f} s, ours {found.ours_on_b:.1f} s"


def _looks(of: str, size: int, measured: Measured) -> str:
    measured.looks = [look for look in measured.looks if (look.of, look.size) != (of, size)]
    theirs = quality.baselines(of, size)
    found = theirs + list(quality.ours(of, size, theirs))
    measured.looks += found
    return ", ".join(f"{look.key.removesuffix(f'-{of}-{size}')} {look.lpips:.2f} / {look.gram:.2f}" for look in found)


def _tricks(measured: Measured) -> str:
    measured.tricks = []
    for one in ablation.tricks():
        measured.tricks.append(one)
        save(measured)
    return f"{len(measured.tricks)} ways"


def _more(name: str, lines: Callable[[], Sequence[Line]], measured: Measured) -> str:
    measured.more[name] = list(lines())
    return ", ".join(f"{line.measured}" for line in measured.more[name])


if __name__ == "__main__":
    main(sys.argv[1:])
