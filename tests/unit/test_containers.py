"""The container files: whom they run as, what they run, and what they hold. Nothing is built here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from io import BytesIO
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from typer.main import get_command

from service.cli import build
from service.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy").glob("*.Dockerfile"))
Instruction = tuple[str, str]

pytestmark = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def instructions(file: Path) -> list[Instruction]:
    parsed = DockerfileParser(fileobj=BytesIO(file.read_bytes())).structure
    return [(str(each["instruction"]), str(each["value"])) for each in parsed if each["instruction"] != "COMMENT"]


def last_stage(file: Path) -> list[Instruction]:
    every = instructions(file)
    return every[max(n for n, (word, _) in enumerate(every) if word == "FROM") :]


def values(file: Path, word: str) -> list[str]:
    return [value for instruction, value in last_stage(file) if instruction == word]


def variables(file: Path) -> dict[str, str]:
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)', " ".join(values(file, "ENV"))))


def test_the_linter_has_nothing_to_say(file: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([linter, "--failure-threshold", "style", file], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


def test_it_is_made_in_stages_from_a_base_that_is_named_to_the_patch(file: Path) -> None:
    bases = [value for word, value in instructions(file) if word == "FROM"]
    assert [bool(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+( AS \w+)?", base)) for base in bases] == [True, True]
    assert bases[0] != bases[-1]


def test_it_runs_as_a_user_without_rights_given_by_number(file: Path) -> None:
    *_, user = values(file, "USER")
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", user)


def test_what_it_runs_is_a_command_that_there_is(file: Path) -> None:
    [command], [check] = values(file, "CMD"), values(file, "HEALTHCHECK")
    program, name = json.loads(command)
    assert program == "impasto"
    assert name in get_command(build()).commands  # type: ignore[attr-defined]  # a group has commands
    assert json.loads(check[check.index("[") :]) == ["python", "/opt/impasto/healthy.py"]
    assert values(file, "ENTRYPOINT") == []


def test_every_setting_that_it_makes_exists_and_none_is_a_secret(file: Path) -> None:
    ours = {name for name in variables(file) if name.startswith("IMPASTO_")} - {"IMPASTO_WEIGHTS_DIR"}
    assert ours
    assert {name.removeprefix("IMPASTO_").lower() for name in ours} <= set(Settings.model_fields)
    set_here = " ".join(value for word, value in instructions(file) if word in {"ARG", "ENV"})
    assert not re.search(r"SECRET|PASSWORD|TOKEN|_KEY", set_here)
    assert [word for word, _ in instructions(file) if word in {"ADD", "VOLUME"}] == []
    assert variables(file)["IMPASTO_ENVIRONMENT"] == "production"


def test_what_may_be_said_when_it_is_built_has_a_default_and_goes_into_labels_or_is_the_weights(file: Path) -> None:
    said = dict(value.split("=") for word, value in instructions(file) if word == "ARG")
    weights = {"WEIGHTS": "vgg16"} if file.stem == "worker" else {}
    assert said == {"VERSION": "dev", "REVISION": "unknown", **weights}
    [labels] = values(file, "LABEL")
    assert 'image.version="$VERSION"' in labels
    assert 'image.revision="$REVISION"' in labels
    # Behind everything else, so that nothing is made anew for another revision.
    assert [word for word, _ in last_stage(file)][-3:] == ["ARG", "ARG", "LABEL"]


def test_whoever_watches_it_finds_it_on_the_port_that_it_names(file: Path) -> None:
    given = variables(file)
    assert (given["IMPASTO_WATCH_HOST"], given["IMPASTO_WATCH_PORT"]) == ("0.0.0.0", "9100")
    ports = [given[name] for name in ("IMPASTO_API_PORT", "IMPASTO_WATCH_PORT") if name in given]
    assert values(file, "EXPOSE") == [" ".join(ports)]


def test_it_takes_no_gpu_that_it_was_not_given(file: Path) -> None:
    assert "NVIDIA_VISIBLE_DEVICES" not in variables(file)


def test_it_writes_nothing_beside_its_temporary_files(file: Path) -> None:
    given = variables(file)
    assert (given["PYTHONDONTWRITEBYTECODE"], given["HOME"], given["TMPDIR"]) == ("1", "/tmp", "/tmp")
    assert values(file, "WORKDIR") == ["/tmp"]


def test_it_installs_what_is_pinned_and_says_what_it_is(file: Path) -> None:
    runs = " ".join(value for word, value in instructions(file) if word == "RUN")
    assert runs.count(" install --no-cache-dir ") == 2
    assert runs.count("--constraint constraints.txt") == 2
    labels = DockerfileParser(fileobj=BytesIO(file.read_bytes())).labels
    assert {f"org.opencontainers.image.{name}" for name in ("title", "description", "licenses")} <= set(labels)


def test_what_it_stands_on_is_all_that_the_project_declares_and_is_installed_before_our_own_code(file: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["worker"] if file.stem == "worker" else []
    first, own = [value for word, value in instructions(file) if word == "RUN" and " install --no-cache-dir " in value]
    program = re.search(r'python -c "([^"]+)"\s+> needed.txt', first)
    assert program is not None
    said = subprocess.run([sys.executable, "-c", program[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == [*project["dependencies"], *extra]
    assert "--requirement needed.txt" in first
    assert "--no-deps --prefix /app ." in own
    order = [value.partition(" ")[0] for word, value in instructions(file) if word == "COPY"]
    assert order.index("pyproject.toml") < order.index("service")


def test_its_layers_go_from_what_changes_seldom_to_what_changes_often(file: Path) -> None:
    layers = [value.split()[-2] for value in values(file, "COPY")]
    painter = file.stem == "worker"
    weights, sidecar = (["/weights"], []) if painter else ([], ["deploy/deletion_cost.py"])
    assert layers == ["/opt/impasto", *weights, "/app", "deploy/healthy.py", *sidecar]


def test_what_it_copies_is_let_in_and_nothing_else_is(file: Path) -> None:
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        source
        for word, value in instructions(file)
        if word == "COPY" and "--from" not in value
        for source in value.split()[:-1]
    ]
    assert "*" in let_in
    assert {f"!{source}" for source in copied} <= set(let_in)
    assert all((ROOT / source).exists() for source in copied)
    assert let_in[-2:] == ["deploy/secrets", ".env"]
