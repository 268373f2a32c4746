"""The catalogue of problems: what the code can answer, what the guide says, and what the tests produce."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api import problems
from service import errors

ROOT = Path(__file__).parents[2]
LISTED = {
    code: int(status)
    for status, code in re.findall(r"^\| (\d+) \| `(\w+)` \|", (ROOT / "docs/problems.md").read_text(), re.MULTILINE)
}
NEVER_BARE = {"unavailable", "queue_unavailable", "url_refused", "url_unreachable"}
"""Codes of what is raised as one of its kinds alone, or answered as the field that it concerns."""


def possible() -> dict[str, int]:
    """Give every code that can be answered, with its status."""
    classes = [getattr(errors, name) for name in errors.__all__]
    ours = [
        one
        for one in classes
        if isinstance(one, type) and issubclass(one, errors.Refused | errors.Unavailable | errors.RecordUnreadable)
    ]
    codes = {one.code: int(problems.status_of(one)) for one in ours if "code" in vars(one)}
    codes |= {code: int(status) for status, code in problems.FRAMEWORK_CODES.items()}
    return {code: status for code, status in codes.items() if code not in NEVER_BARE} | {"internal": 500}


def test_the_guide_lists_every_code_with_its_status_and_no_other() -> None:
    assert possible() == LISTED


@pytest.mark.parametrize("code", LISTED)
def test_some_test_produces_it(code: str) -> None:
    tests = [file.read_text() for folder in ("contract", "e2e") for file in (ROOT / "tests" / folder).glob("*.py")]
    assert any(f'"{code}"' in text for text in tests)
