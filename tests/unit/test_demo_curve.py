from __future__ import annotations

import numpy as np
import pytest

from api.demo.curve import LossPoint, loss_plot

CURVE = [LossPoint(n, 10 / (n + 1), 4 / (n + 1), 6 / (n + 1)) for n in range(30)]
FROM_CONTENT = [LossPoint(0, 1.0, 0.0, 1.0), LossPoint(1, 0.8, 0.1, 0.7)]


@pytest.mark.parametrize("points", [CURVE, CURVE[:1], FROM_CONTENT, FROM_CONTENT[:1]])
def test_the_curve_is_drawn_from_however_many_points(points: list[LossPoint]) -> None:
    plot = loss_plot(points)
    assert (plot.mode, plot.size) == ("RGB", (1200, 675))
    empty = np.asarray(loss_plot([]))
    assert 0.002 < (np.asarray(plot) != empty).any(axis=-1).mean() < 0.2


def test_a_plot_of_nothing_is_a_plot_without_a_curve() -> None:
    assert loss_plot([]).size == (1200, 675)
