"""The work of a resolved spec, by arithmetic: how much there is to compute."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from service.networks import NETWORKS
from service.plan import canvas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.job import Input
    from service.networks import Layer
    from service.options import StyleDistance
    from service.plan import Sized
    from service.spec import RenderSpec

GRAM = "gram"
"""Stands for the network in the bracket of a job that only looks at a picture and paints none."""

EFFORT: Mapping[StyleDistance, float] = {"gram": 1.0, "mean_std": 1.0, "gaussian_w2": 1.25, "sliced_wasserstein": 3.0}
"""Seconds of an iteration over those with Gram matrices, measured at 256 px on a CPU: 1, 0.97, 1.27, 2.5, and of the
last 3.1 at 768 px, for sorting takes longer than convolving and grows faster than the pixels."""

REST_FLOP = 90_000
"""Of a pixel and iteration: what takes as long as so many operations of a convolution, L-BFGS above all. Measured at
64 and at 256 px by looking at relu1_1 alone, which is an iteration with next to no convolution."""


@dataclass(frozen=True, slots=True)
class Load:
    """A job's work, as its record keeps it.

    Attributes:
        gflop: 10⁹ operations of the network's convolutions over all its iterations, forward and back to the pixels,
            with `REST_FLOP`, times `EFFORT`; 0 where nothing is painted.
        bracket: what jobs are alike in their pace: `<network>:<longest side, rounded up to a power of two>`.
    """

    gflop: float
    bracket: str


def load_of(spec: RenderSpec, images: Mapping[str, Sized]) -> Load:
    """Work out the load of a resolved spec whose pictures have these sizes, by pointer.

    With a tolerance it is the most that there can be: where the loss stops falling nobody knows beforehand.
    """
    width, height = canvas(spec, images, spec.options.size)
    family = GRAM if spec.kind == "gram" else spec.options.network
    pixels = sum(w * h for w, h in (canvas(spec, images, longest) for longest in scales(spec)))
    flop = sum(2 * look_flop(spec, deepest) + REST_FLOP for deepest in _deepest_of_rungs(spec))
    effort = 1.0 if spec.kind == "reconstruction" else EFFORT[spec.options.style_distance]
    gflop = flop * pixels * effort * _iterations(spec) / 1e9
    return Load(round(gflop, 3), f"{family}:{1 << (max(width, height) - 1).bit_length()}")


def by_pointer(inputs: Sequence[Input]) -> Mapping[str, Sized]:
    """Give the sizes of a job's pictures by their pointers."""
    return {image.pointer: image for image in inputs}


def scales(spec: RenderSpec) -> tuple[int, ...]:
    """Give the longest sides, in pixels, from the coarsest to the finest."""
    assert spec.options.pyramid != "auto", "the spec is not resolved"
    return (*spec.options.pyramid, spec.options.size)


def iterations(spec: RenderSpec) -> int:
    """Count the iterations of all scales and all rungs of a ladder, at most."""
    return _iterations(spec) * len(scales(spec)) * len(_deepest_of_rungs(spec))


def share_done(spec: RenderSpec, scale: int, left: int) -> float:
    """Say how much of a painting's work is done, 0 to 1, when it is at a scale and so many iterations are left.

    An iteration's work grows as its scale's pixels. One that a tolerance leaves out is done.
    """
    sizes, each = scales(spec), _iterations(spec)
    later = [size**2 for size in sizes if size > scale]
    rungs, here = divmod(left - each * len(later), each * len(sizes))
    whole = each * sum(size**2 for size in sizes)
    ahead = here * scale**2 + each * sum(later) + rungs * whole
    return 1 - ahead / (whole * len(_deepest_of_rungs(spec)))


def look_flop(spec: RenderSpec, deepest: Layer) -> float:
    """Count the operations of a pixel when a spec's network looks as far as one layer; a gradient takes as many more.

    A convolution of 3 × 3 multiplies and adds 9 times for each pair of channels at each of its positions, of which a
    pixel has 1 / stride².
    """
    layers = _up_to(spec, deepest)
    channels = (3, *(layer.channels for layer in layers))
    pairs = zip(pairwise(channels), layers, strict=True)
    return sum(2 * 9 * before * after / layer.stride**2 for (before, after), layer in pairs)


def layers_seen(spec: RenderSpec) -> list[Layer]:
    """Give the layers as far as the deepest that is looked at."""
    return _up_to(spec, _deepest_of_rungs(spec)[-1])


def _iterations(spec: RenderSpec) -> int:
    return 0 if spec.kind == "gram" else spec.options.iterations or 0


def _deepest_of_rungs(spec: RenderSpec) -> list[Layer]:
    """Of each picture that is painted, the deepest layer that is looked at."""
    named = set(_looked_at(spec))
    layers = [layer for layer in NETWORKS[spec.options.network].layers.values() if layer.name in named]
    return layers if spec.ladder else layers[-1:]


def _looked_at(spec: RenderSpec) -> Iterator[str]:
    if spec.kind in {"transfer", "reconstruction"}:
        yield from spec.options.content_layers or ()
    if spec.kind in {"transfer", "texture", "gram"}:
        yield from spec.options.style_layers or ()


def _up_to(spec: RenderSpec, deepest: Layer) -> list[Layer]:
    return [layer for layer in NETWORKS[spec.options.network].layers.values() if layer.index <= deepest.index]
