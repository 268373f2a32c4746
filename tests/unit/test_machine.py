from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch

from service.machine import cores, machine_memory_bytes
from service.pace import Device
from workers.condition import Condition
from workers.painter import device

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def grouped(root: Path, group: str, **limits: str) -> tuple[Path, Path]:
    """Where control groups have these limits, by path, and where our own are named."""
    own = root / "own"
    own.write_text(group + "\n")
    for path, limit in limits.items():
        file = root / "cgroup" / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(re.sub("_(max|limit|cfs)", r".\1", file.name)).write_text(limit + "\n")
    return root / "cgroup", own


def limited(root: Path, group: str, **limits: str) -> int:
    """What memory there is where control groups have these limits, by path."""
    cgroups, own = grouped(root, group, **limits)
    return machine_memory_bytes(cgroups=cgroups, own=own)


def shared(root: Path, group: str, **limits: str) -> int:
    """How many cores there are where control groups have these limits, by path."""
    cgroups, own = grouped(root, group, **limits)
    return cores(cgroups=cgroups, own=own)


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def test_without_a_limit_there_is_the_machines_memory(tmp_path: Path) -> None:
    assert limited(tmp_path, "0::/", memory_max="max") == MACHINE
    assert machine_memory_bytes(cgroups=tmp_path, own=tmp_path / "absent") == MACHINE


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    assert limited(tmp_path, "0::/", memory_max="4096") == 4096


def test_the_least_limit_of_the_groups_above_counts(tmp_path: Path) -> None:
    assert limited(tmp_path, "0::/a/b", a__memory_max="4096", a__b__memory_max="8192") == 4096


def test_control_groups_of_the_first_version_count_too(tmp_path: Path) -> None:
    group = "5:devices:/x\n4:memory:/x"
    assert limited(tmp_path, group, memory__x__memory_limit_in_bytes="4096") == 4096


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("300000 100000", 3), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_a_containers_share_of_the_cores_counts(tmp_path: Path, quota: str, expected: int) -> None:
    assert shared(tmp_path, "0::/a", a__cpu_max=quota) == expected


@pytest.mark.usefixtures("eight_cores")
def test_so_does_a_share_of_the_first_version(tmp_path: Path) -> None:
    group = "4:cpu,cpuacct:/x"
    assert shared(tmp_path, group, cpu__x__cpu_cfs_quota_us="400000", cpu__x__cpu_cfs_period_us="100000") == 4
    assert shared(tmp_path, group, cpu__x__cpu_cfs_quota_us="-1", cpu__x__cpu_cfs_period_us="100000") == 8


@pytest.mark.usefixtures("eight_cores")
def test_without_a_share_there_are_the_cores_that_were_given(tmp_path: Path) -> None:
    assert cores(cgroups=tmp_path, own=tmp_path / "absent") == 8


def test_a_processor_has_the_memory_of_its_machine() -> None:
    assert 0 < device.memory_bytes(torch.device("cpu")) <= MACHINE


def test_the_parent_learns_what_the_child_paints_on() -> None:
    condition = Condition()
    assert condition.device is None
    condition.announce(Device("NVIDIA H100 80GB HBM3", 85_000_000_000))
    condition.announce(Device("of the next child", 1))
    assert condition.device == Device("NVIDIA H100 80GB HBM3", 85_000_000_000)
