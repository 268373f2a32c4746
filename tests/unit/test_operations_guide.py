"""docs/operations.md: every metric that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from service.metrics import Metrics

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operations.md").read_text()


def test_every_metric_is_in_the_guide_and_the_guide_has_no_other() -> None:
    own = {family.name for family in Metrics().registry.collect()}
    whole = set(re.findall(r'_gauge\("(\w+)"', (ROOT / "service/backlog.py").read_text()))
    whole |= {
        name.removeprefix("impasto_")
        for name in re.findall(r'MetricFamily\(\s*"(impasto_\w+)"', (ROOT / "service/backlog.py").read_text())
    }
    there = {name.removeprefix("impasto_") for name in own} | whole
    told = {name.removesuffix("_total") for name in re.findall(r"`impasto_(\w+)`", GUIDE)}
    assert told == there
