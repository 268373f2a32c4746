from __future__ import annotations

import os
from pathlib import Path

import torch

from service.pace import Device
from workers.condition import Condition
from workers.memory import machine_memory_bytes
from workers.painter import device

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limited(root: Path, group: str, **limits: str) -> int:
    """What there is where control groups have these limits, by path."""
    own = root / "own"
    own.write_text(group + "\n")
    for path, limit in limits.items():
        file = root / "cgroup" / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(file.name.replace("_max", ".max").replace("_limit", ".limit")).write_text(limit + "\n")
    return machine_memory_bytes(cgroups=root / "cgroup", own=own)


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


def test_a_processor_has_the_memory_of_its_machine() -> None:
    assert 0 < device.memory_bytes(torch.device("cpu")) <= MACHINE


def test_the_parent_learns_what_the_child_paints_on() -> None:
    condition = Condition()
    assert condition.device is None
    condition.announce(Device("NVIDIA H100 80GB HBM3", 85_000_000_000))
    condition.announce(Device("of the next child", 1))
    assert condition.device == Device("NVIDIA H100 80GB HBM3", 85_000_000_000)
