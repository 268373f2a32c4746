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
    monkeypatch.setattr(Confined, "lacking", lambda _: ["files", "calls"])
    [found] = look_at_decoding(Settings())
    assert found.verdict == "warning"
    assert "open files (Landlock, Linux 5.13), make any call of the system (seccomp)" in found.fact
    with structlog.testing.capture_logs() as logged, sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
    assert [(line["event"], line["lacking"]) for line in logged] == [("ingest_confined_in_part", ["files", "calls"])]
