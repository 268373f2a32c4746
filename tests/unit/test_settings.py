from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.errors import SetupError
from service.settings import Settings, read_settings


def test_nothing_needs_to_be_set_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"IMPASTO_{name.upper()}", raising=False)
    assert read_settings().environment == "development"


def test_a_wrong_variable_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_LEASE_TTL_S", "-77")
    with pytest.raises(SetupError, match="IMPASTO_LEASE_TTL_S") as refused:
        read_settings()
    assert "-77" not in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "IMPASTO_REDIS_URL"),
        (
            {"IMPASTO_REDIS_URL": "rediss://:p@r:6379/0", "IMPASTO_S3_PUBLIC_ENDPOINT": "http://s3"},
            "IMPASTO_S3_PUBLIC_ENDPOINT",
        ),
    ],
)
def test_production_refuses_what_is_only_safe_at_home(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name, value in {"IMPASTO_ENVIRONMENT": "production", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match=named):
        read_settings()


def test_secrets_are_not_shown() -> None:
    settings = Settings(redis_url="redis://:hush@h/0", s3_secret_access_key="hush")
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


def test_every_setting_is_documented() -> None:
    guide = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    documented = set(re.findall(r"`(IMPASTO_\w+)`", guide))
    assert {f"IMPASTO_{name.upper()}" for name in Settings.model_fields} <= documented
