"""The short form of `make contract-fuzz`: each call for itself."""

from __future__ import annotations

import pytest

from tests.fuzz.calls.__main__ import SHORT, main

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def test_no_call_that_a_generator_finds_is_answered_otherwise_than_described() -> None:
    assert main(30, SHORT) == 0
