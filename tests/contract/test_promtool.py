"""What Prometheus' own tool says of what it is given."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "question",
    [
        ("check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"),
        ("check", "rules", "deploy/prometheus/rules/impasto.yml"),
        ("test", "rules", "deploy/prometheus/tests/impasto_test.yml"),
    ],
    ids=" ".join,
)
def test_prometheus_itself_takes_them_and_each_alert_fires_when_it_should(question: tuple[str, ...]) -> None:
    if shutil.which("promtool") is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing: apt-get install prometheus")
        pytest.skip("promtool is not here: apt-get install prometheus")
    asked = subprocess.run(("promtool", *question), cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr
