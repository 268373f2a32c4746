"""How each part shows that it is ready: by doing what it is there for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import httpx
import psutil

from service.embedded.folder import Folder, write_private
from service.embedded.ports import LOOPBACK
from service.errors import Refused, Unavailable
from service.keys import SCOPES, authenticate, create_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.wiring import Services


def redis_ready(services: Services, port: int, pid: int) -> bool:
    """Say whether Redis, which is process `pid`, has read its log back and answers."""
    return _listens(pid, port) and _answers(services.jobs.ping)


def s3_ready(services: Services, port: int, pid: int) -> bool:
    """Say whether S3, which is process `pid`, answers and has our bucket, which is made if need be."""
    return _listens(pid, port) and _answers(services.blobs.ensure_bucket)


def api_ready(port: int, pid: int) -> bool:
    """Say whether the API, which is process `pid`, takes requests."""
    if not _listens(pid, port):
        return False
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{port}/readyz", timeout=10, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def forget_absent(services: Services, role: Literal["worker", "keeper"]) -> None:
    """Forget those of a stack that was killed, whose last words are not forgotten yet.

    Raises:
        JobStoreUnavailable: Redis doesn't answer.
    """
    for name in services.presence.alive(role):
        services.presence.leave(role, name)


def at_work(services: Services, role: Literal["worker", "keeper"]) -> bool:
    """Say whether somebody has reported for work in this role."""
    return _answers(lambda: services.presence.alive(role))


def development_key(folder: Folder, services: Services) -> str:
    """Give the key made at the first start, or make one where that is gone or no longer known.

    Raises:
        JobStoreUnavailable: Redis doesn't answer.
    """
    try:
        key = folder.key.read_text().strip()
        authenticate(services.keys, key, scope="jobs:write")
    except (FileNotFoundError, Refused):
        key = create_key(services.keys, tenant="default", name="development", scopes=SCOPES)
        write_private(folder.key, key + "\n")
    return key


def _listens(pid: int, port: int) -> bool:
    # Asked first: the drivers wait and try again where nobody listens, and another program might listen there.
    try:
        connections = psutil.Process(pid).net_connections("inet")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def _answers(call: Callable[[], object]) -> bool:
    """Make a call; say whether it came back, and with something other than an empty list."""
    try:
        return call() != []
    except Unavailable:
        return False
