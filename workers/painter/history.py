"""The steps that an optimiser remembers: rows as long as the image has values, in full or in half the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Rows:
    """So many rows of the length of an image, zeros at first.

    Args:
        count: of rows.
        like: an image; rows have its device, and are given in its dtype.
        halves: keep them in float16, each over its largest magnitude, for changes of slope are far below what that can
            hold; 11 bits of each value are as good as 24 for what is known of the curvature.
    """

    def __init__(self, count: int, like: Tensor, *, halves: bool = False) -> None:
        """Make room."""
        kept = torch.float16 if halves else like.dtype
        self._rows = torch.zeros(count, like.numel(), dtype=kept, device=like.device)
        self._largest = torch.ones(count, dtype=like.dtype, device=like.device)
        self._dtype = like.dtype

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rows)

    def put(self, row: int, values: Tensor) -> None:
        """Keep an image's values as a row."""
        if self._rows.dtype == self._dtype:
            self._rows[row] = values.flatten()
            return
        largest = torch.linalg.vector_norm(values, torch.inf)
        self._largest[row] = torch.where(largest == 0, 1.0, largest)
        self._rows[row] = values.flatten() / self._largest[row]

    def row(self, row: int) -> Tensor:
        """Give a row `(n,)`, as it is kept."""
        if self._rows.dtype == self._dtype:
            return self._rows[row]
        return self._rows[row].to(self._dtype).mul_(self._largest[row])

    def along(self, values: Tensor) -> Tensor:
        """Give each row's product with values `(n,)`: `(count,)`."""
        if self._rows.dtype == self._dtype:
            return self._rows @ values
        return torch.stack([torch.dot(self.row(n), values) for n in range(len(self))])

    def mixed(self, weights: Tensor) -> Tensor:
        """Add the rows up, each times its weight: `(n,)`."""
        if self._rows.dtype == self._dtype:
            return self._rows.T @ weights
        total = self.row(0).mul_(weights[0])
        for n in range(1, len(self)):
            total.addcmul_(self.row(n), weights[n])
        return total

    def halves(self, row: int) -> tuple[Tensor, Tensor]:
        """Give a row in float16 over its largest magnitude, and that magnitude."""
        if self._rows.dtype == torch.float16:
            return self._rows[row], self._largest[row]
        largest = torch.linalg.vector_norm(self._rows[row], torch.inf)
        return (self._rows[row] / torch.where(largest == 0, 1.0, largest)).half(), largest
