"""`make chaos`: every row of the matrix, and the table. Name some of them to run those alone."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from tests.chaos.scenarios import SCENARIOS
from tests.chaos.verdict import Row
from tests.chaos.world import world

LEASE_TTL_S = 15.0
"""The service's own default."""

LOST_MAX_S = 10.0


def main(names: list[str]) -> int:
    """Run the scenarios on one stack; return how many rows break what is promised."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows, began = [], time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="impasto-chaos-") as root,
        world(Path(root), lease_ttl_s=LEASE_TTL_S) as stack,
    ):
        for scenario in SCENARIOS:
            if not names or scenario.__name__ in names:
                stack.at_work()
                rows.append(scenario(stack))
                print(f"{time.monotonic() - began:5.0f} s  {rows[-1].fault}", flush=True)
    table = Table(*Row.HEAD, box=None)
    for row in rows:
        table.add_row(*row.cells())
    Console(width=160).print(table)
    return sum(not kept(row, lease_ttl_s=LEASE_TTL_S) for row in rows)


def kept(row: Row, *, lease_ttl_s: float) -> bool:
    """Say whether a row keeps what is promised."""
    quick = (row.recovery_s or 0) <= 2 * lease_ttl_s
    little = (row.lost_s or 0) <= LOST_MAX_S
    return quick and little and row.duplicates == row.losses == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
