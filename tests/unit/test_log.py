from __future__ import annotations

import pytest

from service.log import configure_logging, log
from service.settings import Settings

pytestmark = pytest.mark.usefixtures("logging_as_before")


def crash(key: str) -> None:
    raise ValueError(f"a key of {len(key)} letters is no key")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_in_the_log_holds_no_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format=log_format))
    try:
        crash("imp_hush")
    except ValueError:
        log().exception("crashed")
    said = capsys.readouterr().err
    assert "a key of 8 letters" in said
    assert "crash" in said
    assert "imp_hush" not in said.replace('crash("imp_hush")', "")
