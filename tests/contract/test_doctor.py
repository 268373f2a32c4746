"""`impasto doctor` as a whole: on a system that is well, on one where parts are missing, and as a command."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from service.checks.finding import Finding, Verdict, ok
from service.cli import commands
from service.doctor import Check, _start, examine
from service.settings import Settings
from service.wiring import Services
from tests.findings import amiss, named
from tests.staff import staff
from tests.weight_files import write_weights

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def workers_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workers' checks, contributed as an installed package contributes them, and a folder with weights."""
    package = tmp_path / "site" / "contributed-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: contributed\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[impasto.checks]\nworkers = workers.doctor:look_at_weights\n")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(tmp_path / "weights"))
    write_weights(tmp_path / "weights", "vgg19", b"not pinned")
    return tmp_path / "weights"


@pytest.fixture
def staffed(services: Services) -> Iterator[Services]:
    """A system where somebody is there for everything."""
    with staff(services):
        yield services


def once(findings: list[Finding]) -> dict[str, Finding]:
    """Give findings by name: an installed package may contribute the same checks a second time."""
    return {finding.name: finding for finding in findings}


def test_of_a_healthy_system_there_is_nothing_but_good_to_say(staffed: Services, workers_checks: Path) -> None:
    file = write_weights(workers_checks, "vgg16", b"a network of one's own")
    found = once(examine(staffed.settings, watch_s=1))
    assert amiss(found.values()) == {}
    assert {"redis", "broker", "keeper", "workers", "queue", "leases", "s3", "settings"} <= found.keys()
    assert found["weights.vgg16"].fact == f"{file} is whole (22 bytes)."


def test_every_finding_has_its_line_in_the_docs(staffed: Services) -> None:
    page = (Path(__file__).parents[2] / "docs/doctor.md").read_text()
    names = once(examine(staffed.settings, watch_s=1))
    assert [name for name in names if f"`{name}`" not in page] == []


def test_weights_that_are_absent_or_damaged_are_wrong(staffed: Services, workers_checks: Path) -> None:
    absent = once(examine(staffed.settings, watch_s=1))
    write_weights(workers_checks, "vgg16", b"as it was").write_bytes(b"as it is")
    damaged = once(examine(staffed.settings, watch_s=1))
    assert amiss(absent.values()) == amiss(damaged.values()) == {"weights.vgg16": "wrong"}
    assert str(workers_checks) in absent["weights.vgg16"].fact
    assert "impasto weights pull vgg16" in absent["weights.vgg16"].advice
    assert "is damaged" in damaged["weights.vgg16"].fact


def test_without_redis_s3_is_still_looked_at_and_the_other_way_round(staffed: Services, workers_checks: Path) -> None:
    write_weights(workers_checks, "vgg16", b"a network of one's own")
    away = staffed.settings.model_copy(update={"redis_url": SecretStr("redis://:hush@127.0.0.1:1/0")})
    found = once(examine(away, watch_s=1))
    assert amiss(found.values()) == {"redis": "wrong"}
    assert found["s3.keeping"].verdict is Verdict.OK
    away = staffed.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})
    found = once(examine(away, watch_s=1))
    assert amiss(found.values()) == {"s3": "wrong"}
    assert found["workers"].verdict is Verdict.OK


def test_whatever_is_wrong_no_password_and_no_key_is_said(settings: Settings) -> None:
    secrets = ("hush", "hash", "key-of-ours", "secret-of-ours")
    for url in (
        "redis://:hush/hash@127.0.0.1:1/0",
        "redis://:hush#hash@127.0.0.1/0",
        "redis://hush:hash@127.0.0.1:1/0",
    ):
        wrong = settings.model_copy(
            update={
                "redis_url": SecretStr(url),
                "s3_access_key_id": SecretStr("key-of-ours"),
                "s3_secret_access_key": SecretStr("secret-of-ours"),
            }
        )
        said = repr(examine(wrong, watch_s=1))
        assert [secret for secret in secrets if secret in said] == []
        assert "'wrong'" in said


def test_what_was_found_before_a_check_hung_counts_and_it_is_not_waited_for() -> None:
    never = Event()

    def look() -> Iterator[Finding]:
        yield ok("first", "It answers.")
        never.wait()

    begun = time.monotonic()
    found = _start(Check("slow", look, limit_s=0.2))()
    assert time.monotonic() - begun < 5
    assert amiss(found) == {"slow": "wrong"}
    assert named(found, "first").verdict is Verdict.OK
    never.set()


def test_a_check_that_fails_says_the_kind_of_error_and_nothing_of_its_message() -> None:
    def look() -> Iterator[Finding]:
        yield ok("first", "It answers.")
        raise RuntimeError("redis://:hush@127.0.0.1")

    found = _start(Check("broken", look))()
    assert amiss(found) == {"broken": "wrong"}
    assert "RuntimeError" in named(found, "broken").fact
    assert "hush" not in repr(found)


def run(monkeypatch: pytest.MonkeyPatch, settings: Settings, *arguments: str) -> tuple[int, str]:
    """Run `impasto doctor` with these settings in its environment; return its exit code and what it wrote."""
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("redis_url", "redis_prefix", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key"):
        value = getattr(settings, name)
        monkeypatch.setenv(f"IMPASTO_{name.upper()}", getattr(value, "get_secret_value", lambda v=value: v)())
    app = typer.Typer()
    commands(app)
    result = CliRunner().invoke(app, ["doctor", "--watch-s", "1", *arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stdout


def test_the_command_ends_with_0_when_nothing_is_wrong_and_with_1_when_something_is(
    monkeypatch: pytest.MonkeyPatch, staffed: Services, workers_checks: Path
) -> None:
    bad, said = run(monkeypatch, staffed.settings)
    assert (bad, said.splitlines()[0].split()[:2]) == (1, ["wrong", "weights.vgg16"])
    assert "→ Fetch them: impasto weights pull vgg16." in said
    write_weights(workers_checks, "vgg16", b"a network of one's own")
    monkeypatch.setenv("IMPASTO_PRESIGN_TTL_S", "5")
    good, said = run(monkeypatch, staffed.settings)
    assert (good, said.splitlines()[0].split()[:2]) == (0, ["warning", "settings.presign"])
    assert "Nothing is wrong, 1 warning, " in said


def test_the_command_answers_as_json(monkeypatch: pytest.MonkeyPatch, staffed: Services) -> None:
    code, out = run(monkeypatch, staffed.settings, "--json")
    answer = json.loads(out[out.index("{") :])  # the keeper beside it may have logged a line
    assert (code, answer["healthy"]) == (1, False)
    assert answer["findings"][0].keys() == {"name", "verdict", "fact", "advice"}
    assert {"name": "redis.role", "verdict": "ok", "fact": "It is a master.", "advice": ""} in answer["findings"]


def test_settings_that_are_refused_are_a_finding_too(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("IMPASTO_LEASE_TTL_S", "-1")
    code, out = run(monkeypatch, settings, "--json")
    (found,) = json.loads(out)["findings"]
    assert (code, found["name"], found["verdict"]) == (1, "settings", "wrong")
    assert "IMPASTO_LEASE_TTL_S" in found["fact"]
