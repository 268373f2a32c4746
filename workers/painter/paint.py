"""Painting: pictures made step by step, from what a network sees. `paint` is the painter's one public name."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from service.errors import Diverged, OutOfMemory, StaleCheckpoint
from service.memory import Room, Way, planned
from service.painting import BeforeAfter, Painting, Picture, Step
from workers.painter import device, optimise
from workers.painter.grams import gram_matrices, gram_pictures
from workers.painter.images import enlarged, to_image, to_pixels
from workers.painter.ladder import contact, rungs
from workers.painter.resume import Tally, on, taken_down, taken_up
from workers.painter.statistics import Memory
from workers.painter.subject import sit, start
from workers.painter.targets import aim, gradient

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from torch import Tensor

    from service.memory import Plan
    from service.painting import Checkpoint, Images, Losses, Pixels, Statistics
    from service.spec import RenderSpec
    from workers.painter.optimise import Point
    from workers.painter.resume import Place
    from workers.painter.subject import Subject
    from workers.painter.targets import Objective
    from workers.painter.vgg import Vgg

OPTIMIZERS = {"lbfgs": optimise.lbfgs, "adam": optimise.adam}

LOSSES_DUE = {"cpu": 1, "cuda": 10}
"""Iterations from one reading of the losses to the next: on the CPU it is free, on CUDA the host has to wait for it."""

MOST = 1.2
"""Of the memory that there is, that a painting may be predicted to take: a prediction is within a fifth."""

WINDOW = 10
"""Iterations that a tolerance looks back over."""


def paint(
    spec: RenderSpec,
    images: Images,
    *,
    resume: Checkpoint | None = None,
    frugal: bool = False,
    statistics: Statistics | None = None,
) -> Generator[Step, None, Painting]:
    """Paint what a resolved spec says; implements `service.painting.Paint`.

    A transfer and a reconstruction have the photograph's aspect ratio, a texture that of the image it starts from, or
    of its first style. From each size of the pyramid to the next the picture is enlarged and painted on. A ladder
    paints one picture a layer. Each scale is looked at in the fastest way that fits into the memory that there is, or
    with `frugal` in the way that takes least.

    On the CPU the pictures are the same to the byte for the same spec, images, way of looking, version and number of
    threads; and, of a painting that is resumed, for the same checkpoint.

    Yields:
        The start as iteration 0, then one Step for each iteration; Gram matrices need none. Losses come with the start
        and the end of each scale, and every `LOSSES_DUE`th iteration between.

    Returns:
        The pictures, clamped to 0..1 and rounded to the output's bits, and the objective of exactly these pixels.

    Raises:
        StaleCheckpoint: what there is to resume doesn't fit the spec.
        Diverged: the objective is no longer finite; the message names the iteration.
        OutOfMemory: the device's memory did not suffice.
        DeviceFailed: the device reported an error.
        WeightsMissing: the network's weights are not on this machine.
    """
    with device.errors_translated():
        place = device.choose()
        vgg, weights_sha256 = device.network(spec.options, place)
        swift, _ = device.network(spec.options, place, device.precision(place))
        if spec.kind == "gram":
            grams = gram_matrices(vgg, spec, images, place)
            pictures = gram_pictures(grams)
            return Painting(pictures, {}, grams, 0, device.name(place), weights_sha256)
        memory = Memory(statistics, spec, images, weights_sha256, place) if statistics is not None else None
        room = Room(device.memory_bytes(place), device.precision(place).itemsize)
        sight, specs = _Sight(vgg, swift, images, memory, room, frugal), rungs(spec)
        tally, at = _begun(specs, resume)
        for name, rung in specs.items():
            if name not in tally.pictures:
                tally.name = name
                finished = yield from _painted(sight, rung, tally, at)
                tally.pictures[name], tally.losses[name] = finished
                at = None
        pictures = tally.pictures
        if spec.ladder:
            pictures = {"result": contact(spec, images, pictures)} | pictures
        reused = memory.reused if memory is not None else frozenset[int]()
        return Painting(pictures, tally.losses, {}, tally.done, device.name(place), weights_sha256, reused)


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """What looks at subjects: the network, the pictures' sizes, what is known of styles, and the memory to do it in.

    It is there twice: in float32, for what is aimed at and reported; and as the device computes it fastest, for
    the descent. A descent in bfloat16 needs a tenth fewer iterations with aims that were taken in float32.
    """

    vgg: Vgg
    swift: Vgg
    images: Images
    memory: Memory | None
    room: Room
    frugal: bool

    def aimed(self, subject: Subject) -> tuple[Objective, Plan]:
        """Choose how to look at a subject, and aim at it, for the descent.

        Raises:
            OutOfMemory: it fits in no way.
        """
        longest = max(subject.size)
        plan = planned(subject.spec, self.images, self.room, frugal=self.frugal, longest=longest)
        most = self.room.memory_bytes
        if most is not None and plan.memory_bytes > MOST * most:
            needed = f"{plan.memory_bytes / 1e9:.1f} GB of memory, {plan.way}; there are {most / 1e9:.1f}"
            raise OutOfMemory(f"It would take about {needed}.")
        if plan.way is Way.CHECKPOINTED:
            device.keep_memory(large=False)
        swift = replace(self.swift, frugal=plan.way is Way.CHECKPOINTED)
        return replace(aim(self.vgg, subject, self.memory, tile=plan.tile), vgg=swift), plan


def _begun(specs: Mapping[str, RenderSpec], resume: Checkpoint | None) -> tuple[Tally, Place | None]:
    """Say what is done and what is to be done: nothing and everything, or what a checkpoint says."""
    if resume is None:
        return Tally(of=sum(len(_scales(rung)) * (rung.options.iterations or 0) for rung in specs.values())), None
    tally, at = taken_up(resume)
    if at.name not in specs or at.scale not in _scales(specs[at.name]) or set(tally.pictures) - set(specs):
        raise StaleCheckpoint("The checkpoint is of another spec.")
    return tally, at


def _painted(
    sight: _Sight, spec: RenderSpec, tally: Tally, at: Place | None
) -> Generator[Step, None, tuple[Picture, BeforeAfter]]:
    """Paint one picture, from the coarsest scale to the finest, or from where it stands."""
    scales, place, images = _scales(spec), device.choose(), sight.images
    subject = sit(spec, images, scales[0], place)
    image = begun = start(subject, images).to(place)
    for longest in scales[scales.index(at.scale) if at else 0 :]:
        if longest != scales[0]:
            subject = sit(spec, images, longest, place)
        objective, plan = sight.aimed(subject)
        points = _points(objective, plan, enlarged(image, subject.size), at)
        image = yield from _descent(objective, subject, points, tally, at)
        at = None
    objective = replace(objective, vgg=sight.vgg)
    with torch.no_grad():
        before = objective.read(objective.terms(enlarged(begun, subject.size)))
        pixels = to_pixels(subject.finished(image), spec.output.bits)
        after = objective.read(objective.terms(to_image(pixels, place)))
    matte = None if subject.matte is None else to_pixels(subject.matte, spec.output.bits)[..., 0]
    return Picture(pixels, matte), BeforeAfter(before, after)


def _descent(
    objective: Objective, subject: Subject, points: Iterator[Point], tally: Tally, at: Place | None
) -> Generator[Step, None, Tensor]:
    """Minimise at one scale, for as many iterations as there are or until the tolerance is met; return the image."""
    options, due, first = objective.options, LOSSES_DUE[device.choose().type], at.iteration if at else 0
    longest = max(subject.size)
    assert options.iterations is not None, "the spec is not resolved"
    recent: deque[float] = deque(at.recent if at else (), maxlen=WINDOW // due + 1)
    for iteration, point in enumerate(points, first):
        tally.done += iteration > first
        losses = None
        if iteration in {first, options.iterations} or iteration % due == 0:
            losses = _read(objective, point, tally.done)
            if iteration > first or not at:
                recent.append(losses.total)
        ended = options.tolerance is not None and _fell_less(recent, options.tolerance)
        if not (at and iteration == first):  # what is resumed has been counted
            tally.of -= (options.iterations - iteration) * ended
        if iteration > 0 or tally.done == 0:
            take_down = partial(taken_down, tally, point, scale=longest, iteration=iteration, recent=recent)
            look = partial(_look, subject, point.image)
            yield Step(longest, tally.done, tally.of, losses, look, partial(_translated, take_down))
        if ended:
            break
    return point.image


def _points(objective: Objective, plan: Plan, begun: Tensor, at: Place | None) -> Generator[Point]:
    """Let the optimiser begin, or go on from a place.

    Raises:
        StaleCheckpoint: the place is in a picture of another size.
    """
    options, descend = objective.options, OPTIMIZERS[objective.options.optimizer]
    if options.optimizer == "lbfgs":
        descend = partial(optimise.lbfgs, history=plan.steps, done=at.iteration if at else 0)
    evaluate, iterations = partial(gradient, objective), options.iterations or 0
    if at is None:
        return descend(evaluate, begun, iterations)
    if at.image.shape != begun.shape:
        raise StaleCheckpoint("The checkpoint is of a picture of another size.")
    return descend(evaluate, at.image.to(begun.device), iterations - at.iteration, on(begun.device, at.memory))


def _fell_less(recent: deque[float], tolerance: float) -> bool:
    """Say whether the loss fell by no more than a share of itself over the whole window."""
    return len(recent) == recent.maxlen and recent[0] - recent[-1] <= tolerance * recent[0]


def _scales(spec: RenderSpec) -> list[int]:
    """Longest sides, in pixels, from the coarsest to the finest."""
    assert spec.options.pyramid != "auto", "the spec is not resolved"
    return [*spec.options.pyramid, spec.options.size]


def _read(objective: Objective, point: Point, iteration: int) -> Losses:
    losses = objective.read(point.terms)
    if not math.isfinite(losses.total) or not point.slope.norm().isfinite():
        raise Diverged(f"The objective is no longer finite at iteration {iteration}: {losses.total}.")
    return losses


def _look(subject: Subject, image: Tensor) -> Pixels:
    with device.errors_translated(), torch.no_grad():
        return to_pixels(subject.finished(image))


def _translated(take_down: Callable[[], Checkpoint]) -> Checkpoint:
    with device.errors_translated(), torch.no_grad():
        return take_down()
