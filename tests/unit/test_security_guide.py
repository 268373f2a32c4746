"""SECURITY.md: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(
    set(re.findall(r"`((?:unit|contract|e2e|fuzz)/\w+\.py)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text()))
)


@pytest.mark.parametrize(("file", "test"), NAMED, ids=str)
def test_a_control_is_tested_where_the_guide_says(file: str, test: str) -> None:
    text = (ROOT / "tests" / file).read_text()
    assert f"def {test or 'test_'}" in text


def test_every_attack_has_a_test() -> None:
    rows = re.findall(
        r"^\| .+ \| .+ \| (.+) \|$", (ROOT / "SECURITY.md").read_text().partition("| attack |")[2], re.MULTILINE
    )
    assert len(rows) > 30
    assert all(re.search(r"`\w+/\w+\.py", row) for row in rows if "---" not in row)
