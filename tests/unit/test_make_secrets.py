"""The secrets of docker-compose.yml: fresh, kept, and closed to everybody else on the machine."""

from __future__ import annotations

import json
import runpy
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from service.address import read_address

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "deploy" / "make_secrets.py"
TOGETHER = (
    ("redis.conf", "impasto_redis_url"),
    ("seaweedfs_s3.json", "seaweedfs_security.toml", "impasto_s3_access_key_id", "impasto_s3_secret_access_key"),
    ("grafana_admin_password",),
)
"""Files of one secret each."""
NAMES = {name for group in TOGETHER for name in group}


def made(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, PROGRAM, folder], capture_output=True, text=True, check=False)


def held(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything in it."""
    assert made(tmp_path / "secrets").returncode == 0
    return tmp_path / "secrets"


def test_each_side_of_a_secret_gets_the_same(folder: Path) -> None:
    files = held(folder)
    address = read_address(files["impasto_redis_url"])
    assert files["redis.conf"] == f"requirepass {address.password}\n"
    [identity] = json.loads(files["seaweedfs_s3.json"])["identities"]
    keys = {"accessKey": files["impasto_s3_access_key_id"], "secretKey": files["impasto_s3_secret_access_key"]}
    assert identity["credentials"] == [keys]
    signing = tomllib.loads(files["seaweedfs_security.toml"])["jwt"]
    doors = [signing[door][way] for door in ("signing", "filer_signing") for way in ("key", "read")]
    assert len({door["key"] if isinstance(door, dict) else door for door in doors}) == 4
    assert set(files) == NAMES


def test_no_two_are_the_same_and_none_is_made_twice(folder: Path, tmp_path: Path) -> None:
    made(tmp_path / "others")
    mine, others = held(folder), held(tmp_path / "others")
    assert {name for name in NAMES if mine[name] == others[name]} == set()
    assert len({mine[name] for name in NAMES}) == len(NAMES)
    assert all(len(mine[name]) >= 20 for name in NAMES)


def test_it_says_what_it_wrote_and_no_value(tmp_path: Path) -> None:
    said = made(tmp_path / "secrets")
    assert set(said.stdout.split()) == {str(tmp_path / "secrets" / name) for name in NAMES}
    secret = [value for text in held(tmp_path / "secrets").values() for value in text.replace('"', " ").split()]
    assert [value for value in secret if len(value) >= 20 and value in said.stdout + said.stderr] == []


def test_nobody_else_gets_to_the_files_and_whoever_they_are_mounted_for_can_read_them(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_the_modes_are_the_same_whatever_the_umask(tmp_path: Path) -> None:
    for umask in (0o000, 0o022, 0o077):
        place = tmp_path / f"{umask:o}"
        subprocess.run([sys.executable, PROGRAM, place], umask=umask, check=True, capture_output=True)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert {stat.S_IMODE((place / name).stat().st_mode) for name in NAMES} == {0o444}


def test_what_is_there_is_left_as_it_is(folder: Path) -> None:
    before = held(folder)
    again = made(folder)
    assert (again.returncode, again.stdout) == (0, f"{folder}: everything is there already\n")
    assert held(folder) == before


@pytest.mark.parametrize("group", TOGETHER, ids=lambda group: group[0])
def test_a_secret_that_is_missing_altogether_is_made_beside_the_others(folder: Path, group: tuple[str, ...]) -> None:
    before = held(folder)
    for name in group:
        (folder / name).unlink()
    assert set(made(folder).stdout.split()) == {str(folder / name) for name in group}
    after = held(folder)
    assert {name for name in NAMES if before[name] != after[name]} == set(group)


@pytest.mark.parametrize("gone", sorted(NAMES - {"grafana_admin_password"}))
def test_half_a_secret_is_not_made_up_for(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    (folder / "grafana_admin_password").unlink()
    before = held(folder)
    again = made(folder)
    assert again.returncode == 1
    assert f"no {gone}. Put it back" in again.stderr
    assert held(folder) == before


def test_a_folder_that_others_can_enter_is_refused_and_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    refused = made(tmp_path)
    assert (refused.returncode, f"chmod 700 {tmp_path}" in refused.stderr) == (1, True)
    assert (held(tmp_path), stat.S_IMODE(tmp_path.stat().st_mode)) == ({}, 0o755)


def test_its_own_folder_gets_neither_into_git_nor_into_an_image() -> None:
    default: Path = runpy.run_path(str(PROGRAM))["FOLDER"]
    assert default == ROOT / "deploy" / "secrets"
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text().splitlines()
