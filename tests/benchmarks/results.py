"""What was measured, as data: `make bench` leaves it in `out/bench.json`, and pages and plots are made from that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks.lines import Line

FILE = Path(__file__).parents[2] / "out" / "bench.json"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an iteration costs at one size, in seconds, with convolutions in one precision.

    Attributes:
        size: width and height, in pixels.
        precision: `float32` or `bfloat16`.
        nchw: bare convolutions, forward and back.
        channels_last: the same in the other layout of memory.
        painter: the painter's whole iteration.
        w2: the same with `gaussian_w2`.
    """

    size: int
    precision: str
    nchw: float
    channels_last: float
    painter: float
    w2: float


@dataclass(frozen=True, slots=True)
class Race:
    """One race to within 1 % of a baseline's final loss.

    Attributes:
        name: of the baseline's run, such as `a-pagoda-256`.
        theirs: seconds of the baseline's iteration at each of its scales, by the scale in pixels.
        whole: seconds of its whole run.
        each: seconds of our iteration.
        reached: our iterations until its loss was within reach; None where the limit came first.
        curve: our losses as (iteration, loss), by the baseline's own function.
    """

    name: str
    theirs: Mapping[str, float]
    whole: float
    each: float
    reached: int | None
    curve: Sequence[tuple[int, float]]

    @property
    def ours(self) -> float:
        """Seconds that we took, or had taken when we gave up."""
        return self.each * (self.curve[-1][0] if self.reached is None else self.reached)

    @property
    def ratio(self) -> float:
        """How many times as fast we are; where we gave up, at most."""
        return self.whole / self.ours


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one iteration at a size whose races would take too long."""

    size: int
    a: float
    ours_on_a: float
    b: float
    ours_on_b: float


@dataclass(frozen=True, slots=True)
class Look:
    """How AlexNet sees one picture: LPIPS to the photograph, Gram distance to the style.

    Attributes:
        of: the pair.
        size: the picture's longer side in pixels.
        key: what it is: a baseline's run, a preset, or `standard` with a content_weight.
        lpips: see `workers.painter.measure`.
        gram: the same.
    """

    of: str
    size: int
    key: str
    lpips: float
    gram: float


@dataclass(frozen=True, slots=True)
class Trick:
    """The painter without one trick.

    Attributes:
        what: is different.
        each: seconds of its iteration.
        ours_each: the same of the painter as it is, timed in turn with it.
        near: its iterations until A's loss is within 5 % of A's last; None: the limit came first.
        within: the same within 1 %.
    """

    what: str
    each: float
    ours_each: float
    near: int | None
    within: int | None


@dataclass(slots=True)
class Measured:
    """Everything that one run of `make bench` has measured so far."""

    cores: int = 0
    costs: list[Cost] = field(default_factory=list)
    races: list[Race] = field(default_factory=list)
    paces: list[Pace] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    tricks: list[Trick] = field(default_factory=list)
    more: dict[str, list[Line]] = field(default_factory=dict)


def save(measured: Measured) -> None:
    """Write it down, as far as it is."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(asdict(measured), indent=1, ensure_ascii=False) + "\n")


def load() -> Measured:
    """Read what the last run has measured; nothing, before the first."""
    if not FILE.exists():
        return Measured()
    data = json.loads(FILE.read_text())
    kinds = {"costs": Cost, "races": Race, "paces": Pace, "looks": Look, "tricks": Trick}
    found = {key: [kind(**each) for each in data.get(key, [])] for key, kind in kinds.items()}
    more = {name: [Line(*each) for each in lines] for name, lines in data["more"].items()}
    return Measured(cores=data["cores"], more=more, **found)
