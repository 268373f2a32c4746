from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from service.errors import WeightsMissing
from tests.weight_files import write_weights
from workers.painter import checkpoints, sources, weights

if TYPE_CHECKING:
    from pathlib import Path

FIRST_FILTER = (-0.5537306, 0.1427047, 0.5289615)
FIRST_BIASES = (0.403388, 0.37779424, 0.46436158)
CHANNELS = {"vgg16": (64, 128, 256, 512, 512), "alexnet": (64, 192, 384, 256, 256)}


def real_weights(network: str) -> weights.LoadedWeights:
    """A network that was really pulled: a machine without it skips, CI must have it."""
    if weights.in_use(network) is None and not os.environ.get("CI"):
        pytest.skip(f"needs `impasto weights pull {network}`")
    return weights.load(network)


def test_absent_weights_are_reported_with_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="impasto weights pull vgg16"):
        weights.load("vgg16", tmp_path / "nowhere")


def test_damaged_weights_are_not_loaded(tmp_path: Path) -> None:
    file = write_weights(tmp_path, "vgg16", b"".join(checkpoints.safetensors_bytes({}, {})))
    file.write_bytes(file.read_bytes() + b"\0")

    with pytest.raises(WeightsMissing, match="damaged: run `impasto weights pull vgg16` again"):
        weights.load("vgg16", tmp_path)


def test_loading_keeps_convolutions_as_float32_and_leaves_the_classifier(tmp_path: Path) -> None:
    tensors = {"features.0.bias": np.ones(2, np.float32), "classifier.0.bias": np.ones(2, np.float32)}
    content = b"".join(checkpoints.safetensors_bytes(tensors, {}))
    write_weights(tmp_path, "alexnet", content)

    loaded = weights.load("alexnet", tmp_path)

    assert loaded.sha256 == sha256(content).hexdigest()
    assert {name: tensor.dtype for name, tensor in loaded.tensors.items()} == {"features.0.bias": torch.float32}


def test_of_several_files_the_one_pulled_last_counts(tmp_path: Path) -> None:
    older, newer = (write_weights(tmp_path, "vgg19", content) for content in (b"older", b"newer"))
    os.utime(older, (1, 1))

    assert [file.path for file in weights.stored(tmp_path)] == [newer, older]
    os.utime(newer, (0, 0))
    assert [file.path for file in weights.stored(tmp_path)] == [older, newer]


def test_only_weights_are_listed(tmp_path: Path) -> None:
    for name in (
        "vgg16-1234567.safetensors",
        "vgg11-12345678.safetensors",
        "vgg16-12345678.pth",
        "notes.txt",
    ):
        (tmp_path / name).touch()

    assert weights.stored(tmp_path) == ()


def test_verifying_finds_the_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    whole, damaged = (write_weights(tmp_path, network, b"content") for network in ("vgg19", "alexnet"))
    damaged.write_bytes(b"contents")

    assert {one.file.path: one.intact for one in weights.verify(tmp_path)} == {whole: True, damaged: False}


def test_a_file_that_claims_a_pinned_name_must_have_the_whole_pinned_digest(tmp_path: Path) -> None:
    pin = sources.CONVERTED_SHA256["vgg16"]
    file = weights.WeightsFile("vgg16", tmp_path, pin[:8], 1)

    assert weights.is_intact(file, pin)
    assert not weights.is_intact(file, pin[:8] + "0" * 56)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"IMPASTO_WEIGHTS_DIR": "/srv/weights", "XDG_CACHE_HOME": "/var/cache"}, "/srv/weights"),
        ({"XDG_CACHE_HOME": "/var/cache"}, "/var/cache/impasto/weights"),
        ({"XDG_CACHE_HOME": "relative/is/ignored"}, "/home/ann/.cache/impasto/weights"),
        ({}, "/home/ann/.cache/impasto/weights"),
    ],
)
def test_the_folder_is_the_chosen_one_or_lies_in_the_users_cache(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IMPASTO_WEIGHTS_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/ann"} | environment).items():
        monkeypatch.setenv(name, value)

    assert str(weights.default_folder()) == expected


@pytest.mark.weights
@pytest.mark.parametrize("network", ["vgg16", "alexnet"])
def test_the_pulled_network_has_torchvisions_shapes_and_lpips_heads_and_is_the_pinned_one(
    network: str,
) -> None:
    loaded = real_weights(network)

    heads = {f"lin{k}.weight": (1, channels, 1, 1) for k, channels in enumerate(CHANNELS[network])}
    shapes = {name: tuple(tensor.shape) for name, tensor in loaded.tensors.items()}
    assert shapes == {**checkpoints.convolutions(network), **heads}
    assert loaded.sha256 == sources.CONVERTED_SHA256[network]


@pytest.mark.weights
def test_the_pulled_vgg16_begins_as_torchvisions_does() -> None:
    tensors = real_weights("vgg16").tensors

    assert tensors["features.0.weight"].flatten()[:3].tolist() == pytest.approx(FIRST_FILTER)
    assert tensors["features.0.bias"][:3].tolist() == pytest.approx(FIRST_BIASES)
