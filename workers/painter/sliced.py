"""The sliced Wasserstein distance: distributions of activations along directions, each compared by its quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from workers.painter.losses import wide
from workers.painter.positions import count_of, per_channel, share_of

if TYPE_CHECKING:
    from torch import Tensor

    from service.options import Normalization
    from workers.painter.distances import Term


def directions(channels: int, seed: int) -> Tensor:
    """Draw C orthogonal directions, `(C, C)` float64 on the CPU, so that every device has the same."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    along: Tensor = torch.linalg.qr(drawn).Q
    return along


class SlicedWasserstein:
    """Compares the distributions of the activations along C orthogonal directions, by W₂² of each."""

    def __init__(self, normalization: Normalization, along: Tensor, positions: int) -> None:
        self._normalization, self._along, self._positions = normalization, along, positions

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, N)`: quantiles along each direction, at (n + ½) / N for each position n of the painting."""
        values, at, weights = self._sorted(v, m)
        levels = (torch.arange(self._positions, device=v.device, dtype=values.dtype) + 0.5) / self._positions
        return torch.stack(
            [
                _interpolated(levels, quantiles[counts > 0], row[counts > 0])
                for row, quantiles, counts in zip(values, at, weights, strict=True)
            ]
        )

    def aim(self, target: Tensor) -> Term:
        """Compare the value of each position with the style's at the same quantile."""
        channels, levels = target.shape
        factor = per_channel(self._normalization, channels)

        def term(v: Tensor, m: Tensor | None) -> Tensor:
            values, at, weights = self._sorted(v, m)
            place = (at * levels - 0.5).clamp(0, levels - 1)
            below = place.floor().long()
            above = (below + 1).clamp_max(levels - 1)
            wanted = torch.lerp(target.gather(1, below), target.gather(1, above), place - below)
            return factor * share_of(m) * ((values - wanted).square() * weights).sum() / count_of(v, m)

        return term

    def _sorted(self, v: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Give, `(C, N)` each and ascending: values along the directions, their quantiles in 0..1, their weights."""
        v = wide(v)
        values, order = (self._along.to(v) @ v).sort(dim=1)
        weights = torch.ones_like(values) if m is None else m[order]
        # Summed up in float64: there may be more positions than float32 can count.
        at = (weights.double().cumsum(1) - weights / 2) / weights.double().sum(1, keepdim=True)
        return values, at.to(v), weights


def _interpolated(where: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Read a curve through (`places`, `values`), ascending, off at `where`; constant beyond its ends."""
    right = torch.searchsorted(places.contiguous(), where).clamp(0, len(places) - 1)
    left = (right - 1).clamp_min(0)
    width = (places[right] - places[left]).clamp_min(torch.finfo(places.dtype).tiny)
    return torch.lerp(values[left], values[right], ((where - places[left]) / width).clamp(0, 1))
