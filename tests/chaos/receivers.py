"""Faults of webhooks: a receiver that fails, and the keeper that dies while it tells."""

from __future__ import annotations

import json
import threading

from tests.chaos.fault import SHORT, fault
from tests.chaos.verdict import Row, judge
from tests.chaos.world import World
from tests.receiver import Asked, Send, answer, receiving


def keeper_killed_while_it_tells(world: World) -> Row:
    """The receiver fails every first try; the keeper is killed while it waits for an answer."""
    held, over, tried = threading.Event(), threading.Event(), set[str]()

    def script(asked: Asked, send: Send) -> None:
        known = asked.headers["webhook-id"] in tried
        tried.add(asked.headers["webhook-id"])
        if not held.is_set():
            held.set()
            over.wait(60)
        send(answer(200 if known else 500))

    with fault(world) as since, receiving(script) as receiver:
        wish = {"webhook": {"url": receiver.url, "events": ["job.succeeded"]}}
        jobs = world.submit(4, iterations=SHORT, tenant="ada", **wish)
        world.until(held.is_set)
        world.killed += 1
        world.keeper.kill()
        over.set()
        world.revive()
        world.all_done(jobs)
        world.until(lambda: [made.ended for made in world.deliveries("ada")] == ["delivered"] * len(jobs))
        told = {(asked.headers["webhook-id"], json.loads(asked.body)["data"]["id"]) for asked in receiver.asked}
        assert {job_id for _, job_id in told} == {job.id for job in jobs}
        assert len(told) == len(jobs), "an event has one id, however often it is sent"
    return judge(world, "keeper killed while it tells", jobs, since=since)
