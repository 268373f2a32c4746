"""A whole stack under fire: Redis and S3 behind gates, workers, a keeper and an API as processes of their own."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from service.embedded import parts as embedded
from service.embedded.folder import open_folder, read_secrets
from service.embedded.ports import choose_ports
from service.errors import Unavailable
from service.job import Job
from service.keys import create_key
from service.settings import Settings
from service.spec import parse_spec
from service.stores.delivery_store import Delivery
from service.submit import submit
from service.upload import upload
from service.wiring import Services, open_services
from tests.chaos.gate import Gate
from tests.chaos.parts import Program, impasto
from tests.images import photograph_bytes
from tests.servers import wait_until_ready

TENANTS = ("ada", "ben", "cleo")


@dataclass(frozen=True)
class Kill:
    """A fault that took a process from the job that it was painting."""

    at: float
    job_id: str
    fence: int


@dataclass
class World:
    """What runs, and what is done to it."""

    settings: Settings
    services: Services
    redis: Program
    s3: Program
    api: Program
    keeper: Program
    workers: list[Program]
    redis_gate: Gate
    s3_gate: Gate
    url: str
    key: str
    storage_away_s: float = 60.0
    kills: list[Kill] = field(default_factory=list)
    killed: int = 0
    outages: list[tuple[float, float]] = field(default_factory=list)
    _pictures: dict[str, str] = field(default_factory=dict)

    def submit(self, count: int, *, iterations: int, tenant: str | None = None, **wish: Any) -> list[Job]:
        """Submit jobs that paint 64 pixels for so many iterations, in turn of several tenants."""
        return [
            self._submit_one(tenant or TENANTS[number % len(TENANTS)], iterations, **wish) for number in range(count)
        ]

    def _submit_one(self, tenant: str, iterations: int, **wish: Any) -> Job:
        if tenant not in self._pictures:
            self._pictures[tenant] = upload(photograph_bytes(), tenant=tenant, services=self.services).id
        spec = posting(self._pictures[tenant], iterations, **wish)
        return submit(parse_spec(spec), tenant=tenant, services=self.services).job

    def deliveries(self, tenant: str) -> list[Delivery]:
        return self.services.deliveries.page(tenant, endpoint_id=None, after=None, limit=100)[0]

    def job(self, job: Job) -> Job:
        return self.services.jobs.get(job.tenant, job.id)

    def until(self, holds: Callable[[], Any], *, within_s: float = 180) -> Any:
        """Wait until something holds, while stores may come and go; return it."""
        deadline = time.monotonic() + within_s
        while True:
            with suppress(Unavailable):
                if value := holds():
                    return value
            assert time.monotonic() < deadline, f"not within {within_s} s: {holds.__name__}"
            time.sleep(0.05)

    def all_done(self, jobs: Sequence[Job], *, within_s: float = 180) -> list[Job]:
        """Wait until every one of these jobs is terminal."""

        def all_done() -> list[Job] | None:
            now = [self.job(job) for job in jobs]
            return now if all(job.state.terminal for job in now) else None

        done: list[Job] = self.until(all_done, within_s=within_s)
        return done

    def painting(self, worker: Program) -> Job | None:
        """Give the job that a worker paints just now."""
        for member in self.services._redis.zrange(f"{self.settings.redis_prefix}leases", 0, -1):
            job = self.services.jobs.get(*member.split(":", 1))
            if (job.lease_owner or "").endswith(f":{worker.pid}"):
                return job
        return None

    def iteration(self, job: Job) -> int:
        return int((self.job(job).progress or {}).get("iteration", 0))

    @property
    def lease_ttl_s(self) -> float:
        return self.settings.lease_ttl_s

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Note a time in which workers can't reach Redis, so that nobody can take a job up."""
        began = time.time()
        yield
        self.outages.append((began, time.time()))

    def strike(self, worker: Program, blow: Callable[[], None], *, kills: bool = True) -> None:
        """Let a fault take a worker, or its child, from its job, and note which that was."""
        with suppress(Unavailable):
            job = self.painting(worker)
            if job is not None:
                self.kills.append(Kill(time.time(), job.id, job.fence))
        self.killed += kills
        blow()

    def revive(self) -> None:
        """Start again what has ended, as a supervisor does."""
        for program in (self.redis, self.s3, self.api, self.keeper, *self.workers):
            if not program.alive:
                program.start()

    def at_work(self) -> None:
        """Wait until every worker is ready to paint."""
        pids = {str(worker.pid) for worker in self.workers}
        self.until(lambda: pids <= {name.rpartition(":")[2] for name in self.services.presence.alive("worker")})

    def events(self, since: float) -> list[dict[str, Any]]:
        """Read what workers and keeper have logged since a moment."""
        return sorted(
            (
                event
                for program in (*self.workers, self.keeper)
                for event in _events(program.log)
                if event["at"] >= since
            ),
            key=lambda event: float(event["at"]),
        )


def posting(upload_id: str, iterations: int, **wish: Any) -> dict[str, Any]:
    """Write a spec that paints 64 pixels, and never takes an earlier result over."""
    image = {"upload_id": upload_id}
    options = {"size": 64, "iterations": iterations}
    return {
        "kind": "transfer",
        "content": image,
        "styles": [{"image": image}],
        "options": options,
        "cache": False,
        **wish,
    }


def _events(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError, KeyError):
            event = json.loads(line)
            yield {**event, "at": _epoch(event["timestamp"])}


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


@contextmanager
def world(root: Path, *, lease_ttl_s: float, workers: int = 2) -> Iterator[World]:
    """Start everything, and end everything, whatever happened to it meanwhile."""
    folder = open_folder(root)
    secrets = read_secrets(folder)
    ports = choose_ports((*embedded.SERVERS, "api"), folder.ports)
    with ExitStack() as stack:
        redis, s3 = (
            Program(part.command, directory=part.directory, environment=dict(part.environment), log=folder.log(name))
            for name, part in (
                ("redis", embedded.redis(folder, secrets, ports)),
                ("s3", embedded.s3(folder, secrets, ports)),
            )
        )
        redis_gate = stack.enter_context(Gate("127.0.0.1", ports["redis"]))
        s3_gate = stack.enter_context(Gate("127.0.0.1", ports["s3"], seed=1))
        direct = embedded.stack_settings(secrets, ports, api_port=ports["api"]).model_copy(
            update={
                "lease_ttl_s": lease_ttl_s,
                "storage_patience_s": 90.0,
                "torch_threads": 1,
                "fetch_allow": ("127.0.0.1",),
            }
        )
        url = urllib.parse.urlsplit(direct.redis_url.get_secret_value())
        address = url._replace(netloc=f":{url.password}@127.0.0.1:{redis_gate.port}").geturl()
        gated = direct.model_copy(
            update={"redis_url": SecretStr(address), "s3_endpoint": f"http://127.0.0.1:{s3_gate.port}"}
        )
        painters = [
            impasto("worker", gated, directory=root, log=folder.logs / f"worker-{n}.log") for n in range(workers)
        ]
        keeper = impasto("keeper", direct, directory=root, log=folder.logs / "keeper.log")
        api = impasto("api", gated, directory=root, log=folder.logs / "api.log")
        programs = [redis, s3, keeper, api, *painters]
        for litter in embedded.s3_litter(ports):
            stack.callback(litter.unlink, missing_ok=True)
        for program in programs:
            stack.callback(_end, program)
        for server in (redis, s3):
            server.start()
        wait_until_ready(direct)
        services = stack.enter_context(open_services(direct))
        key = create_key(services.keys, tenant=TENANTS[0], name="chaos")
        made = World(
            settings=direct,
            services=services,
            redis=redis,
            s3=s3,
            api=api,
            keeper=keeper,
            workers=painters,
            redis_gate=redis_gate,
            s3_gate=s3_gate,
            url=f"http://127.0.0.1:{ports['api']}",
            key=key,
        )
        made.revive()
        made.at_work()
        made.until(lambda: _answers(made.url))
        yield made


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/livez").status_code == 200
    return False


def _end(program: Program) -> None:
    with suppress(AssertionError):
        program.kill()
