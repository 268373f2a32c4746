"""What of a machine this process may take, on itself or in a container: memory and cores."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

MEMORY = {"": "memory.max", "memory": "memory.limit_in_bytes"}
"""The file with a control group's limit in bytes, by controller: version 2 has one tree for all, version 1 one each."""
CPU = {"": "cpu.max", "cpu": "cpu.cfs_quota_us"}
"""The file with a group's microseconds of computing in each period; version 2 names the period behind them."""
PERIOD_US = "cpu.cfs_period_us"
"""Where version 1 names the period."""


def machine_memory_bytes(*, cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Say how much memory there is: the machine's, or the least limit of the control groups that we are in.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.max) and cgroup-v1/memory.rst.

    Args:
        cgroups: where control groups are mounted.
        own: the file that names ours, one line for each tree.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_numbers(file) for file in _files(MEMORY, cgroups, own))
    return min([machine, *(limit[0] for limit in limits if limit)])


def cores(*, cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Say on how many cores this process may compute at once, at least one: those given to it, or its groups' share.

    Source: Linux, sched_getaffinity(2), Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst.

    Args:
        cgroups: where control groups are mounted.
        own: the file that names ours, one line for each tree.
    """
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = (_numbers(file) + _numbers(file.with_name(PERIOD_US)) for file in _files(CPU, cgroups, own))
    return min([given, *(max(1, math.floor(limit[0] / limit[1])) for limit in limits if len(limit) == 2)])


def _files(names: Mapping[str, str], cgroups: Path, own: Path) -> Iterator[Path]:
    """Give the files that may limit us, of our groups and of those above; a container sees its own as the root."""
    for line in own.read_text().splitlines() if own.exists() else []:
        _, controllers, group = line.split(":", 2)
        kind = next((kind for kind in controllers.split(",") if kind in names), None)
        if kind is not None:
            root = cgroups / kind
            at = root / group.strip("/")
            yield from (folder / names[kind] for folder in (at, *at.parents) if folder.is_relative_to(root))


def _numbers(file: Path) -> list[int]:
    """Read the numbers that a file holds; none where it says that there is no limit, or is not there."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return [int(word) for word in words] if all(word.isdigit() for word in words) else []
