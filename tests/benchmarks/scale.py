"""How the queue scales: from one worker to sixty-four, with a hundred thousand jobs waiting, on this machine.

The workers are those of `tests.benchmarks.sleepers`: what is measured is all but the painting. Redis, S3 and the keeper
are the real ones. Reported are, of each number of workers, how many jobs end in a second beside what the painting
alone would let, what a job costs beyond it, and how long a claim takes; and of Redis, what a job that waits takes, and
one that has ended.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from uuid_utils import uuid7

from service.prepare import Posted, prepare
from service.settings import Settings
from service.spec import ImageRef, parse_spec
from service.stores.submission import IN_MEMORY, Submission
from service.upload import upload
from service.wiring import Services, open_services
from tests.chaos.parts import impasto
from tests.images import photograph_bytes
from tests.servers import running_servers

WAITING = 100_000
"""Jobs in the queue, of TENANTS tenants, in batches of BATCH."""
TENANTS, BATCH = 20, 1000
WORKERS = (1, 2, 4, 8, 16, 32, 64)
PAINT_S = 8.0
"""What a `draft` takes on two cores, the shortest that anybody would ask for; each job a fifth more or less."""
ROUNDS, WARM = 7, 3
"""Jobs that each worker paints, of which the first are not counted: the workers begin together, and their processes
share all memory until they first write to it."""
FINISHED = 3000
"""Jobs that are ended, to see what they leave in Redis."""
OUT = Path(__file__).parents[2] / "out" / "scale.json"


@dataclass(frozen=True)
class Row:
    """What was measured with so many workers.

    Attributes:
        workers: so many.
        rate: jobs that ended in a second.
        ideal: jobs that would, if nothing but the painting took time.
        overhead_ms: of a job beyond its painting, the mean over all; and the 99th percentile.
        carried_ms: of that, what pictures took to and from the storage, the mean.
        claim_ms: of a claim, median and 99th percentile.
        busy: of the machine's cores, what share was busy.
        keeper: cores that the keeper took, and redis: that Redis took.
    """

    workers: int
    rate: float
    ideal: float
    overhead_ms: tuple[float, float]
    carried_ms: float
    claim_ms: tuple[float, float]
    busy: float
    keeper: float
    redis: float


def main() -> int:
    """Measure, print the tables, and leave the figures in `out/scale.json`."""
    with tempfile.TemporaryDirectory() as folder, running_servers(Path(folder) / "servers") as servers:
        own = servers.settings.model_copy(update={"queue_max": 10 * WAITING, "tenant_running_max": 1000})
        with open_services(own) as services:
            memory = _filled(services)
            rows = [_measured(own, Path(folder), count, servers.redis.pid) for count in WORKERS]
            memory |= _finished(services)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"rows": [asdict(row) for row in rows], "bytes": memory, "paint_s": PAINT_S}, indent=2))
    _show(rows, memory)
    return 0


def _filled(services: Services) -> dict[str, float]:
    """Put the jobs into the queue; say what one takes in Redis."""
    begun, before = time.monotonic(), services.backlog.memory().used
    for n in range(WAITING // BATCH):
        tenant = f"tenant-{n % TENANTS}"
        _submit(services, tenant, BATCH)
    took = time.monotonic() - begun
    Console(stderr=True).print(f"[dim]{WAITING} jobs put into the queue in {took:.0f} s")
    return {"waiting": (services.backlog.memory().used - before) / WAITING}


def _submit(services: Services, tenant: str, count: int) -> None:
    """Submit a batch, each of whose jobs has options and labels as a client's would."""
    image = ImageRef(upload_id=upload(photograph_bytes(), tenant=tenant, services=services).id)
    spec = parse_spec(
        {
            "kind": "transfer",
            "content": image.model_dump(),
            "styles": [{"image": image.model_dump()}],
            "options": {"size": 512},
            "labels": {"order": "18-4211", "shop": "north"},
            "cache": False,
        }
    )
    [made] = prepare([Posted(spec)], tenant=tenant, services=services)
    batch = str(uuid7())
    many = [
        Submission(replace(made.job, id=str(uuid7()), batch=batch, custom_id=str(n)), made.fingerprint)
        for n in range(count)
    ]
    services.batches.submit(batch, many, fingerprint=batch, durability=IN_MEMORY)


@contextmanager
def _sleepers(own: Settings, folder: Path, count: int, paint_s: float) -> Iterator[Path]:
    """Run so many of them; give the folder of their notes."""
    notes = folder / f"notes-{count}-{paint_s}"
    notes.mkdir()
    file = folder / "settings.json"
    file.write_text(json.dumps({name: _plain(value) for name, value in own}))
    command = [sys.executable, "-m", "tests.benchmarks.sleepers", str(file), str(count), str(paint_s), str(notes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=(folder / "sleepers.log").open("ab")) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"started\n"
            yield notes
        finally:
            process.terminate()


@contextmanager
def _keeper(own: Settings, folder: Path) -> Iterator[int]:
    program = impasto("keeper", own, directory=folder, log=folder / "keeper.log")
    program.start()
    try:
        yield program.pid
    finally:
        program.kill()


def _measured(own: Settings, folder: Path, count: int, redis: int) -> Row:
    with _keeper(own, folder) as keeper, _sleepers(own, folder, count, PAINT_S) as notes:
        lines = _notes(notes, at_least=count * WARM)
        processes = [psutil.Process(pid) for pid in (keeper, redis)]
        before, begun = [_cpu_s(process) for process in processes], time.monotonic()
        psutil.cpu_percent()
        lines = _notes(notes, at_least=count * ROUNDS)
        busy, wall = psutil.cpu_percent() / 100, time.monotonic() - begun
        keeper_cores, redis_cores = (
            (_cpu_s(process) - past) / wall for process, past in zip(processes, before, strict=True)
        )
    pairs = [pair for own_lines in lines for pair in pairwise(own_lines[WARM - 1 :])]
    cycles = [this["ended"] - last["ended"] for last, this in pairs]
    slept = [this["slept_s"] for _, this in pairs]
    overheads = sorted((cycle - pause) * 1000 for cycle, pause in zip(cycles, slept, strict=True))
    claims = sorted(this["claim_s"] * 1000 for _, this in pairs)
    row = Row(
        workers=count,
        rate=count / statistics.mean(cycles),
        ideal=count / statistics.mean(slept),
        overhead_ms=(statistics.mean(overheads), _at(overheads, 99)),
        carried_ms=statistics.mean(this["carried_s"] * 1000 for _, this in pairs),
        claim_ms=(_at(claims, 50), _at(claims, 99)),
        busy=busy,
        keeper=keeper_cores,
        redis=redis_cores,
    )
    Console(stderr=True).print(f"[dim]{row}")
    return row


def _notes(folder: Path, *, at_least: int) -> list[list[dict[str, float]]]:
    """Wait for so many jobs to be noted; give each worker's, in order."""
    until = time.monotonic() + 120 + 3 * ROUNDS * PAINT_S
    while time.monotonic() < until:
        found = [[json.loads(line) for line in file.read_text().splitlines()] for file in folder.glob("*.jsonl")]
        if sum(map(len, found)) >= at_least:
            return found
        time.sleep(0.2)
    raise AssertionError("the workers did not get on")


def _finished(services: Services) -> dict[str, float]:
    """Let jobs end one after the other; say what one leaves in Redis, with and without its events.

    A job's events go an hour after its end; the rest stays for its retention.
    """
    own = services.settings.model_copy(update={"redis_prefix": "ended:"})
    with open_services(own) as empty:
        before = empty.backlog.memory().used
        for n in range(FINISHED // BATCH):
            _submit(empty, f"ended-{n}", BATCH)
        with (
            tempfile.TemporaryDirectory() as folder,
            _keeper(own, Path(folder)),
            _sleepers(own, Path(folder), 4, 0.0) as notes,
        ):
            _notes(notes, at_least=FINISHED)
        whole = (empty.backlog.memory().used - before) / FINISHED
        for key in empty._redis.scan_iter("ended:events:*"):
            empty._redis.delete(key)
        return {"finished": (empty.backlog.memory().used - before) / FINISHED, "finished_with_events": whole}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, Path) else value


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _at(ordered: Sequence[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _show(rows: Sequence[Row], memory: dict[str, float]) -> None:
    head = (
        "workers",
        "jobs/s",
        "of ideal",
        "overhead, mean",
        "p99",
        "storage",
        "claim, p50",
        "p99",
        "cores busy",
        "keeper",
        "redis",
    )
    table = Table(*head, box=None)
    for row in rows:
        table.add_row(
            str(row.workers),
            f"{row.rate:.2f}",
            f"{row.rate / row.ideal:.3f}",
            *(f"{value:.1f} ms" for value in (*row.overhead_ms, row.carried_ms, *row.claim_ms)),
            f"{row.busy:.0%}",
            f"{row.keeper:.3f}",
            f"{row.redis:.3f}",
        )
    console = Console(width=120)
    console.print(table)
    for what, size in memory.items():
        console.print(f"bytes of Redis for a job, {what}: {size:.0f}")


if __name__ == "__main__":
    sys.exit(main())
