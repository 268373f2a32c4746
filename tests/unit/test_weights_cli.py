from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from service.errors import SetupError
from tests.weight_files import digest, write_state_dict, write_weights
from workers.weights_cli import weights_app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the commands use."""
    folder = tmp_path / "weights"
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(folder))
    monkeypatch.setenv("COLUMNS", "120")
    return folder


def run(*arguments: object) -> tuple[int, str]:
    """Run `impasto weights …`; return its exit code and what it wrote to stdout."""
    result = CliRunner().invoke(weights_app(), [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_pull_says_where_the_file_lies_and_the_second_time_that_it_was_there(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")
    command = ("pull", "alexnet", "--from", file, "--sha256", digest(file))

    first, second = run(*command), run(*command)

    path = next(folder.iterdir())
    assert first == (0, f"alexnet: pulled and verified: {path} (9.9 MB)\n")
    assert second == (0, f"alexnet: already there, verified: {path} (9.9 MB)\n")


def test_pull_answers_as_json(tmp_path: Path, folder: Path) -> None:
    file = write_state_dict(tmp_path / "own.pth", "alexnet")

    code, out = run("pull", "alexnet", "--from", file, "--sha256", digest(file), "--json")

    path = next(folder.iterdir())
    expected = {
        "network": "alexnet",
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha8": digest(path)[:8],
    }
    assert (code, json.loads(out)) == (0, {**expected, "sha256": digest(path), "fresh": True})


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments",
    [("vgg11",), ("vgg19", "--from", "s3://bucket/vgg19.pth"), ("vgg19", "--from", "own.pth"), ()],
)
def test_a_wish_that_makes_no_sense_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run("pull", *arguments) == (2, "")


@pytest.mark.usefixtures("folder")
def test_a_failed_pull_is_an_error_of_the_house() -> None:
    with pytest.raises(SetupError, match=r"There is no file own.pth"):
        run("pull", "vgg19", "--from", "own.pth", "--sha256", "0" * 64)


def test_list_shows_what_is_there_and_what_is_not(folder: Path) -> None:
    file = write_weights(folder, "vgg19", b"content")

    code, out = run("list")

    lines = out.splitlines()
    assert (code, lines[0]) == (0, str(folder))
    assert [line.split()[:2] for line in lines[2:]] == [["vgg19", "yes"], ["vgg16", "no"], ["alexnet", "no"]]
    assert file.stem.removeprefix("vgg19-") in lines[2]


def test_list_answers_as_json(folder: Path) -> None:
    file = write_weights(folder, "alexnet", b"content")

    code, out = run("list", "--json")

    here = {"network": "alexnet", "path": str(file), "bytes": 7, "sha8": file.stem[-8:], "present": True}
    missing = [{"network": network, "present": False} for network in ("vgg16", "vgg19")]
    assert code == 0
    assert json.loads(out) == {"folder": str(folder), "weights": [{**here, "in_use": True}, *missing]}


def test_verify_ends_with_0_when_every_file_is_intact(folder: Path) -> None:
    file = write_weights(folder, "vgg16", b"content")

    assert run("verify") == (0, f"{file}  intact\n")


def test_verify_ends_with_1_when_a_file_is_damaged(folder: Path) -> None:
    file = write_weights(folder, "vgg16", b"content")
    file.write_bytes(b"contents")

    code, out = run("verify", "--json")

    expected = {"network": "vgg16", "path": str(file), "bytes": 8, "sha8": file.stem[-8:]}
    assert (code, json.loads(out)) == (1, [{**expected, "sha256": digest(file), "intact": False}])
    assert run("verify") == (1, f"{file}  DAMAGED: pull vgg16 again\n")


def test_verify_says_when_there_is_nothing(folder: Path) -> None:
    assert run("verify") == (0, f"There are no weights in {folder}.\n")


def test_the_commands_need_no_torch_to_be_offered() -> None:
    """Without the extra [worker] the other commands of `impasto` still work, and these show their help."""
    code = (
        "import sys; from workers.weights_cli import weights_app; weights_app();"
        "print({'torch', 'torchvision', 'safetensors'} & set(sys.modules))"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "set()\n"
