"""Seconds from paces, against numbers worked out by hand; and a queue that is dealt out to workers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pace import Device, Line, Pace, Running, Worker, devices_of, expected_s, run_s, run_taught, start_s
from service.painting import Painting
from service.work import Load, iterations
from tests.jobs import job

CPU, GPU = Device("cpu", 8 * 10**9), Device("NVIDIA H100", 80 * 10**9)
SLOW = {"vgg16:512": Pace(0.01, 2.0)}
FAST = {"vgg16:512": Pace(0.001, 1.0)}
JOB = Load(1000.0, "vgg16:512")


def slow(name: str = "s") -> Worker:
    return Worker(name, CPU, SLOW)


def fast(name: str = "f") -> Worker:
    return Worker(name, GPU, FAST)


def line(ahead: Sequence[Load | None], *running: Running, position: int | None = None) -> Line:
    return Line(position or len(ahead) + 1, tuple(ahead), running, len(running))


def test_a_run_takes_its_work_at_the_devices_pace_and_what_is_around_it() -> None:
    assert run_s(JOB, SLOW) == 12.0
    assert run_s(JOB, FAST) == 2.0
    assert run_s(JOB, {}) is None


def test_another_size_of_the_same_device_is_scaled_by_its_work() -> None:
    assert run_s(Load(4000.0, "vgg16:1024"), SLOW) == 42.0


def test_the_nearest_size_of_the_same_network_counts() -> None:
    paces = {"vgg16:256": Pace(0.5, 0), "vgg16:2048": Pace(0.1, 0), "vgg19:1024": Pace(9.0, 0)}
    assert run_s(Load(10.0, "vgg16:1024"), paces) == 1.0
    assert run_s(Load(10.0, "vgg16:128"), paces) == 5.0
    assert run_s(Load(10.0, "vgg19:64"), paces) == 90.0
    assert run_s(Load(10.0, "vgg16:1024"), {"vgg16:512": Pace(3.0, 0), "vgg16:2048": Pace(4.0, 0)}) == 40.0


def test_another_network_counts_where_its_own_has_taught_nothing() -> None:
    assert run_s(Load(1250.0, "vgg19:512"), SLOW) == 14.5


def test_gram_matrices_teach_nothing_about_painting_but_painting_about_them() -> None:
    assert run_s(JOB, {"gram:512": Pace(None, 1.0)}) is None
    assert run_s(Load(0, "gram:512"), SLOW) == 2.0
    assert run_s(Load(0, "gram:512"), SLOW | {"gram:64": Pace(None, 0.5)}) == 0.5


def test_who_has_taught_nothing_is_left_out_of_the_mean() -> None:
    assert expected_s(JOB, [slow(), fast(), Worker("new", Device("new", 1), {})]) == 7.0
    assert expected_s(JOB, [Worker("new", None, {})]) is None


def test_each_device_is_listed_once() -> None:
    assert devices_of([slow("a"), slow("b"), fast(), Worker("x", None, {})]) == [GPU, CPU]


def test_the_first_in_line_starts_at_once_where_somebody_is_idle() -> None:
    assert start_s(line([]), [slow()]) == 0
    assert start_s(line([]), [Worker("new", None, {})]) == 0
    assert start_s(line([], Running("a", JOB, 0.5)), [slow("a"), slow("b")]) == 0


def test_nobody_at_work_or_no_pace_gives_no_start() -> None:
    assert start_s(line([]), []) is None
    assert start_s(line([JOB]), [Worker("new", CPU, {})]) is None
    assert start_s(line([None]), [slow()]) is None
    assert start_s(line([], Running("s", None, 0.0)), [slow()]) is None


def test_one_worker_finishes_its_job_and_then_those_before() -> None:
    assert start_s(line([JOB, JOB], Running("s", JOB, 0.75)), [slow()]) == pytest.approx(3 + 12 + 12)


def test_jobs_go_to_who_is_free_first() -> None:
    # The fast one, 2 s a job, takes five while the slow one, 12 s, is busy; then both are free at 12 s.
    assert start_s(line([JOB] * 7), [slow(), fast()]) == 12
    assert start_s(line([JOB] * 3), [slow(), fast()]) == 4


def test_what_a_worker_that_has_gone_was_painting_does_not_count() -> None:
    assert start_s(line([JOB], Running("gone", JOB, 0.0)), [slow()]) == 12


def test_a_device_that_has_taught_nothing_is_taken_to_be_as_the_others() -> None:
    assert start_s(line([JOB, JOB]), [slow(), Worker("new", Device("new", 1), {})]) == 12


def test_a_job_of_unknown_load_counts_as_the_mean_of_the_others() -> None:
    assert start_s(line([JOB, None, Load(3000.0, "vgg16:512")]), [slow()]) == pytest.approx(12 + 22 + 32)


def test_running_jobs_that_were_not_looked_at_are_as_far_as_the_others() -> None:
    seen = Line(2, (JOB,), (Running("a", JOB, 0.5),), 2)
    assert start_s(seen, [slow("a"), slow("b")]) == 6


def test_jobs_that_were_not_looked_at_count_as_the_mean_of_those_that_were() -> None:
    assert start_s(line([JOB] * 100, position=1001), [slow()]) == pytest.approx(1000 * 12)
    # Both together paint 1/12 + 1/2 jobs a second.
    assert start_s(line([JOB] * 100, position=1001), [slow(), fast()]) == pytest.approx(1000 / (7 / 12), rel=0.01)


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_a_hundred_of_a_thousand_mixed_jobs_tell_when_the_last_one_starts(seed: int, workers: int) -> None:
    drawn = random.Random(seed)
    loads = [Load(drawn.choice([300.0, 1000.0, 2000.0]), "vgg16:512") for _ in range(1000)]
    team = [(slow if drawn.random() < 0.5 else fast)(str(n)) for n in range(workers)]
    whole, sample = start_s(line(loads), team), start_s(line(loads[:100], position=1001), team)
    assert whole is not None
    assert sample == pytest.approx(whole, rel=0.25)  # four deviations of the mean of a hundred


@pytest.mark.parametrize(
    ("missing", "resumed", "frugal", "teaches"),
    [(0, False, False, True), (1, False, False, False), (0, True, False, False), (0, False, True, False)],
)
def test_only_an_attempt_that_painted_the_whole_job_teaches(
    missing: int, *, resumed: bool, frugal: bool, teaches: bool
) -> None:
    done = replace(job("t"), frugal=frugal)
    painting = Painting({}, {}, {}, iterations(done.spec) - missing, "cpu", "00")
    run = run_taught(done, painting, resumed=resumed, paint_s=5.0)
    assert (run is not None) == teaches
    assert run is None or (run.device, run.load, run.paint_s) == ("cpu", done.load, 5.0)
