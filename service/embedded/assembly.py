"""The parts of a stack, put together: started in order, each when the one before is ready, and stopped."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from service.embedded import parts
from service.embedded.events import Ended, Event, GaveUp, Spawned, StopAsked, Stopped, SupervisorEnded
from service.embedded.folder import Folder, read_secrets
from service.embedded.logs import size, tail
from service.embedded.ports import LOOPBACK, choose_ports
from service.embedded.readiness import (
    api_ready,
    at_work,
    development_key,
    forget_absent,
    redis_ready,
    s3_ready,
)
from service.embedded.running import Bucket, RunningStack, write_running
from service.errors import StackError
from service.wiring import open_services

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.embedded.journal import Journal
    from service.embedded.parts import Part
    from service.embedded.supervision import Supervision
    from service.settings import Settings

LOOK_EVERY_S = 0.05
_PORT_TAKEN = re.compile(r"address already in use|is not available on", re.IGNORECASE)
"""Valkey's and SeaweedFS's words for it."""


class StopRequested(Exception):
    """Raised while the stack starts, when somebody asks it to stop."""


class PortTaken(StackError):
    """Raised when a part ended because another program took its port first."""


class Assembly:
    """The parts under one supervision, from the first start to the last stop."""

    def __init__(self, folder: Folder, supervision: Supervision, events: SimpleQueue[Event], journal: Journal) -> None:
        self._folder = folder
        self._supervision = supervision
        self._events = events
        self._journal = journal
        self._pids: dict[str, int] = {}
        self._ended: set[str] = set()  # and not started again yet
        self._running: RunningStack | None = None

    def start(self, port: int, *, keep_ports: bool = True) -> None:
        """Start everything, and say where it is when all is ready.

        Args:
            port: the API's.
            keep_ports: give the servers the ports of the start before, where they are free.

        Raises:
            StopRequested: somebody asked to stop meanwhile.
            PortTaken: another program took a port just now; with other ports it may succeed.
            StackError: a part ended or was not ready in time.
        """
        settings = self.start_servers(port, keep_ports=keep_ports)
        with open_services(settings) as services:
            key = development_key(self._folder, services)
            self._bring_up(parts.api(settings), partial(api_ready, port))
            forget_absent(services, "worker")
            self._bring_up(parts.worker(settings), lambda _: at_work(services, "worker"))
            forget_absent(services, "keeper")
            self._bring_up(parts.keeper(settings), lambda _: at_work(services, "keeper"))
        self._running = RunningStack(
            url=f"http://{LOOPBACK}:{port}",
            key=key,
            processes=dict(self._pids),
            redis_url=settings.redis_url.get_secret_value(),
            s3=Bucket(endpoint=settings.s3_endpoint or "", bucket=settings.s3_bucket),
        )
        write_running(self._folder, self._running)
        self._journal.open_for_work(self._folder, url=self._running.url, key=key)

    def start_servers(self, api_port: int, *, keep_ports: bool = True) -> Settings:
        """Start Redis and S3 alone, and return the settings that everything else reaches them by.

        Raises:
            PortTaken, StackError: one of them ended or was not ready in time.
        """
        folder, secrets = self._folder, read_secrets(self._folder)
        ports = choose_ports(parts.SERVERS, folder.ports, keep=keep_ports)
        settings = parts.stack_settings(secrets, ports, api_port=api_port)
        with open_services(settings) as services:
            self._bring_up(parts.redis(folder, secrets, ports), partial(redis_ready, services, ports["redis"]))
            self._bring_up(parts.s3(folder, secrets, ports), partial(s3_ready, services, ports["s3"]))
        return settings

    def watch(self) -> None:
        """Say what happens, until somebody asks to stop.

        Raises:
            StackError: a part failed for good, or the supervisor is gone.
        """
        while True:
            match self._events.get():
                case StopAsked():
                    return
                case event:
                    self._follow(event)

    def stop(self) -> None:
        """Stop every part, the last started first, and return when they are gone."""
        self._journal.stopping()
        self._supervision.shut_down()
        hurried = False
        with self._journal.awaiting("waiting for running work to end"):
            while True:
                self._supervision.nudge()
                match self._next():
                    case Stopped(name, how) | Ended(name, how):
                        self._pids.pop(name, None)
                        self._journal.stopped(name, how=how)
                    case StopAsked():
                        hurried = True
                        self._hurry()
                    case SupervisorEnded():
                        break
        if hurried:
            self._events.put(StopAsked())  # for whoever would start again

    def _hurry(self) -> None:
        # Redis and S3 need a moment at most, and use it to write.
        self._journal.hurrying()
        for name in ("worker", "keeper", "api"):
            pid = self._pids.get(name, 0)
            if pid and name not in self._ended:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)

    def _bring_up(self, part: Part, is_ready: Callable[[int], bool]) -> None:
        began, seen = time.monotonic(), size(self._folder.log(part.name))
        with self._journal.awaiting(f"{part.name} is starting"):
            self._pids[part.name] = self._supervision.start(part)
            self._look(part, seen)
            while not is_ready(self._pids[part.name]):
                if time.monotonic() - began > part.ready_s:
                    written = self._tail(part.name, seen)
                    raise StackError(f"{part.name} was not ready within {part.ready_s} s. {written}")
                self._look(part, seen)
        self._journal.ready(part.name, pid=self._pids[part.name], after_s=time.monotonic() - began)

    def _look(self, part: Part, seen: int) -> None:
        match self._next():
            case StopAsked():
                raise StopRequested
            case Ended(name, how) if name == part.name:
                self._ended.add(name)
                written = self._tail(name, seen)
                error = PortTaken if _PORT_TAKEN.search(written) else StackError
                raise error(f"{name} ended while it was starting ({how}). {written}")
            case event:
                self._follow(event)

    def _follow(self, event: Event | None) -> None:
        match event:
            case Spawned(name, pid) if pid != self._pids.get(name, pid):
                self._pids[name] = pid
                self._ended.discard(name)
                self._record()
                self._journal.restarted(name, pid=pid)
            case Ended(name, how):
                self._ended.add(name)
                self._journal.ended(name, how=how)
            case GaveUp(name):
                raise StackError(f"{name} ended again and again and was given up. {self._tail(name)}")
            case SupervisorEnded():
                self._events.put(event)  # for `stop`
                raise StackError(f"The supervisor ended unexpectedly. {self._tail('supervisord')}")

    def _record(self) -> None:
        if self._running is not None:
            self._running = replace(self._running, processes=dict(self._pids))
            write_running(self._folder, self._running)

    def _next(self) -> Event | None:
        with suppress(Empty):
            return self._events.get(timeout=LOOK_EVERY_S)
        return None

    def _tail(self, name: str, since: int = 0) -> str:
        return tail(self._folder.log(name), since=since)
