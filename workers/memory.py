"""How much memory this process may take, on a machine or in a container."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

LIMITS = {"": "memory.max", "memory": "memory.limit_in_bytes"}
"""The file with a control group's limit in bytes, by controller: version 2 has one tree for all, version 1 one each."""


def machine_memory_bytes(*, cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Say how much memory there is: the machine's, or the least limit of the control groups that we are in.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.max) and cgroup-v1/memory.rst.

    Args:
        cgroups: where control groups are mounted.
        own: the file that names ours, one line for each tree.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = own.read_text().splitlines() if own.exists() else []
    limits = [_limit(file) for line in lines for file in _files(line, cgroups)]
    return min([machine, *(limit for limit in limits if limit is not None)])


def _files(line: str, cgroups: Path) -> list[Path]:
    """List the files that may limit us, of our group and of those above; a container sees its own as the root."""
    _, controllers, group = line.split(":", 2)
    kind = next((kind for kind in controllers.split(",") if kind in LIMITS), None)
    if kind is None:
        return []
    root = cgroups / kind
    at = root / group.strip("/")
    return [folder / LIMITS[kind] for folder in (at, *at.parents) if folder.is_relative_to(root)]


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
