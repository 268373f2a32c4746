"""What the doctor says of given facts, and how that looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis
from redis.sentinel import MasterNotFoundError
from rich.console import Console

from service.checks.configuration import look_at_configuration
from service.checks.finding import Finding, Verdict, many, ok, place, warning, wrong
from service.checks.job_store import clock, unreachable
from service.checks.job_store import judge as judge_server
from service.checks.work import Glimpse
from service.checks.work import judge as judge_work
from service.doctor_cli import drawn
from service.errors import JobStoreUnavailable
from service.settings import Settings
from service.stores.server_facts import ServerFacts
from tests.findings import amiss, named

SOUND = ServerFacts(
    product="Redis 7.4.0",
    version=(7, 4, 0),
    is_replica=False,
    policy="noeviction",
    evicted=0,
    append_only=True,
    disk_ok=True,
    used_bytes=1_000_000,
    limit_bytes=0,
    ahead_s=0.0,
)
CALM = Glimpse(ready=1, unheard=1, leases={}, workers=("w",), keepers=("k",))


@pytest.mark.parametrize(
    ("ahead_s", "verdict", "fact"),
    [
        (4.9, Verdict.OK, "Redis's clock and ours agree."),
        (-4.9, Verdict.OK, "Redis's clock and ours agree."),
        (5.0, Verdict.WARNING, "Redis's clock is 5 s ahead of this machine's."),
        (-901.2, Verdict.WARNING, "Redis's clock is 901 s behind this machine's."),
    ],
)
def test_a_clock_that_is_five_seconds_off_is_a_warning(ahead_s: float, verdict: Verdict, fact: str) -> None:
    finding = clock("redis.clock", "Redis's", ahead_s)
    assert (finding.verdict, finding.fact) == (verdict, fact)


def test_a_redis_of_which_nothing_is_amiss_has_no_other_verdict() -> None:
    assert amiss(judge_server(SOUND, Settings())) == {}


@pytest.mark.parametrize(
    ("version", "durable", "expected"),
    [
        ((6, 2, 14), "everysec", {"redis.version": "wrong"}),
        ((7, 0), "everysec", {}),
        ((7, 0), "fsync", {"redis.version": "wrong"}),
        ((7, 2, 4), "fsync", {}),
        ((10, 0, 0), "fsync", {}),
    ],
)
def test_redis_7_is_needed_and_7_2_to_wait_for_the_disk(
    version: tuple[int, ...], durable: str, expected: dict[str, str]
) -> None:
    settings = Settings().model_copy(update={"durable_submit": durable})
    assert amiss(judge_server(replace(SOUND, version=version), settings)) == expected


def test_a_log_that_can_no_longer_be_written_is_wrong() -> None:
    assert amiss(judge_server(replace(SOUND, disk_ok=False), Settings())) == {"redis.durability": "wrong"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"lease_ttl_s": 3.0}, {}),
        ({"lease_ttl_s": 2.9}, {"settings.lease": "wrong"}),
        ({"keeper_interval_s": 7.6}, {"settings.keeper": "warning"}),
        ({"presign_ttl_s": 59}, {"settings.presign": "warning"}),
        ({"presign_ttl_s": 302_400}, {}),
        ({"presign_ttl_s": 302_401}, {"settings.presign": "wrong"}),
        ({"presign_ttl_s": 5, "lease_ttl_s": 1.0}, {"settings.lease": "wrong", "settings.presign": "warning"}),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes: dict[str, object], expected: dict[str, str]) -> None:
    found = list(look_at_configuration(Settings().model_copy(update=changes)))
    assert amiss(found) == expected
    assert expected or [finding.name for finding in found] == ["settings"]


def work(*seen: Glimpse) -> dict[str, str]:
    return amiss(judge_work(seen, watch_s=3))


def test_workers_that_hear_the_doorbell_and_take_nothing_are_a_warning() -> None:
    assert work(CALM, replace(CALM, unheard=0), replace(CALM, unheard=1)) == {"workers": "warning"}


def test_a_worker_that_takes_a_job_is_well_however_many_others_idle() -> None:
    idlers = replace(CALM, ready=5, workers=("a", "b", "c"))
    assert work(idlers, replace(idlers, ready=4), idlers) == {}
    assert work(idlers, replace(idlers, leases={"t:1": 12.0})) == {}


def test_a_job_whose_lease_has_run_out_keeps_no_worker_busy() -> None:
    dead = replace(CALM, leases={"t:1": -3.0})
    assert work(dead, dead) == {"workers": "wrong"}


def test_a_few_jobs_more_than_before_are_no_growth_while_there_are_workers_enough() -> None:
    seen = replace(CALM, unheard=0, leases={"t:1": 9.0})
    assert work(replace(seen, ready=0), replace(seen, ready=1)) == {}
    assert work(replace(seen, ready=0), replace(seen, ready=2)) == {"queue": "warning"}


@pytest.mark.parametrize(
    ("behind", "fact"),
    [
        (MasterNotFoundError("No master found for 'm'"), "No sentinel at h:1 names a master."),
        (redis.BusyLoadingError("loading"), "h:1 is still reading its log back from the disk."),
        (redis.ConnectionError("Connection closed by server."), "h:1 hangs up."),
        (redis.DataError("?"), "h:1 can't be used (Redis: it)."),
    ],
)
def test_what_the_driver_tells_is_said_in_our_words(behind: Exception, fact: str) -> None:
    error = JobStoreUnavailable("Redis: it")
    error.__cause__ = behind
    finding = unreachable(error, at="h:1")
    assert finding.fact.startswith(fact)


def test_of_many_workers_some_are_named() -> None:
    found = list(judge_work([replace(CALM, ready=0, workers=tuple("abcde"))], watch_s=1))
    assert named(found, "workers").fact == "5 workers at work: a, b, c and 2 more; 5 idle."


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@host:6379/0", "host:6379"),
        ("rediss://user:hu%2Fsh@[::1]:6379/0", "[::1]:6379"),
        ("redis+sentinel://:hush@one:1,two:2/master/0", "one:1,two:2"),
        ("unix://user:hush@/run/redis.sock?db=1", "/run/redis.sock"),
        ("https://user:hush@s3.example", "s3.example"),
        ("redis://:hu/sh@host:6379/0", "?"),
        ("redis://:hu?sh@host:6379/0", "?"),
        ("redis://:hu#sh@host:6379/0", "?"),
        ("redis://:hush", "?"),
        ("redis://[hush", "?"),
        ("unix:///run/redis.sock?password=hush@", "?"),
    ],
)
def test_of_an_address_only_the_place_is_shown(url: str, shown: str) -> None:
    assert place(url, otherwise="?") == shown


def test_counts_are_words_where_they_are_small() -> None:
    assert [many(count, "job") for count in (0, 1, 2)] == ["no jobs", "1 job", "2 jobs"]


def lines(*findings: Finding) -> list[str]:
    console = Console(width=60, highlight=False)
    with console.capture() as capture:
        console.print(drawn(findings))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_what_is_wrong_stands_first_with_what_to_do_below_and_what_is_well_apart() -> None:
    assert lines(
        wrong("keeper", "No keeper [at all].", "Start one."),
        warning("queue", "It grows.", "Start more workers."),
        ok("redis", "It answers."),
    ) == [
        "wrong    keeper  No keeper [at all].",
        "                 → Start one.",
        "warning  queue   It grows.",
        "                 → Start more workers.",
        "",
        "ok       redis   It answers.",
        "",
        "1 thing wrong, 1 warning, 1 fine.",
    ]


def test_where_all_is_well_it_says_so() -> None:
    assert lines(ok("redis", "It answers.")) == [
        "ok  redis  It answers.",
        "",
        "Nothing is wrong, no warnings, 1 fine.",
    ]
