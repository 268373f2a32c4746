"""The doctor at a stack that runs in earnest."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from service.checks.finding import Finding
from service.cli import commands
from tests.e2e.up_process import Up
from tests.findings import amiss, named

pytestmark = pytest.mark.servers


def test_of_what_impasto_up_runs_on_a_folder_there_is_nothing_but_good_to_say(
    up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMPASTO_REDIS_URL", raising=False)
    app = typer.Typer()
    commands(app)
    result = CliRunner().invoke(app, ["doctor", "--data", str(up.data), "--json"])
    found = [Finding(**finding) for finding in json.loads(result.stdout)["findings"]]
    assert (result.exit_code, amiss(found)) == (0, {})
    assert "1 worker at work" in named(found, "workers").fact
    assert "1 keeper at work" in named(found, "keeper").fact
