"""The benchmarks' baselines: that they compute what they say, and that our painter minimises the same."""

from __future__ import annotations

import pytest
import torch

from tests.benchmarks.baselines import loss_a, loss_b, run_a, scales_b, tensor
from tests.benchmarks.network import caffe, look, normalised, to_caffe, torchvision
from tests.benchmarks.objectives import STYLE, newton_root
from tests.benchmarks.ours import evaluate_a, evaluate_b
from tests.benchmarks.pairs import pair, scaled

SIZE = 64


def noisy() -> torch.Tensor:
    """Give the photograph with noise on it, within the colours' bounds."""
    image = tensor(scaled(pair("pagoda").content, SIZE))
    return (image + 0.05 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


@pytest.mark.weights
def test_the_network_written_for_caffe_sees_what_torchvisions_sees_but_for_the_edge() -> None:
    image = noisy()
    ours, theirs = look(torchvision(), normalised(image), ["relu1_1"]), look(caffe(), to_caffe(image), ["relu1_1"])
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(theirs["relu1_1"][inner] / (255 * 0.226), ours["relu1_1"][inner], rtol=1e-4, atol=1e-4)


@pytest.mark.weights
def test_our_painter_measures_what_baseline_a_minimises() -> None:
    image = noisy()
    (ours,), _ = evaluate_a(pair("pagoda"), SIZE)(image)
    assert ours.item() == pytest.approx(loss_a(pair("pagoda"), SIZE)(to_caffe(image)).item(), rel=1e-3)


@pytest.mark.weights
def test_we_minimise_what_baseline_b_minimises() -> None:
    image = noisy()
    (ours,), _ = evaluate_b(pair("pagoda"), SIZE)(image)
    assert ours.item() == pytest.approx(loss_b(pair("pagoda"), SIZE)(image).item(), rel=1e-3)


def test_newtons_iteration_takes_the_root() -> None:
    half = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    matrix = half @ half.T + torch.eye(8)
    root = newton_root(matrix)
    torch.testing.assert_close(root @ root, matrix, rtol=1e-3, atol=1e-3)


@pytest.mark.weights
def test_baseline_a_lowers_what_it_minimises() -> None:
    losses = [loss for _, loss, _ in run_a(pair("pagoda"), SIZE, 4)]
    assert losses[-1] < losses[0]


def test_the_pyramid_of_b_grows_by_the_root_of_two() -> None:
    assert scales_b(512) == [128, 181, 256, 362, 512]
    assert len(STYLE) == 5


@pytest.mark.weights
def test_bs_quick_root_gives_the_same_loss_and_slope() -> None:
    found = []
    for quick in (False, True):
        image = noisy().requires_grad_()
        loss = loss_b(pair("pagoda"), SIZE, quick=quick)(image)
        found.append((loss.detach(), torch.autograd.grad(loss, image)[0]))
    (slow, slope), (quick_one, quick_slope) = found
    torch.testing.assert_close(quick_one, slow, rtol=1e-4, atol=0)
    assert (quick_slope - slope).norm() < 1e-4 * slope.norm()
