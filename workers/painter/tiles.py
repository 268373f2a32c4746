"""An objective and its gradient in tiles: exactly those of the whole picture, in the memory that a few tiles take.

Style is measured by sums over all positions. So there are two passes (Galerne, Raad, Lezama & Morel, "Scaling Painting
Style Transfer", 2024): one without a graph adds up the sums; then the objective's slope along each sum is known, and
another pass takes it back through each tile to the pixels, where neighbouring tiles' slopes add up.

Each tile is looked at with a margin, so wide that the activations over the tile itself are those of the whole picture,
and only these count. Tiles begin at multiples of 16, where all pools' grids begin anew; at the picture's own edges they
have no margin, but the network's padding, as the whole picture has.

What a pass has freed is given back to the system when it ends, and not before: pages that come back have to be cleared,
which took a quarter of the time, and what pieces leave between them adds up from pass to pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import torch

from service.memory import GRID, LOOKS, even
from workers.painter.device import give_back_memory
from workers.painter.distances import Summed
from workers.painter.losses import content_factor, squares, wide
from workers.painter.positions import share_of
from workers.painter.vgg import activations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from torch import Tensor

    from service.networks import Network
    from workers.painter.distances import Distance
    from workers.painter.targets import Objective
    from workers.painter.vgg import Vgg


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis, in pixels: it counts from `begin` to `end`, and is looked at from `first` to `last`.

    An `end` of None is that of the picture.
    """

    begin: int
    end: int | None
    first: int
    last: int | None

    def counted(self, stride: int) -> slice:
        """Say where in a layer's activations of the tile lies what counts."""
        end = None if self.end is None else (self.end - self.first) // stride
        return slice((self.begin - self.first) // stride, end)

    def whole(self, stride: int) -> slice:
        """Say where in a layer's activations of the picture lies what counts."""
        return slice(self.begin // stride, None if self.end is None else self.end // stride)


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture: rows and columns."""

    rows: Span
    columns: Span

    def cut(self, image: Tensor) -> Tensor:
        """Give what is looked at of an image `(1, C, H, W)`; a view."""
        return image[..., self.rows.first : self.rows.last, self.columns.first : self.columns.last]

    def core(self, seen: Tensor, stride: int) -> Tensor:
        """Give what counts of a layer's activations of the tile; a view."""
        return seen[..., self.rows.counted(stride), self.columns.counted(stride)]

    def core_of_whole(self, seen: Tensor, stride: int) -> Tensor:
        """Give the same of a layer's activations, or of a mask on its grid, of the whole picture; a view."""
        return seen[..., self.rows.whole(stride), self.columns.whole(stride)]


def tiled(height: int, width: int, side: int, margin: int) -> list[Tile]:
    """Part a picture into tiles of about the same size, with sides of at most `side` pixels."""
    rows, columns = (_spans(length, side, margin) for length in (height, width))
    return [Tile(row, column) for row, column in product(rows, columns)]


def margin_of(network: Network, layers: Collection[str]) -> int:
    """Say how far, in pixels, a wrong edge shows as deep as the deepest of `layers`; a multiple of `GRID`."""
    reach, stride = 0, 1
    order = list(network.layers.values())
    for layer in order[: 1 + max(order.index(network.layers[name]) for name in layers)]:
        if layer.stride != stride:
            stride = layer.stride
            reach = -(-reach // stride) * stride
        reach += stride
    return -(-reach // GRID) * GRID


def _spans(length: int, side: int, margin: int) -> list[Span]:
    """Part one axis. All are looked at in the same length, so that each fits where the last one's memory was freed."""
    own = even(length, side)
    begins, seen = range(0, max(1, length - GRID + 1), own), own + 2 * margin
    latest = max(0, -(-(length - seen) // GRID) * GRID)
    spans = []
    for begin in begins:
        first = min(max(0, begin - margin), latest)
        inner = begin != begins[-1]
        spans.append(Span(begin, begin + own if inner else None, first, min(length, first + seen) if inner else None))
    return spans


def described(
    vgg: Vgg, image: Tensor, mask: Mapping[str, Tensor], ways: Mapping[str, Distance], side: int
) -> dict[str, Tensor]:
    """Take the statistics of a painting `(1, 3, H, W)`, tile by tile; `mask` is that of some layers, `(N,)`."""
    height, width = image.shape[-2:]
    sums: dict[str, Tensor] = {}
    for tile in tiled(height, width, side, margin_of(vgg.network, ways)):
        seen = activations(vgg, tile.cut(image), ways)
        for layer, way in ways.items():
            assert isinstance(way, Summed), "it needs the whole picture at once"
            stride = vgg.network.layers[layer].stride
            v, m = _positions(tile, seen[layer], mask.get(layer), stride, (height, width))
            sums[layer] = sums.get(layer, 0) + way.sums(v, m).double()
    give_back_memory()
    found = {}
    for layer, way in ways.items():
        assert isinstance(way, Summed)
        stride = vgg.network.layers[layer].stride
        own = mask.get(layer)
        count = (height // stride) * (width // stride) if own is None else own.double().sum()
        found[layer] = way.statistic(sums[layer], count).to(wide(image).dtype)
    return found


def looked_at(vgg: Vgg, image: Tensor, layers: Collection[str], side: int) -> dict[str, Tensor | None]:
    """Give the activations of a picture `(1, 3, H, W)`, whole, as `vgg.activations` does, without a graph.

    Of layers that see every pixel they are not given, but None.
    """
    height, width = image.shape[-2:]
    found: dict[str, Tensor] = {}
    for name in layers:
        layer = vgg.network.layers[name]
        if layer.stride == 1:
            continue
        shape = (1, layer.channels, height // layer.stride, width // layer.stride)
        found[name] = image.new_empty(shape, dtype=vgg.dtype).to(memory_format=torch.channels_last)
    for tile in tiled(height, width, side, margin_of(vgg.network, found)) if found else ():
        seen = activations(vgg, tile.cut(image), found)
        for name, whole in found.items():
            stride = vgg.network.layers[name].stride
            tile.core_of_whole(whole, stride).copy_(tile.core(seen[name], stride))
    give_back_memory()
    return {name: found.get(name) for name in vgg.network.layers if name in layers}


def terms(objective: Objective, image: Tensor) -> Tensor:
    """Measure an image as `Objective.terms` does, without a graph."""
    with torch.no_grad():
        return _Whole(objective, image, 1).terms()


def gradient(objective: Objective, image: Tensor) -> tuple[Tensor, Tensor]:
    """Measure an image and find how its total changes with every pixel, as `targets.gradient` does."""
    whole = _Whole(objective, image, LOOKS)
    with torch.enable_grad():
        measured = whole.terms()
        slope, *along = torch.autograd.grad(measured[0], [whole.image, *whole.leaves()], materialize_grads=True)
    whole.take_back(along, slope)
    return measured.detach(), slope


class _Whole:
    """The sums over a whole picture, of each style layer and part, and of each content layer's squares."""

    def __init__(self, objective: Objective, image: Tensor, looks: float) -> None:
        self._objective = objective
        self._vgg = replace(objective.vgg, frugal=False)  # of a tile there is room for everything
        self.image = image.detach().requires_grad_()
        self._layers = {*objective.content, *objective.style}
        height, width = image.shape[-2:]
        margin = margin_of(objective.vgg.network, self._layers)
        assert objective.tile is not None, "the objective is measured as a whole"
        self._tiles = tiled(height, width, objective.tile, margin)
        self._larger = tiled(height, width, int(objective.tile * looks), margin)
        self._sums = {key: total.requires_grad_() for key, total in self._added_up().items()}

    def leaves(self) -> list[Tensor]:
        """Give the sums, which the objective depends on besides the image itself."""
        return list(self._sums.values())

    def terms(self) -> Tensor:
        """Make the objective of the sums."""
        objective, sums = self._objective, self._sums
        dtype, normalization = self.image.dtype, objective.options.normalization
        contents = {
            layer: (sums[layer, -1] * content_factor(self._values(layer), normalization)).to(dtype)
            for layer in objective.content
        }
        styles = {}
        for layer, goals in objective.style.items():
            found = [self.image.new_zeros((), dtype=torch.float64)]
            for n, goal in enumerate(goals):
                assert isinstance(goal.way, Summed)
                count = goal.positions if goal.mask is None else goal.mask.double().sum()
                statistic = goal.way.statistic(sums[layer, n], count)
                found.append(goal.way.between(statistic, goal.target.double(), count, share_of(goal.mask)))
            styles[layer] = torch.stack(found).sum().to(dtype)
        return objective.weighted(self.image, contents, styles)

    def take_back(self, along: Sequence[Tensor], slope: Tensor) -> None:
        """Add what the slopes along the sums are worth in pixels."""
        known = dict(zip(self._sums, along, strict=True))
        for tile in self._tiles:
            part = tile.cut(self.image.detach()).clone().requires_grad_()
            with torch.enable_grad():
                worth = torch.stack([(one.double() * known[key]).sum() for key, one in self._of(tile, part)]).sum()
            tile.cut(slope).add_(torch.autograd.grad(worth, part)[0])
        give_back_memory()

    def _added_up(self) -> dict[tuple[str, int], Tensor]:
        sums: dict[tuple[str, int], Tensor] = {}
        with torch.no_grad():
            for tile in self._larger:
                for key, one in self._of(tile, tile.cut(self.image)):
                    sums[key] = sums[key] + one if key in sums else one.double()
        give_back_memory()
        return sums

    def _of(self, tile: Tile, part: Tensor) -> Iterator[tuple[tuple[str, int], Tensor]]:
        """Give a tile's share of each sum, by layer and part of the picture; of content, which has no parts, by -1."""
        objective, known = self._objective, self._objective.vgg.network.layers
        height, width = self.image.shape[-2:]
        seen = activations(self._vgg, objective.seen(part), self._layers)
        anew = self._anew(tile)
        for layer, p in objective.content.items():
            stride = known[layer].stride
            wanted = tile.core(anew[layer], stride) if p is None else tile.core_of_whole(p, stride)
            yield (layer, -1), squares(tile.core(seen[layer], stride), wanted)
        for layer, goals in objective.style.items():
            for n, goal in enumerate(goals):
                assert isinstance(goal.way, Summed), "it needs the whole picture at once"
                v, m = _positions(tile, seen[layer], goal.mask, known[layer].stride, (height, width))
                yield (layer, n), goal.way.sums(v, m)

    def _anew(self, tile: Tile) -> dict[str, Tensor]:
        """Look at the photograph once more, for what isn't kept of it."""
        photograph = self._objective.photograph
        layers = [name for name, p in self._objective.content.items() if p is None]
        if not layers or photograph is None:
            return {}
        with torch.no_grad():
            return activations(self._vgg, tile.cut(photograph), layers)

    def _values(self, layer: str) -> int:
        """Count a layer's activations of the whole picture."""
        known = self._vgg.network.layers[layer]
        height, width = self.image.shape[-2:]
        return known.channels * (height // known.stride) * (width // known.stride)


def _positions(
    tile: Tile, seen: Tensor, mask: Tensor | None, stride: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor | None]:
    """Give the activations that count `(C, n)`, and how much `(n,)`; `size` is the picture's height and width."""
    v = tile.core(seen, stride).permute(0, 2, 3, 1).reshape(-1, seen.shape[1]).T
    if mask is None:
        return v, None
    grid = mask.view(size[0] // stride, size[1] // stride)
    return v, tile.core_of_whole(grid, stride).flatten()
