"""Calls that wait for strangers: how many at once, of each tenant and in all, and who is put off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api import intake as room
from api.intake import PRESENT, PRESENT_PER_TENANT, THREADS, THREADS_PER_TENANT, Intake
from service.errors import IngestUnavailable
from service.spec import parse_spec


class Door:
    """What calls wait for, and how many of each tenant are waiting for it."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.at_work: list[str] = []

    def pass_through(self, tenant: str) -> str:
        self.at_work.append(tenant)
        assert self.opened.wait(30)
        return tenant


@asynccontextmanager
async def waiting(intake: Intake, door: Door, **calls: int) -> AsyncIterator[list[asyncio.Task[str]]]:
    """Have so many calls of tenants wait, and let them through in the end."""
    tasks = [
        asyncio.create_task(intake.run(tenant, door.pass_through, tenant))
        for tenant, count in calls.items()
        for _ in range(count)
    ]
    try:
        await asyncio.sleep(0.2)
        yield tasks
    finally:
        door.opened.set()
        await asyncio.gather(*tasks, return_exceptions=True)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_a_tenant_has_a_share_of_the_threads_and_all_calls_come_to_their_turn() -> None:
    async def test() -> None:
        door, intake = Door(), Intake()
        async with waiting(intake, door, one=PRESENT_PER_TENANT, other=1) as tasks:
            assert sorted(door.at_work) == ["one"] * THREADS_PER_TENANT + ["other"]
            door.opened.set()
            assert await asyncio.gather(*tasks) == ["one"] * PRESENT_PER_TENANT + ["other"]

    run(test)


def test_all_tenants_together_have_so_many_threads() -> None:
    async def test() -> None:
        door, intake = Door(), Intake()
        async with waiting(intake, door, **{f"tenant_{n}": THREADS_PER_TENANT for n in range(6)}):
            assert len(door.at_work) == THREADS

    run(test)


def test_who_brings_too_many_at_once_is_put_off_and_others_are_not() -> None:
    async def test() -> None:
        door, intake = Door(), Intake()
        async with waiting(intake, door, one=PRESENT_PER_TENANT):
            with pytest.raises(IngestUnavailable, match="too many"):
                await intake.run("one", str)
            assert not await intake.run("other", str)
        assert not await intake.run("one", str)

    run(test)


def test_when_too_many_are_present_in_all_everybody_is_put_off() -> None:
    async def test() -> None:
        door, intake = Door(), Intake()
        tenants = {f"tenant_{n}": PRESENT_PER_TENANT for n in range(PRESENT // PRESENT_PER_TENANT)}
        async with waiting(intake, door, **tenants):
            with pytest.raises(IngestUnavailable, match="too many"):
                await intake.run("other", str)
        assert not await intake.run("other", str)

    run(test)


def test_who_waits_too_long_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "TURN_S", 0.05)

    async def test() -> None:
        door, intake = Door(), Intake()
        async with waiting(intake, door, one=THREADS_PER_TENANT):
            with pytest.raises(IngestUnavailable, match="no turn"):
                await intake.run("one", str)
        assert not await intake.run("one", str)

    run(test)


def test_what_a_call_raises_is_raised_and_its_turn_given_back() -> None:
    async def test() -> None:
        intake = Intake()
        for _ in range(2 * PRESENT_PER_TENANT):
            with pytest.raises(ValueError, match="invalid literal"):
                await intake.run("one", int, "no number")

    run(test)


UPLOADED, URL = {"upload_id": "0199"}, {"url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({}, False),
        ({"content": URL}, True),
        ({"styles": [{"image": {"data": "aGVsbG8="}}]}, True),
        ({"styles": [{"style_id": "0199"}]}, False),
        ({"webhook": {"url": "https://example.com/hook"}}, True),
    ],
    ids=str,
)
def test_a_spec_waits_for_strangers_if_it_names_any(change: dict[str, Any], waits: bool) -> None:
    spec = parse_spec({"kind": "transfer", "content": UPLOADED, "styles": [{"image": UPLOADED}], **change})
    assert spec.names_strangers == waits

    async def test() -> None:
        door, intake = Door(), Intake()
        async with waiting(intake, door, one=PRESENT_PER_TENANT):
            call = intake.run_for(spec, "one", str)
            if waits:
                with pytest.raises(IngestUnavailable):
                    await call
            else:
                assert not await call

    run(test)
