"""Style distances: what is kept of a style's activations at one layer, and how far a painting's are from it.

With V the activations at a layer as a C × N matrix, each position n counting m_n (1 everywhere without a mask),
M = Σ m_n, and A, μ', σ', Q' those of the style:

| | statistic, independent of size | E_l for `mean` | for `gatys` and `sum` |
|---|---|---|---|
| `gram` | Ḡ = V diag(m) Vᵀ / M | M/N · Σ (Ḡ − Ā)² / C² | Σ (G − A)², G = V diag(m) Vᵀ; `gatys` over 4 C² N² |
| `mean_std` | μ, σ of each channel | M/N · Σ [(μ − μ')² + (σ − σ')²] / C | the same without 1/C |
| `gaussian_w2` | μ, Ḡ = Σ + μ μᵀ | M/N · W₂² / C | the same without 1/C |
| `sliced_wasserstein` | quantiles Q of V along C directions | M/N · Σ (Q − Q')² m / M / C | the same without 1/C |

Several styles make one: their statistics are averaged, each with its share. Of Grams this has the same minimum as the
weighted sum of their distances; of quantiles it is the styles' barycentre; Gaussians are those of all styles' positions
together. M/N makes a pixel count alike in regions of every size.

To the letter, `sum` compares G = V Vᵀ with A = V Vᵀ of the style as it is, over N' positions of its own: the caller
multiplies Ā by N'/N, and here it is multiplied by M. Where masks are in play, or a style has a scale, it leaves that
out, for a larger picture would ask for larger activations.

Sources: Gatys, Ecker & Bethge, CVPR 2016 (gram); Gatys et al., "Controlling Perceptual Factors in Neural Style
Transfer", CVPR 2017 (masks: its guided Grams, with their T² = m); Li et al., "Demystifying Neural Style Transfer",
IJCAI 2017 (mean_std); Heitz et al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021, from which
this departs by orthogonal directions that are drawn once, so that the objective stays the same from step to step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from workers.painter.bures import BuresTo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from service.options import Normalization, StyleDistance


class Distance(Protocol):
    """One way to compare styles, at one layer.

    Activations V are `(C, N)`; their positions count `m` `(N,)`, or one each where it is None.
    """

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """Take the statistic."""
        ...

    def aim(self, target: Tensor) -> Term:
        """Prepare E_l for a target statistic."""
        ...


class Term(Protocol):
    """E_l at one layer, prepared for one target."""

    def __call__(self, v: Tensor, m: Tensor | None) -> Tensor:
        """Measure activations; a differentiable scalar."""
        ...


def distance(name: StyleDistance, normalization: Normalization, channels: int, positions: int, seed: int) -> Distance:
    """Choose a distance for a layer of C channels, where the painting has N positions.

    Args:
        name: of the distance.
        normalization: the column of the table.
        channels: C.
        positions: N.
        seed: of the directions that are drawn.
    """
    if name == "gram":
        return Gram(normalization, positions)
    if name == "mean_std":
        return MeanStd(normalization)
    if name == "gaussian_w2":
        return GaussianW2(normalization)
    return SlicedWasserstein(normalization, directions(channels, seed), positions)


def directions(channels: int, seed: int) -> Tensor:
    """Draw C orthogonal directions, `(C, C)` float64 on the CPU, so that every device has the same."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    along: Tensor = torch.linalg.qr(drawn).Q
    return along


def blended(statistics: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Average statistics by their shares, which add up to 1."""
    return torch.stack([share * statistic for statistic, share in zip(statistics, shares, strict=True)]).sum(0)


class Gram:
    """Compares Gram matrices: which channels are active together."""

    def __init__(self, normalization: Normalization, positions: int) -> None:
        self._normalization, self._positions = normalization, positions

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, C)`: Ḡ, the mean over positions."""
        return _moments(v, m) / _count(v, m)

    def aim(self, target: Tensor) -> Term:
        """Compare means for `mean`, else sums, A being brought to as many positions as G has."""
        channels = target.shape[0]
        if self._normalization == "mean":
            return lambda v, m: _share(m) * (self.describe(v, m) - target).square().sum() / channels**2
        factor = 1 / (4 * channels**2 * self._positions**2) if self._normalization == "gatys" else 1.0
        return lambda v, m: (_moments(v, m) - target * _count(v, m)).square().sum() * factor


class MeanStd:
    """Compares each channel's mean and standard deviation."""

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(2, C)`: μ and σ."""
        mean, centred = _centred(v, m)
        variance = _weighted(centred.square(), m).sum(1) / _count(v, m)
        # A channel that is silent everywhere would have a slope of 0 / 0.
        silent = variance <= torch.finfo(variance.dtype).tiny
        return torch.stack([mean[:, 0], torch.where(silent, 0.0, variance.masked_fill(silent, 1.0).sqrt())])

    def aim(self, target: Tensor) -> Term:
        """Compare the numbers."""
        factor = _per_channel(self._normalization, target.shape[1])
        return lambda v, m: factor * _share(m) * (self.describe(v, m) - target).square().sum()


class GaussianW2:
    """Compares the Gaussians that have the activations' means and covariances."""

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, C + 1)`: μ, then the second moments Ḡ, which can be averaged as covariances can't."""
        mean, centred = _centred(v, m)
        covariance = _moments(centred, m) / _count(v, m)
        return torch.cat([mean, covariance + mean @ mean.T], dim=1)

    def aim(self, target: Tensor) -> Term:
        """Compare means and covariances, by W₂²."""
        wanted = target[:, :1]
        factor, to = _per_channel(self._normalization, len(target)), BuresTo(target[:, 1:] - wanted @ wanted.T)

        def term(v: Tensor, m: Tensor | None) -> Tensor:
            mean, centred = _centred(v, m)
            covariance = _moments(centred, m) / _count(v, m)
            return factor * _share(m) * ((mean - wanted).square().sum() + to.distance(covariance))

        return term


class SlicedWasserstein:
    """Compares the distributions of the activations along C orthogonal directions, by W₂² of each."""

    def __init__(self, normalization: Normalization, along: Tensor, positions: int) -> None:
        self._normalization, self._along, self._positions = normalization, along, positions

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, N)`: quantiles along each direction, at (n + ½) / N for each position n of the painting."""
        values, at, weights = self._sorted(v, m)
        levels = (torch.arange(self._positions, device=v.device, dtype=v.dtype) + 0.5) / self._positions
        return torch.stack(
            [
                _interpolated(levels, quantiles[counts > 0], row[counts > 0])
                for row, quantiles, counts in zip(values, at, weights, strict=True)
            ]
        )

    def aim(self, target: Tensor) -> Term:
        """Compare the value of each position with the style's at the same quantile."""
        channels, levels = target.shape
        factor = _per_channel(self._normalization, channels)

        def term(v: Tensor, m: Tensor | None) -> Tensor:
            values, at, weights = self._sorted(v, m)
            place = (at * levels - 0.5).clamp(0, levels - 1)
            below = place.floor().long()
            above = (below + 1).clamp_max(levels - 1)
            wanted = torch.lerp(target.gather(1, below), target.gather(1, above), place - below)
            return factor * _share(m) * ((values - wanted).square() * weights).sum() / _count(v, m)

        return term

    def _sorted(self, v: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Give, `(C, N)` each and ascending: values along the directions, their quantiles in 0..1, their weights."""
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


def _moments(v: Tensor, m: Tensor | None) -> Tensor:
    """V diag(m) Vᵀ, `(C, C)`."""
    product: Tensor = _Moments.apply(v, m)
    return product


class _Moments(torch.autograd.Function):
    """The product, whose slope takes one more product and lies in memory as V does: channels last."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, m: Tensor | None) -> Tensor:
        ctx.save_for_backward(v, m)
        return _weighted(v, m) @ v.T

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        v, m = ctx.saved_tensors
        return _weighted((v.T @ (slopes[0] + slopes[0].T)).T, m), None


def _centred(v: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
    mean = _weighted(v, m).sum(1, keepdim=True) / _count(v, m)
    return mean, v - mean


def _weighted(v: Tensor, m: Tensor | None) -> Tensor:
    return v if m is None else v * m


def _count(v: Tensor, m: Tensor | None) -> Tensor | int:
    return v.shape[1] if m is None else m.sum()


def _share(m: Tensor | None) -> Tensor | float:
    return 1.0 if m is None else m.mean()


def _per_channel(normalization: Normalization, channels: int) -> float:
    return 1 / channels if normalization == "mean" else 1.0
