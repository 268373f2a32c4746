"""The pretrained networks on this machine's disk: what is there, is it whole, load it.

They lie in one folder as `<network>-<the first eight digits of the file's SHA-256>.safetensors`. Where a
network has several, the one pulled last counts.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.errors import WeightsMissing
from workers.painter import sources

if TYPE_CHECKING:
    import torch

PURPOSES = {
    "vgg16": "painting, unless told otherwise; LPIPS",
    "vgg19": "painting, when asked for",
    "alexnet": "judging pictures (LPIPS)",
}


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A converted network on the disk; `sha8` is what its name says."""

    network: str
    path: Path
    sha8: str
    size: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What a file's content has shown; `sha256` is None where it can't be read."""

    file: WeightsFile
    sha256: str | None
    intact: bool


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """A network's tensors, float32 on the CPU, and SHA-256 of the file that they were read from.

    They have torchvision's names, `features.0.weight` and so on; where the file has LPIPS's heads,
    `lin0.weight` … `lin4.weight` (1, C, 1, 1) are among them.
    """

    tensors: dict[str, torch.Tensor]
    sha256: str


def default_folder() -> Path:
    """Name the folder: `IMPASTO_WEIGHTS_DIR`, else `impasto/weights` in the user's (XDG) cache folder."""
    if chosen := os.environ.get("IMPASTO_WEIGHTS_DIR"):
        return Path(chosen).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "impasto" / "weights"


def stored(folder: Path | None = None) -> tuple[WeightsFile, ...]:
    """List what is there, by network, the one that counts first. Nothing is read but names and sizes."""
    found = [
        (file.stat(), WeightsFile(name[1], file, name[2], file.stat().st_size))
        for file in (folder or default_folder()).glob("*.safetensors")
        if (name := re.fullmatch(r"(\w+)-([0-9a-f]{8})\.safetensors", file.name)) and name[1] in PURPOSES
    ]
    found.sort(key=lambda pair: (tuple(PURPOSES).index(pair[1].network), -pair[0].st_mtime_ns, pair[1].sha8))
    return tuple(file for _, file in found)


def in_use(network: str, folder: Path | None = None) -> WeightsFile | None:
    """Say which file of a network counts, if there is one."""
    return next((file for file in stored(folder) if file.network == network), None)


def require(network: str, folder: Path | None = None) -> WeightsFile:
    """Give the file of a network that counts; nothing is read but its name.

    Raises:
        WeightsMissing: there is none; the message tells the command.
    """
    file = in_use(network, folder)
    if file is None:
        place = folder or default_folder()
        raise WeightsMissing(f"There are no weights of {network} in {place}: run `impasto weights pull {network}`.")
    return file


def is_intact(file: WeightsFile, sha256: str) -> bool:
    """Say whether a file with this digest is what its name says; of a pinned file, all digits count."""
    pinned = sources.CONVERTED_SHA256.get(file.network, "")
    return sha256.startswith(pinned if pinned.startswith(file.sha8) else file.sha8)


def verify(folder: Path | None = None) -> tuple[Verified, ...]:
    """Hash every file that is there."""
    return tuple(_verified(file) for file in stored(folder))


def _verified(file: WeightsFile) -> Verified:
    try:
        sha256 = sources.sha256_of(file.path)
    except OSError:
        return Verified(file, sha256=None, intact=False)
    return Verified(file, sha256, intact=is_intact(file, sha256))


def load(network: str, folder: Path | None = None) -> LoadedWeights:
    """Read a network, and hash its file on the way.

    Raises:
        WeightsMissing: it is not there, or damaged; the message tells the command.
    """
    from safetensors.torch import load as tensors_of  # noqa: PLC0415 - the rest of this file does without torch

    file = require(network, folder)
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise WeightsMissing(f"{file.path} can't be read: {error.strerror}.") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if not is_intact(file, sha256):
        raise WeightsMissing(f"{file.path} is damaged: run `impasto weights pull {network}` again.")
    kept = {name: tensor.float() for name, tensor in tensors_of(data).items() if name.startswith(("features.", "lin"))}
    return LoadedWeights(kept, sha256)
