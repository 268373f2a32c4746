"""What passes between a job and its painter: images in, Steps out, a Painting at the end.

Plain values that both sides know, so that `service` can follow a painting without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from service.spec import RenderSpec

Pixels = NDArray[np.uint8 | np.uint16]
"""An sRGB picture, `(H, W, 3)` uint8 or uint16."""

Matte = NDArray[np.uint8 | np.uint16]
"""How opaque a picture is, `(H, W)`, of the picture's own dtype; 0 is transparent."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture, upright and in sRGB, with its matte where it has one; colours are not multiplied by it."""

    pixels: Pixels
    matte: Matte | None = None

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])


Images = Mapping[str, Picture]
"""The pictures that a spec names, decoded, by the JSON pointers that `RenderSpec.image_refs` lists; a style's is
`/styles/<n>/image` too where the spec gives its id instead."""

Arrays = Mapping[str, NDArray[np.float32]]
"""A style's statistics by layer."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The objective, term by term, in the spec's own normalisation.

    Attributes:
        total: α L_content + β L_style + tv, what is being minimised.
        content: α L_content.
        style: β Σ w_l E_l.
        tv: the weighted total variation.
        content_layers: each layer's own, unweighted L_content.
        style_layers: each layer's own, unweighted E_l.
    """

    total: float
    content: float
    style: float
    tv: float
    content_layers: Mapping[str, float] = field(default_factory=dict)
    style_layers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """The objective of the image that a picture started from, and of its pixels as delivered."""

    before: Losses
    after: Losses


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Where a painting stands, so that another process may go on from there.

    Attributes:
        arrays: by name; images, and what the optimiser has learnt.
        position: plain JSON: which picture, scale and iteration.
    """

    arrays: Mapping[str, NDArray[Any]]
    position: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a painting, as data.

    Attributes:
        scale: longest side, in pixels, of the image being painted.
        iteration: iterations done so far, over all scales and rungs, from 0 (nothing painted yet) to `of`.
        of: iterations in all; it shrinks where a tolerance ends a scale early.
        losses: the objective at this step, or None where reading it from the device was not due.
        picture: takes the image as it stands off the device, uint8; call it only when someone will look, and before
            the next step is asked for.
        checkpoint: takes off the device what another process needs to go on from this step; under the same rule.
    """

    scale: int
    iteration: int
    of: int
    losses: Losses | None
    picture: Callable[[], Pixels]
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """The finished pictures and what is known of them.

    Attributes:
        pictures: by output name: `result`, and of ladders and Gram matrices `result.<layer>` for each part.
        losses: by the names of the pictures that were optimised, the objective before and after.
        grams: of the kind `gram`, each layer's Gram matrix `(C, C)` float32.
        iterations: that were done, in all.
        device: what it was painted on, for example `cpu` or `NVIDIA H100`.
        weights_sha256: digest of the file that the network's weights were read from.
        reused: the styles, counted from 0, all of whose statistics came from earlier paintings.
    """

    pictures: Mapping[str, Picture]
    losses: Mapping[str, BeforeAfter]
    grams: Mapping[str, NDArray[np.float32]]
    iterations: int
    device: str
    weights_sha256: str
    reused: frozenset[int] = frozenset()


class Statistics(Protocol):
    """Keeps statistics of styles from job to job. It never fails: what can't be had is computed anew."""

    def get(self, style_id: str, digest: str) -> Arrays | None:
        """Give what was kept under a digest, if it is there and whole; the style takes it for its own."""
        ...

    def put(self, style_id: str, digest: str, arrays: Arrays) -> None:
        """Keep statistics for as long as the style is kept."""
        ...


class Paint(Protocol):
    """Paints what a resolved spec says.

    Args:
        spec: resolved.
        images: the pictures that it names.
        resume: where an earlier painting of the same spec stood: the first Step is that one again.
        frugal: take as little memory as can be, and more time, for the same picture up to rounding.
        statistics: what is known of styles that have an id, for the same picture to the bit in less time.

    Raises:
        StaleCheckpoint: what there is to resume doesn't fit the spec.
        OutOfMemory: the device's memory did not suffice.
        Diverged: a loss or the image is no longer finite.
        DeviceFailed: the device reported an error.
        WeightsMissing: the network's weights are not on this machine.
    """

    def __call__(
        self,
        spec: RenderSpec,
        images: Images,
        *,
        resume: Checkpoint | None = None,
        frugal: bool = False,
        statistics: Statistics | None = None,
    ) -> Generator[Step, None, Painting]:
        """Yield a Step for each iteration, and one before the first; return the Painting."""
        ...
