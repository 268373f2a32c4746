"""No log holds a secret, whoever writes to it and in whatever form it comes."""

from __future__ import annotations

import json
import logging

import pytest

from service.log import configure_logging, log
from service.redact import redacted
from service.settings import Settings

SECRET = "Kq3-v_" + 37 * "x"
SIGNATURE = 8 * "0a1b2c3d"


pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (f"the key imp_3fb40f52b7d0_{SECRET} is", "the key imp_3fb40f52b7d0_[hidden] is"),
        ("secret=whsec_c2VjcmV0+/8= gone", "secret=whsec_[hidden] gone"),
        (f"GET https://s3/b/k?X-Amz-Signature={SIGNATURE}&x=1", "GET https://s3/b/k?X-Amz-Signature=[hidden]&x=1"),
        (f"x-amz-signature%3D{SIGNATURE}", "x-amz-signature%3D[hidden]"),
        ("?X-Amz-Credential=AKID%2F20261124%2Fus&a", "?X-Amz-Credential=[hidden]&a"),
        (f"{{'X-Amz-Security-Token': '{SECRET}', 'a': 1}}", "{'X-Amz-Security-Token': '[hidden]', 'a': 1}"),
        (f"Authorization: Basic {SECRET}\nHost: a", "Authorization: [hidden]\nHost: a"),
        (f"(b'authorization', b'Bearer {SECRET}'), (b'a'", "(b'authorization', b'[hidden]'), (b'a'"),
        (f'"{{\\"authorization\\": \\"AWS4 {SECRET}\\"}}"', '"{\\"authorization\\": \\"[hidden]\\"}"'),
        (f"header 'bearer {SECRET}'", "header 'bearer [hidden]'"),
        ("redis://:hunter2@127.0.0.1:6379/0", "redis://[hidden]@127.0.0.1:6379/0"),
        ("at https://user:p:w@host/a?b, ftp://token@h", "at https://[hidden]@host/a?b, ftp://[hidden]@h"),
    ],
)
def test_a_secret_is_hidden_and_what_stands_around_it_is_not(line: str, left: str) -> None:
    assert redacted(line) == left


@pytest.mark.parametrize(
    "line",
    [
        "job_state job_id=0199 state=running http://127.0.0.1:8000/v1/jobs?label=a@b",
        "Send your key as `Authorization`, a Bearer one.",
        "key_id=3fb40f52b7d0 imp_short signature of the file",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(line: str) -> None:
    assert redacted(line) == line


def crash(message: str) -> None:
    raise ValueError(message)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_line_of_ours_or_of_a_library_shows_a_secret(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format=log_format))
    key = f"imp_3fb40f52b7d0_{SECRET}"
    log().warning("refused", key=key, headers={"Authorization": f"Bearer {SECRET}"})
    logging.getLogger("kombu").error("no connection to %s", f"redis://:{SECRET}@127.0.0.1:1/0")
    try:
        crash(f"{key} at https://s3/k?X-Amz-Signature={SECRET}")
    except ValueError:
        log().exception("crashed")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    said = capsys.readouterr().err
    assert SECRET not in said
    assert said.count("imp_3fb40f52b7d0_[hidden]") >= 2
    assert said.count("X-Amz-Signature=[hidden]") >= 2
    assert "redis://[hidden]@127.0.0.1:1/0" in said
    if log_format == "json":
        assert [json.loads(line)["level"] for line in said.splitlines()] == ["warning", "error", "error", "error"]
