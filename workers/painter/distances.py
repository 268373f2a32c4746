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

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch

from workers.painter.bures import BuresTo
from workers.painter.positions import centred, count_of, moments, per_channel, share_of, spread, weighted
from workers.painter.sliced import SlicedWasserstein, directions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from service.options import Normalization, StyleDistance


SILENT = 1e-12
"""Variance over mean square: below, a channel is the same everywhere, but for float64's rounding of sums."""


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


@runtime_checkable
class Summed(Distance, Protocol):
    """A distance whose statistic comes of sums over positions, so that a picture may be looked at in parts."""

    def sums(self, v: Tensor, m: Tensor | None) -> Tensor:
        """Sum up some of the positions; differentiable, and the sums of all parts add up."""
        ...

    def statistic(self, sums: Tensor, count: Tensor | float) -> Tensor:
        """Make the statistic of sums over all positions, float64, which count so much together."""
        ...

    def between(self, statistic: Tensor, target: Tensor, count: Tensor | float, share: Tensor | float) -> Tensor:
        """Measure E_l of two statistics; M and M/N are the first one's."""
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


def blended(statistics: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Average statistics by their shares, which add up to 1."""
    return torch.stack([share * statistic for statistic, share in zip(statistics, shares, strict=True)]).sum(0)


class Gram:
    """Compares Gram matrices: which channels are active together."""

    def __init__(self, normalization: Normalization, positions: int) -> None:
        self._normalization, self._positions = normalization, positions

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, C)`: Ḡ, the mean over positions."""
        return self.statistic(self.sums(v, m), count_of(v, m))

    def aim(self, target: Tensor) -> Term:
        """Compare means for `mean`, else sums, A being brought to as many positions as G has."""
        return lambda v, m: self.between(self.describe(v, m), target, count_of(v, m), share_of(m))

    def sums(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, C)`: G."""
        return moments(v, m)

    def statistic(self, sums: Tensor, count: Tensor | float) -> Tensor:
        """`(C, C)`: Ḡ = G / M."""
        return sums / count

    def between(self, statistic: Tensor, target: Tensor, count: Tensor | float, share: Tensor | float) -> Tensor:
        """Compare means, or sums."""
        squares, channels = (statistic - target).square().sum(), len(target)
        if self._normalization == "mean":
            return share * squares / channels**2
        factor = 1 / (4 * channels**2 * self._positions**2) if self._normalization == "gatys" else 1.0
        return squares * count * count * factor


class MeanStd:
    """Compares each channel's mean and standard deviation."""

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(2, C)`: μ and σ."""
        mean, rest = centred(v, m)
        variance = weighted(rest.square(), m).sum(1) / count_of(v, m)
        return _mean_std(mean[:, 0], variance, torch.finfo(variance.dtype).tiny)

    def aim(self, target: Tensor) -> Term:
        """Compare the numbers."""
        return lambda v, m: self.between(self.describe(v, m), target, count_of(v, m), share_of(m))

    def sums(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(2, C)`: of V and of its squares, in float64, for what matters is their difference."""
        counted = weighted(v.double(), m)
        return torch.stack([counted.sum(1), (counted * v).sum(1)])

    def statistic(self, sums: Tensor, count: Tensor | float) -> Tensor:
        """`(2, C)`: μ and σ."""
        mean, square = sums / count
        return _mean_std(mean, square - mean.square(), SILENT * square)

    def between(self, statistic: Tensor, target: Tensor, count: Tensor | float, share: Tensor | float) -> Tensor:
        """Compare the numbers."""
        del count
        return per_channel(self._normalization, target.shape[1]) * share * (statistic - target).square().sum()


class GaussianW2:
    """Compares the Gaussians that have the activations' means and covariances."""

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization

    def describe(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, C + 1)`: μ, then the second moments Ḡ, which can be averaged as covariances can't."""
        mean, covariance = spread(v, m)
        return torch.cat([mean, covariance + mean @ mean.T], dim=1)

    def sums(self, v: Tensor, m: Tensor | None) -> Tensor:
        """`(C, C + 1)`: Σ m V, then G, in float64, for what matters is the difference of their means."""
        v = v.double()
        return torch.cat([weighted(v, m).sum(1, keepdim=True), moments(v, m)], dim=1)

    def statistic(self, sums: Tensor, count: Tensor | float) -> Tensor:
        """`(C, C + 1)`: μ, then Ḡ."""
        return sums / count

    def between(self, statistic: Tensor, target: Tensor, count: Tensor | float, share: Tensor | float) -> Tensor:
        """Compare means and covariances, by W₂²."""
        del count
        mean, wanted = statistic[:, :1], target[:, :1]
        covariance = statistic[:, 1:] - mean @ mean.T
        to = BuresTo(target[:, 1:] - wanted @ wanted.T)
        squares = (mean - wanted).square().sum() + to.distance(covariance)
        return per_channel(self._normalization, len(target)) * share * squares

    def aim(self, target: Tensor) -> Term:
        """Compare means and covariances, by W₂²."""
        wanted = target[:, :1]
        factor, to = per_channel(self._normalization, len(target)), BuresTo(target[:, 1:] - wanted @ wanted.T)

        def term(v: Tensor, m: Tensor | None) -> Tensor:
            if v.shape[1] < len(v):
                mean, rest = centred(v, m)
                apart = to.distance_of(weighted(rest, None if m is None else m.sqrt()) / count_of(v, m) ** 0.5)
            else:
                mean, covariance = spread(v, m)
                apart = to.distance(covariance)
            return factor * share_of(m) * ((mean - wanted).square().sum() + apart)

        return term


def _mean_std(mean: Tensor, variance: Tensor, least: Tensor | float) -> Tensor:
    """`(2, C)`; a channel that is silent everywhere would have a slope of 0 / 0."""
    silent = variance <= least
    return torch.stack([mean, torch.where(silent, 0.0, variance.masked_fill(silent, 1.0).sqrt())])
