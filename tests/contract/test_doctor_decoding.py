"""What is said of how strangers' images are decoded, by the doctor and in the log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import structlog

from service.checks.decoding import look_at_decoding
from service.sandbox.confinement import Confined
from service.settings import Settings
from tests.contract.test_sandbox import LIMITS, linux, sandbox
from tests.images import photograph_bytes


@linux
def test_the_doctor_says_how_images_are_decoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [found] = look_at_decoding(Settings())
    assert (found.name, found.verdict) == ("ingest", "ok")
    [found] = look_at_decoding(Settings(ingest_memory_bytes=1024**2))
    assert (found.name, found.verdict) == ("ingest", "wrong")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    [found] = look_at_decoding(Settings())
    assert (found.name, found.verdict) == ("ingest", "wrong")


def test_what_the_kernel_does_not_take_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Confined, "left_open", lambda _: ["files", "calls"])
    [found] = look_at_decoding(Settings())
    assert found.verdict == "warning"
    assert "open files (Landlock, Linux 5.13), make any call of the system (seccomp)" in found.fact
    with structlog.testing.capture_logs() as logged, sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
    assert [(line["event"], line["left_open"]) for line in logged] == [("ingest_confined_in_part", ["files", "calls"])]


@pytest.mark.parametrize(
    ("refused", "left_open"),
    [
        ({"network"}, []),
        ({"files", "network"}, []),
        ({"privileges"}, ["privileges"]),
        ({"files", "calls"}, ["files", "calls"]),
    ],
)
def test_where_few_calls_are_left_neither_files_nor_networks_are_open(refused: set[str], left_open: list[str]) -> None:
    """As under a container's usual profile, which permits no namespace."""
    taken = {name: name not in refused for name in ("files", "network", "privileges", "calls")}
    assert Confined(**taken).left_open() == left_open
