"""Faults of the doorbell and of the API: what is lost or doubled between a post and a worker."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress

import httpx
import pytest

from service.stores.queue import DOORBELL
from tests.chaos.fault import SHORT, fault
from tests.chaos.verdict import Row, judge
from tests.chaos.world import World, posting


def messages_lost(world: World) -> Row:
    """Every message is lost before anybody hears it."""
    with fault(world) as since:
        stop = threading.Event()

        def lose() -> None:
            while not stop.wait(0.001):
                with suppress(Exception):
                    world.services._redis.delete(f"{world.settings.redis_prefix}{DOORBELL}")

        loser = threading.Thread(target=lose)
        loser.start()
        try:
            jobs = world.submit(6, iterations=SHORT)
            time.sleep(3)
        finally:
            stop.set()
            loser.join()
        world.all_done(jobs)
    return judge(world, "every message lost", jobs, since=since)


def messages_doubled(world: World) -> Row:
    """Every message comes five times, at once and late."""
    with fault(world) as since:
        jobs = world.submit(6, iterations=SHORT)
        for _ in range(5 * len(jobs)):
            world.services.queue.ring()
        world.all_done(jobs)
        for _ in range(5 * len(jobs)):
            world.services.queue.ring()
        world.until(lambda: world.services.queue.unheard() == 0)
    return judge(world, "every message five times", jobs, since=since)


def api_killed_before_the_ring(world: World) -> Row:
    """Kill the API between the record and the ring; the client asks again under its key."""
    return _api_killed(world, "API killed before the ring", piece=b"\r\nLPUSH\r\n")


def api_killed_after_the_ring(world: World) -> Row:
    """Kill the API after the ring, before its answer is kept; the client asks again under its key."""
    return _api_killed(world, "API killed after the ring", piece=b"\r\nHSETNX\r\n")


def _api_killed(world: World, name: str, *, piece: bytes) -> Row:
    with fault(world) as since:
        upload = world.submit(1, iterations=SHORT, tenant="ada")[0].spec.content
        assert upload is not None
        headers = {"Authorization": f"Bearer {world.key}", "Idempotency-Key": uuid.uuid4().hex}
        spec = posting(upload.upload_id or "", SHORT)

        def post() -> httpx.Response:
            return httpx.post(f"{world.url}/v1/jobs", json=spec, headers=headers, timeout=30)

        world.killed += 1
        # The piece is a whole command: the scripts' text, when it is loaded, has the same words.
        world.redis_gate.trap(piece, world.api.kill)
        with suppress(httpx.TransportError):
            pytest.fail(f"the API lives, and answered {post().text}")
        world.api.wait()
        known = list(world.services._redis.scan_iter(f"{world.settings.redis_prefix}job:ada:*"))
        world.revive()

        def again() -> str | None:
            with suppress(httpx.TransportError):
                answer = post()
                return str(answer.json()["id"]) if answer.status_code == 202 else None
            return None

        job_id = world.until(again)
        assert f"{world.settings.redis_prefix}job:ada:{job_id}" in known
        job = world.services.jobs.get("ada", job_id)
        world.all_done([job])
    return judge(world, name, [job], since=since)
