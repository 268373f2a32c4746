"""The command line: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import httpx
import pytest
from PIL import Image

from service.embedded.running import RunningStack
from tests.e2e.command import impasto
from tests.e2e.up_process import Up
from tests.images import photograph_bytes

pytestmark = [pytest.mark.servers, pytest.mark.weights]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    photo, painting = tmp_path / "photo.png", tmp_path / "painting.png"
    photo.write_bytes(photograph_bytes())
    painting.write_bytes(photograph_bytes(80, 80))
    return photo, painting


def test_submit_leaves_the_picture_and_its_path_is_the_last_line(up: Up, files: tuple[Path, Path]) -> None:
    out = files[0].with_name("out.jpg")
    run = impasto("submit", *files, "-o", out, "--size", "64", "--iterations", "2", "--data", up.data)
    assert (run.returncode, run.stdout) == (0, f"{out}\n"), run.stderr
    with Image.open(out) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 43))


def test_submit_shows_the_picture_where_it_is_asked_to(up: Up, files: tuple[Path, Path]) -> None:
    run = impasto(
        "submit", *files, "-o", files[0].with_name("out.png"), "--size", "64", "--iterations", "2",
        "--data", up.data, "--preview", "blocks",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "▀" * 3 in re.sub(r"\x1b\[[\d;]*m", "", run.stderr)
    assert "▀" not in run.stdout


def test_an_error_that_nobody_thought_of_has_a_traceback_only_where_asked_for(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    (tmp_path / "lock").write_text(str(os.getpid()))
    told = impasto("jobs", "list", "--data", tmp_path)
    assert (told.returncode, "Traceback" in told.stderr) == (1, False)
    assert "--traceback" in told.stderr
    assert "Traceback" in impasto("--traceback", "jobs", "list", "--data", tmp_path).stderr


def test_submit_answers_in_json(up: Up, files: tuple[Path, Path]) -> None:
    out = files[0].with_name("out.png")
    options = [part for pair in ("size=64", "iterations=2", "pooling=avg") for part in ("-O", pair)]
    run = impasto("submit", *files, "-o", out, *options, "--data", up.data, "--json")
    answer = json.loads(run.stdout)
    assert (answer["picture"], answer["job"]["status"]) == (str(out), "succeeded")
    assert answer["job"]["spec"]["options"]["pooling"] == "avg"
    assert run.stderr == ""


def test_submit_names_the_wrong_field_and_fails(up: Up, files: tuple[Path, Path]) -> None:
    run = impasto("submit", *files, "-o", "x.png", "-O", "siez=64", "--data", up.data)
    assert run.returncode == 1
    assert "/options/siez" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "out.gif"], 1, "/output/format"),
        (["-o", "out.png", "-O", "size"], 1, "name=value"),
        (["-o", "out.png", "--data", "nowhere"], 1, "No stack runs on nowhere"),
        (["-o", "out.png", "--url", "http://127.0.0.1:1", "--key", "k"], 3, "can't be reached"),
        (["-o", "out.png", "--url", "http://127.0.0.1:1"], 1, "both --url and --key"),
        (["-o", "out.png", "--url", "http://127.0.0.1:1", "--key", "é"], 1, "plain ASCII"),
        (["-o", "missing/out.png"], 1, "There is no folder"),
        ([], 2, "--out"),
    ],
)
def test_a_command_that_can_not_work_says_why(
    files: tuple[Path, Path], arguments: list[str], code: int, said: str
) -> None:
    run = impasto("submit", *files, *arguments)
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_render_paints_here_without_any_server(files: tuple[Path, Path]) -> None:
    out = files[0].with_name("out.webp")
    run = impasto(
        "render",
        *files,
        "-o",
        out,
        "--size",
        "64",
        "--iterations",
        "2",
        "--json",
        IMPASTO_REDIS_URL="redis://127.0.0.1:1",
    )
    answer = json.loads(run.stdout)
    assert answer["report"]["loss"]["after"]["total"] < answer["report"]["loss"]["before"]["total"]
    with Image.open(out) as picture:
        assert (picture.format, picture.size) == ("WEBP", (64, 43))


def test_render_and_submit_paint_the_same_picture(up: Up, files: tuple[Path, Path]) -> None:
    here, there = (files[0].with_name(name) for name in ("here.png", "there.png"))
    impasto("render", *files, "-o", here, "--size", "64", "--iterations", "2")
    impasto("submit", *files, "-o", there, "--size", "64", "--iterations", "2", "--data", up.data)
    assert here.read_bytes() == there.read_bytes()


def test_render_refuses_a_file_that_is_no_picture(tmp_path: Path, files: tuple[Path, Path]) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    run = impasto("render", files[0], text, "-o", tmp_path / "out.png")
    assert run.returncode == 1
    assert "text.png: This is no JPEG, PNG, WebP or TIFF image." in run.stderr


def test_a_worker_without_weights_does_not_start(tmp_path: Path) -> None:
    run = impasto("worker", IMPASTO_WEIGHTS_DIR=str(tmp_path))
    assert run.returncode == 1
    assert "impasto weights pull vgg16" in run.stderr


def test_keys_are_made_listed_and_revoked(stack: RunningStack) -> None:
    environment = {"IMPASTO_REDIS_URL": stack.redis_url}
    key = json.loads(impasto("keys", "create", "shop", "--tenant", "acme", "--json", **environment).stdout)["key"]
    key_id = key.split("_")[1]
    impasto("keys", "create", "[/odd]", **environment)
    listed = json.loads(impasto("keys", "list", "--json", **environment).stdout)
    [own] = [one for one in listed if one["id"] == key_id]
    assert (own["tenant"], own["name"], own["scopes"]) == ("acme", "shop", ["jobs:read", "jobs:write"])
    table = impasto("keys", "list", **environment).stdout
    assert key_id in table
    assert "[/odd]" in table
    assert httpx.get(f"{stack.url}/v1/jobs/x", headers={"Authorization": f"Bearer {key}"}).status_code == 404
    rotated = json.loads(impasto("keys", "rotate", key_id, "--overlap-hours", "0", "--json", **environment).stdout)[
        "key"
    ]
    for secret, status in ((key, 401), (rotated, 404)):
        assert httpx.get(f"{stack.url}/v1/jobs/x", headers={"Authorization": f"Bearer {secret}"}).status_code == status
    assert json.loads(impasto("keys", "revoke", key_id, "--json", **environment).stdout) == {"revoked": key_id}
    assert httpx.get(f"{stack.url}/v1/jobs/x", headers={"Authorization": f"Bearer {rotated}"}).status_code == 401
    assert impasto("keys", "revoke", key_id, **environment).returncode == 1


def test_the_demo_knows_its_palettes(tmp_path: Path) -> None:
    run = impasto("demo", "--palette", "mud", "--data", tmp_path)
    assert run.returncode == 1
    assert "/palette" in run.stderr
    assert "dusk, harvest, tide" in run.stderr


def test_every_command_has_help_with_what_it_does() -> None:
    commands = [
        ["up"],
        ["down"],
        ["api"],
        ["worker"],
        ["keeper"],
        ["submit"],
        ["render"],
        ["measure"],
        ["demo"],
        ["openapi"],
    ]
    commands += [["keys", "create"], ["keys", "list"], ["keys", "revoke"], ["weights", "pull"], ["weights", "list"]]
    for command in commands:
        run = impasto(*command, "--help")
        assert run.returncode == 0
        assert "Usage: impasto " + " ".join(command) in run.stdout
    assert impasto("--version").stdout.startswith("impasto ")
