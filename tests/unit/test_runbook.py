"""The runbook: each command in it is one that there is, with the options, services and objects that it names."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from service.cli import build
from service.settings import Settings
from tests.containers.stack import blocks, console

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "deploy/runbook.md").read_text()
LINE = re.compile(r"(?:'[^']*'|[^'\n])+")
"""With what stands between single quotes, over several lines, too."""
VERBS = {"exec": "one", "cp": "one", "run": "some"} | dict.fromkeys(("up", "stop", "build", "logs", "ps"), "all")
"""Of Compose: whether the name of one service follows, one for each word, or one among options and their values."""


def commands() -> list[str]:
    """List what stands in blocks of shell, a command each, and what stands between backticks."""
    shell = re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL)
    lines = LINE.findall("\n".join(shell).replace("\\\n", " "))
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL))
    return sorted({part for line in [*lines, *inline] for part in parted(line.partition(" #")[0])})


def parted(line: str) -> list[str]:
    """Part a line at what stands between commands, and outside of quotes."""
    words = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    words.whitespace_split, words.commenters = True, ""
    commands = [[""]]
    for word in words:
        commands = [*commands, []] if set(word) <= set("&|;") else [*commands[:-1], [*commands[-1], word]]
    return [shlex.join(filter(None, command)) for command in commands]


def those_of(program: str) -> list[str]:
    found = [command for command in commands() if command.startswith(f"{program} ")]
    assert found, program
    return found


@pytest.mark.parametrize("line", those_of("impasto"))
def test_our_own_commands_are_there_with_their_options(line: str) -> None:
    words = shlex.split(line.replace("…", "X"))[1:]
    command: Any = get_command(build())
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands") or set(words) <= {"X"}, f"there is no {words}"
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("line", those_of("docker compose"))
def test_compose_has_the_services_and_profiles(line: str) -> None:
    files = re.findall(r"-f (\S+)", line) or ["docker-compose.yml"]
    services = {
        name: each for file in files for name, each in yaml.safe_load((ROOT / file).read_text())["services"].items()
    }
    words = [word for word in shlex.split(line) if not word.startswith("-")]
    verb = next(n for n, word in enumerate(words) if word in VERBS)
    named = words[verb + 1 : verb + 2] if VERBS[words[verb]] == "one" else words[verb + 1 :]
    named = [re.split("[=:]", word)[0] for word in named if not re.fullmatch(r"[\d.]+|\S+\.yml|[A-Z]\w*", word)]
    if VERBS[words[verb]] == "some":
        named = [name for name in named if name in services]
        assert named, line
    assert set(named) <= {*services, "…"}, line
    for profile in re.findall(r"--profile (\S+)", line):
        assert any(profile in each.get("profiles", []) for each in services.values())


def test_kubectl_speaks_of_objects_that_there_are() -> None:
    names = {
        f"{each['kind'].lower()}/{each['metadata']['name']}"
        for file in (ROOT / "deploy/kubernetes").rglob("*.yaml")
        for each in yaml.safe_load_all(file.read_text())
        if each and each.get("kind") and each.get("metadata", {}).get("name")
    }
    spoken = {name for line in those_of("kubectl") for name in re.findall(r"deploy(?:ment)?/([\w-]+)", line)}
    assert spoken
    assert {f"deployment/{name}" for name in spoken} <= names


def test_every_setting_and_file_that_it_names_exists() -> None:
    settings = {f"IMPASTO_{name.upper()}" for name in Settings.model_fields}
    settings |= {"IMPASTO_WEIGHTS_DIR", "IMPASTO_URL", "IMPASTO_KEY"}
    assert set(re.findall(r"IMPASTO_[A-Z0-9_]+", RUNBOOK)) <= settings
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", RUNBOOK):
        assert (ROOT / "deploy" / target).exists(), target
    for path in re.findall(r"`(deploy/[\w./-]+)`", RUNBOOK):
        assert (ROOT / path).exists(), path


def test_the_blocks_that_make_containers_runs_are_there_and_can_be_read_by_a_shell() -> None:
    sections = {"Install": 1, "Upgrade": 1, "Back up and restore": 3, "Drain a node": 1, "Rotate keys": 2, "Alerts": 1}
    assert {heading: len(blocks(heading)) for heading in sections} == sections
    for script in (console(), *(block for heading in sections for block in blocks(heading))):
        read = subprocess.run(("bash", "-n"), input=script, capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, ""), script
