"""Who is at work on which devices, and their paces, in Redis. `commit.lua` is where paces are learnt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from service.pace import Device, Pace, Worker
from service.stores.connection import RedisClient, translated
from service.stores.presence import SILENT_S
from service.stores.records import known, pairs
from service.stores.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Mapping


class PaceStore:
    """The paces of all devices. Raises JobStoreUnavailable when Redis is out of reach."""

    def __init__(self, client: RedisClient, *, prefix: str) -> None:
        self._scripts = Scripts(client, prefix, "workers")

    @translated
    def workers(self) -> list[Worker]:
        """List who is at work, with the pace of each one's device; in one round trip."""
        found, taught = self._scripts.run("workers", round(SILENT_S * 1000))
        paces = {name: _paces(pairs(fields)) for name, fields in pairs(taught).items()}
        workers = [(name, known(Device, json.loads(device)) if device else None) for name, device in found]
        return [Worker(name, device, paces[device.name] if device else {}) for name, device in workers]


def _paces(fields: Mapping[str, str]) -> dict[str, Pace]:
    around = {name.removesuffix(":around_s"): value for name, value in fields.items() if name.endswith(":around_s")}
    painted = {bracket: fields.get(f"{bracket}:s_per_gflop") for bracket in around}
    return {
        bracket: Pace(None if s_per_gflop is None else float(s_per_gflop), float(around[bracket]))
        for bracket, s_per_gflop in painted.items()
    }
