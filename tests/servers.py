"""The real servers for tests: the embedded stack's own Redis and S3, started without its supervisor."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from service.embedded import parts
from service.embedded.folder import open_folder, read_secrets
from service.embedded.parts import Part
from service.embedded.ports import choose_ports
from service.errors import Unavailable
from service.settings import Settings
from service.wiring import open_services


@dataclass(frozen=True)
class Servers:
    """Two running servers, and settings that name them."""

    settings: Settings
    redis: subprocess.Popen[bytes]
    s3: subprocess.Popen[bytes]


@contextmanager
def running_servers(root: Path, *, users: Sequence[Mapping[str, Any]] = ()) -> Iterator[Servers]:
    """Start Redis and S3 on free loopback ports, wait until both answer, and end them by their own ids.

    Args:
        root: the folder of both.
        users: that S3 knows beside its owner, as SeaweedFS writes identities.
    """
    folder = open_folder(root)
    secrets = read_secrets(folder)
    ports = choose_ports(parts.SERVERS, folder.ports)
    settings = parts.stack_settings(secrets, ports, api_port=0)
    s3_part = parts.s3(folder, secrets, ports)
    if users:
        keys = {"accessKey": secrets.s3_access_key_id, "secretKey": secrets.s3_secret_access_key}
        owner = {"name": "owner", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}
        (root / "s3.json").write_text(json.dumps({"identities": [owner, *users]}))
        s3_part = replace(s3_part, command=(*s3_part.command, "-s3.config=s3.json"))
    with (
        _running(parts.redis(folder, secrets, ports), folder.logs) as redis,
        _running(s3_part, folder.logs) as s3,
    ):
        wait_until_ready(settings)
        yield Servers(settings, redis, s3)
    for litter in parts.s3_litter(ports):
        litter.unlink(missing_ok=True)


def wait_until_ready(settings: Settings, *, patience_s: float = 60) -> None:
    """Return when both servers answer and the bucket is there."""
    deadline = time.monotonic() + patience_s
    with open_services(settings) as services:
        for answered in (services.jobs.ping, services.blobs.ensure_bucket):
            while True:
                with suppress(Unavailable):
                    answered()
                    break
                assert time.monotonic() < deadline, f"{answered.__qualname__} got no answer within {patience_s} s"
                time.sleep(0.1)


@contextmanager
def _running(part: Part, logs: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (logs / f"{part.name}.log").open("wb") as log:
        process = subprocess.Popen(
            part.command, cwd=part.directory, env={**os.environ, **part.environment}, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=part.stop_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
