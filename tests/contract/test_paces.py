"""Paces as finished jobs teach them, and queues as they are read, over a real Redis."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from service.job import Job
from service.pace import Device, Pace, Run, run_s, start_s
from service.render import render_next
from service.settings import Settings
from service.spec import parse_spec
from service.stores.submission import Submission
from service.submit import submit
from service.upload import upload
from service.wiring import Services
from tests.crew import CPU, H100, at_work, load_of, taught
from tests.images import photograph_bytes
from tests.jobs import RESULT, claimed, job, submitted, uploaded
from workers.lease import hold
from workers.painter.paint import paint

pytestmark = pytest.mark.servers

SMALL: dict[str, Any] = {"options": {"size": 256, "iterations": 50}}


def paces(services: Services, device: Device = CPU) -> dict[str, Pace]:
    """What a device has taught."""
    at_work(services, "w", device=device)
    [worker] = services.paces.workers()
    return dict(worker.paces)


def test_a_finished_job_teaches_the_pace_of_its_device_and_size(services: Services, tenant: str) -> None:
    taught(services, tenant, s_per_gflop=0.25)
    taught(services, tenant, s_per_gflop=0.001, device=H100, **SMALL)
    on_cpu, on_gpu = paces(services), paces(services, H100)
    assert {bracket: pace.s_per_gflop for bracket, pace in on_cpu.items()} == {"vgg16:512": 0.25}
    assert {bracket: pace.s_per_gflop for bracket, pace in on_gpu.items()} == {"vgg16:256": 0.001}


def test_a_pace_is_a_moving_average(services: Services, tenant: str) -> None:
    for s_per_gflop in (0.1, 0.2):
        taught(services, tenant, s_per_gflop=s_per_gflop)
    assert paces(services)["vgg16:512"].s_per_gflop == pytest.approx(0.8 * 0.1 + 0.2 * 0.2)


def test_a_run_that_was_held_up_moves_a_pace_by_little(services: Services, tenant: str) -> None:
    for s_per_gflop in (0.1, 1000.0):
        taught(services, tenant, s_per_gflop=s_per_gflop)
    assert paces(services)["vgg16:512"].s_per_gflop == pytest.approx(0.8 * 0.1 + 0.2 * 0.4)


def test_what_a_run_takes_besides_painting_is_learnt_too(settings: Settings, services: Services, tenant: str) -> None:
    submitted(services, tenant, options={"size": 64, "iterations": 1})
    mine = claimed(services)
    record = f"{settings.redis_prefix}job:{tenant}:{mine.id}"
    services._redis.hincrby(record, "claimed_ms", -10_000)  # it was claimed ten seconds ago
    services.claims.commit(mine, [RESULT], {}, taught=Run("cpu", load_of(mine), 4.0))
    assert paces(services)["vgg16:64"].around_s == pytest.approx(6, abs=0.5)


def test_a_commit_sent_twice_teaches_once(services: Services, tenant: str) -> None:
    mine = taught(services, tenant, s_per_gflop=0.1)
    assert services.claims.commit(mine, [RESULT], {}, taught=Run("cpu", load_of(mine), 9e9))
    assert paces(services)["vgg16:512"].s_per_gflop == pytest.approx(0.1)


def test_work_that_is_taken_over_teaches_nothing(services: Services, tenant: str) -> None:
    uploaded(services, tenant)
    services.jobs.submit(Submission(job(tenant), "f", "w"))
    mine = claimed(services)
    services.claims.commit(mine, [RESULT], {}, taught=Run("cpu", load_of(mine), 60.0))
    before = paces(services)
    assert services.jobs.submit(Submission(job(tenant), "f", "w")).job.state.terminal
    assert paces(services) == before


def test_a_pace_of_an_earlier_version_is_harmless(settings: Settings, services: Services, tenant: str) -> None:
    services._redis.set(f"{settings.redis_prefix}pace", "1234", ex=60)
    taught(services, tenant, s_per_gflop=0.1)
    assert paces(services)["vgg16:512"].s_per_gflop == pytest.approx(0.1)


def test_a_record_of_an_earlier_version_has_no_load_and_is_read_all_the_same(
    settings: Settings, services: Services, tenant: str
) -> None:
    first, second = submitted(services, tenant), submitted(services, tenant)
    services._redis.hdel(f"{settings.redis_prefix}job:{tenant}:{first.id}", "gflop", "bracket")
    assert services.jobs.get(tenant, first.id).load is None
    line = services.jobs.wait(second)
    assert line is not None
    assert (line.position, line.ahead) == (2, (None,))


# What the painter's own runs teach


def rendered(services: Services) -> Job:
    held = partial(hold, claims=services.claims, ttl_s=15.0)
    done = render_next(services=services, paint=paint, hold=held, worker="w")
    assert done is not None
    return services.jobs.get(done.job.tenant, done.job.id)


def posted(services: Services, tenant: str, **options: Any) -> Job:
    image = {"upload_id": upload(photograph_bytes(), tenant=tenant, services=services).id}
    small = {"size": 64, "iterations": 3, "content_layers": {"relu1_1": 1}, **options}
    wish = {"kind": "reconstruction", "content": image, "options": small, "cache": False}
    return submit(parse_spec(wish), tenant=tenant, services=services).job


@pytest.mark.weights
def test_a_whole_painting_teaches_and_one_that_ended_early_does_not(services: Services, tenant: str) -> None:
    posted(services, tenant, tolerance=0.5, iterations=40, pyramid=[], content_layers={"relu4_2": 1})
    assert rendered(services).report is not None
    assert paces(services) == {}
    posted(services, tenant, pyramid=[])
    assert rendered(services).report is not None
    assert list(paces(services)) == ["vgg16:64"]
    learnt = paces(services)["vgg16:64"]
    assert learnt.s_per_gflop is not None
    assert learnt.s_per_gflop > 0


@pytest.mark.weights
def test_a_frugal_attempt_teaches_nothing(settings: Settings, services: Services, tenant: str) -> None:
    waiting = posted(services, tenant)
    services._redis.hset(f"{settings.redis_prefix}job:{tenant}:{waiting.id}", "frugal", "1")
    assert rendered(services).report is not None
    assert paces(services) == {}


# Who is at work


def test_workers_are_known_with_their_devices_for_as_long_as_they_are_there(services: Services) -> None:
    at_work(services, "a", "b", device=H100)
    services.presence.beat("worker", "old")
    assert {w.name: w.device for w in services.paces.workers()} == {"a": H100, "b": H100, "old": None}
    services.presence.leave("worker", "a")
    assert [w.name for w in services.paces.workers() if w.device] == ["b"]


# The queue


def test_the_jobs_before_one_are_read_in_the_order_of_the_turns(services: Services, tenant: str) -> None:
    mine = [submitted(services, tenant, **SMALL) for _ in range(4)]
    for _ in range(2):
        submitted(services, "other", options={"size": 512})
    line = services.jobs.wait(mine[-1])
    assert line is not None
    assert line.position == 6
    assert [load.bracket for load in line.ahead if load] == [
        "vgg16:256", "vgg16:512", "vgg16:256", "vgg16:512", "vgg16:256",
    ]  # fmt: skip


def test_what_is_running_is_read_with_how_far_it_is(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    waiting = submitted(services, tenant)
    mine = claimed(services)
    services.claims.renew(mine, {"fraction": 0.375, "phase": "paint", "loss": None})
    line = services.jobs.wait(waiting)
    assert line is not None
    [running] = line.running
    assert (running.worker, running.load, running.fraction) == ("w", mine.load, 0.375)
    services.jobs.cancel(tenant, mine.id)
    stopping = services.jobs.wait(waiting)
    assert stopping is not None
    assert stopping.running[0].fraction == 1


def test_a_job_that_would_be_posted_stands_behind_those_of_its_priority(services: Services, tenant: str) -> None:
    for priority in ("high", "normal", "normal", "low"):
        submitted(services, tenant, priority=priority)
    assert [services.jobs.would_wait(tenant, p).position for p in ("high", "normal", "low")] == [2, 4, 5]
    assert services.jobs.would_wait("another", "normal").position == 1


def test_the_estimate_for_a_queue_of_known_paces_is_right_within_a_tenth(services: Services, tenant: str) -> None:
    taught(services, "teacher", s_per_gflop=0.01)
    taught(services, "teacher", s_per_gflop=0.02, **SMALL)
    wishes = [SMALL if n % 3 else {} for n in range(20)]
    for wish in wishes:
        submitted(services, "other", **wish)
        last = submitted(services, tenant, **wish)
    at_work(services, "w")
    line, workers = services.jobs.wait(last), services.paces.workers()
    assert line is not None
    estimate = start_s(line, workers)
    waited = 0.0
    while (started := claimed(services)).id != last.id:  # one worker takes them one after the other
        seconds = run_s(load_of(started), workers[0].paces)
        assert seconds is not None
        waited += seconds
    assert estimate == pytest.approx(waited, rel=0.1)


def test_of_many_jobs_thirty_two_are_read(services: Services, tenant: str) -> None:
    uploaded(services, tenant)
    for _ in range(130):
        last = services.jobs.submit(Submission(job(tenant, **SMALL), "f")).job
    line = services.jobs.wait(last)
    assert line is not None
    assert (line.position, len(line.ahead)) == (130, 32)
    taught(services, "teacher", s_per_gflop=0.02, **SMALL)
    at_work(services, "w")
    [worker] = services.paces.workers()
    each = run_s(load_of(last), worker.paces)
    assert each is not None
    assert start_s(line, [worker]) == pytest.approx(129 * each)
