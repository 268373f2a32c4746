"""What is known of styles from earlier paintings: which statistics are the same, and taking them from who keeps them.

A network's look at a painting needs nothing of the photograph. So the statistics of a style that is named by its id are
computed once, and every later job takes them over, to the bit.
"""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import PIL
import torch

import service
from workers.painter import device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor

    from service.options import PaintOptions, StyleDistance
    from service.painting import Arrays, Images, Picture, Statistics
    from service.spec import RenderSpec
    from workers.painter.images import Size
    from workers.painter.subject import Example
    from workers.painter.vgg import Vgg

SHAPES: Mapping[StyleDistance, Callable[[int], tuple[int, int]]] = MappingProxyType(
    {
        "gram": lambda channels: (channels, channels),
        "mean_std": lambda channels: (2, channels),
        "gaussian_w2": lambda channels: (channels, channels + 1),
    }
)
"""Of each distance whose statistics are kept, their shape at a layer of C channels. Those of `sliced_wasserstein` are
as large as the activations, and depend on the seed: reading them would take longer than looking again."""


class Memory:
    """The statistics of one painting's styles.

    Args:
        kept: by whom they are kept from job to job.
        spec: resolved; its styles that have an id are looked up.
        images: the pictures that it names.
        weights_sha256: digest of the network's weights.
        place: the device.
    """

    def __init__(
        self, kept: Statistics, spec: RenderSpec, images: Images, weights_sha256: str, place: torch.device
    ) -> None:
        self._kept, self._weights_sha256, self._place = kept, weights_sha256, place
        self._ids = {n: style.style_id for n, style in enumerate(spec.styles) if style.style_id is not None}
        self._pictures = {n: picture_sha256(images[f"/styles/{n}/image"]) for n in self._ids}
        self._found: dict[int, bool] = {}

    @property
    def reused(self) -> frozenset[int]:
        """The styles, counted from 0, all of whose statistics had been computed before."""
        return frozenset(number for number, found in self._found.items() if found)

    def recalled(
        self, example: Example, vgg: Vgg, options: PaintOptions, describe: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Give an example's statistics by layer: those that were kept, or else what `describe` computes, which is kept.

        What has no id, shows a part of its picture, or has taken the photograph's colours is always computed.
        """
        number = example.style
        if number not in self._ids or not example.whole or options.style_distance not in SHAPES:
            self._found[number] = False
            return describe()
        size = example.image.shape[-1], example.image.shape[-2]
        name = digest(self._pictures[number], size, options, self._weights_sha256, self._place)
        known = _usable(self._kept.get(self._ids[number], name), vgg, options)
        self._found[number] = self._found.get(number, True) and known is not None
        if known is not None:
            return {layer: torch.from_numpy(array).to(self._place) for layer, array in known.items()}
        computed = describe()
        self._kept.put(self._ids[number], name, {layer: taken.cpu().numpy() for layer, taken in computed.items()})
        return computed


def digest(picture: str, size: Size, options: PaintOptions, weights_sha256: str, place: torch.device) -> str:
    """Name the statistics of a picture by all that decides on them, to the last bit.

    Neither weights of layers nor the normalization are among it, for they come after; a scale counts by the size that
    it leads to. What computes is among it, since other devices and versions round in other ways.

    Args:
        picture: `picture_sha256` of it.
        size: width and height that it is looked at.
        options: resolved.
        weights_sha256: of the network.
        place: what computes.
    """
    said = {
        "picture": picture,
        "size": size,
        "layers": sorted(_layers(options)),
        "distance": options.style_distance,
        "network": [options.network, weights_sha256],
        "pooling": options.pooling,
        "padding": options.padding,
        "computed_by": _computer(place),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def picture_sha256(picture: Picture) -> str:
    """Give the digest of a picture's pixels and its matte."""
    taken = hashlib.sha256()
    for part in (picture.pixels, picture.matte):
        taken.update(b"none" if part is None else f"{part.dtype.str} {part.shape} ".encode())
        taken.update(b"" if part is None else np.ascontiguousarray(part).data)
    return taken.hexdigest()


def _computer(place: torch.device) -> list[str | int]:
    versions: list[str | int] = [service.__version__, torch.__version__, PIL.__version__, device.name(place)]
    if place.type == "cpu":  # how many threads share a sum, and how wide their registers are, decides on its order
        versions += [torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]
    return versions


def _usable(arrays: Arrays | None, vgg: Vgg, options: PaintOptions) -> Arrays | None:
    """Give what was kept if it is what would have been computed, by its form; else None."""
    if arrays is None or set(arrays) != set(_layers(options)):
        return None
    shape = SHAPES[options.style_distance]
    fits = all(
        array.dtype == np.float32
        and array.shape == shape(vgg.network.layers[layer].channels)
        and np.isfinite(array).all()
        for layer, array in arrays.items()
    )
    return arrays if fits else None


def _layers(options: PaintOptions) -> Iterable[str]:
    assert isinstance(options.style_layers, dict), "the spec is not resolved"
    return options.style_layers
