"""What passes between a job and its painter: images in, Steps out, a Painting at the end.

Plain values that both sides know, so that `service` can follow a painting without torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from service.spec import RenderSpec

Pixels = NDArray[np.uint8]
"""An sRGB picture, `(H, W, 3)` uint8."""


@dataclass(frozen=True, slots=True)
class Images:
    """The pictures that a spec names, decoded: the content, and the styles in the spec's order."""

    content: Pixels
    styles: tuple[Pixels, ...]


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
class Step:
    """One step of a painting, as data.

    Attributes:
        scale: longest side, in pixels, of the image being painted.
        iteration: iterations done so far, over all scales, from 0 (nothing painted yet) to `of`.
        of: iterations in all.
        losses: the objective at this step, or None where reading it from the device was not due.
        picture: takes the image as it stands off the device; call it only when someone will look, and before
            the next step is asked for.
    """

    scale: int
    iteration: int
    of: int
    losses: Losses | None
    picture: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class Painting:
    """The finished picture and what is known of it.

    Attributes:
        picture: `(H, W, 3)` uint8, of the content's aspect ratio.
        before: the objective of the image that the painting started from.
        after: the objective of `picture`, as delivered.
        device: what it was painted on, for example `cpu` or `NVIDIA H100`.
        weights_sha256: digest of the file that the network's weights were read from.
    """

    picture: Pixels
    before: Losses
    after: Losses
    device: str
    weights_sha256: str


class Paint(Protocol):
    """Paints what a resolved spec says.

    Raises:
        OutOfMemory: the device's memory did not suffice.
        Diverged: a loss or the image is no longer finite.
        DeviceFailed: the device reported an error.
        WeightsMissing: the network's weights are not on this machine.
    """

    def __call__(self, spec: RenderSpec, images: Images) -> Generator[Step, None, Painting]:
        """Yield a Step for each iteration, and one before the first; return the Painting."""
        ...
