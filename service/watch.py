"""What whoever watches over a process may ask: `/livez`, `/readyz` and `/metrics`, on a port that only they reach.

Every process that is told `IMPASTO_WATCH_PORT` answers there, in a thread of its own: the API, the keeper, the parent
of a worker. A check is a function that gives None where all is well, or a sentence that says what is wrong.
"""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from service.errors import ImpastoError, SetupError
from service.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from prometheus_client import CollectorRegistry

    from service.settings import Settings


Check: TypeAlias = "Callable[[], str | None]"
Checks: TypeAlias = "Mapping[str, Check]"


@contextmanager
def watched(settings: Settings, registry: CollectorRegistry, *, live: Checks, ready: Checks) -> Iterator[int | None]:
    """Answer whoever watches, for as long as the context is open.

    Args:
        settings: which say where; nowhere unless a port is set, 0 takes a free one.
        registry: what `/metrics` shows.
        live: what must hold of this process; where it does not, it should be started anew.
        ready: what must hold besides, that it may be given work.

    Yields:
        The port.

    Raises:
        SetupError: the port can't be had.
    """
    if settings.watch_port is None:
        yield None
        return
    application = _application(registry, {"/livez": live, "/readyz": {**live, **ready}})
    try:
        server = make_server(
            settings.watch_host, settings.watch_port, application, server_class=_Server, handler_class=_Silent
        )
    except OSError as error:
        where = f"{settings.watch_host}:{settings.watch_port}"
        raise SetupError(f"IMPASTO_WATCH_PORT: {where} can't be had: {error.strerror}") from error
    with server:
        thread = Thread(target=server.serve_forever, name="watch", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def wrong_with(checks: Checks) -> dict[str, str]:
    """Make checks, and give what is wrong by the check's name."""
    found = ((name, _made(check)) for name, check in checks.items())
    return {name: why for name, why in found if why is not None}


def _made(check: Check) -> str | None:
    try:
        return check()
    except ImpastoError as error:
        return f"{error.code}: {error}"


def _application(registry: CollectorRegistry, asked: Mapping[str, Checks]) -> Callable[..., Iterable[bytes]]:
    metrics: Any = make_wsgi_app(registry)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        if path not in asked:
            return _answer(start_response, HTTPStatus.NOT_FOUND, {"status": "there is /livez, /readyz and /metrics"})
        wrong = wrong_with(asked[path])
        if not wrong:
            return _answer(start_response, HTTPStatus.OK, {"status": "ok"})
        log().warning("watch_refused", path=path, **wrong)
        return _answer(start_response, HTTPStatus.SERVICE_UNAVAILABLE, {"status": "wrong", "why": wrong})

    return application


def _answer(start_response: StartResponse, status: HTTPStatus, body: Mapping[str, Any]) -> list[bytes]:
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
    return [json.dumps(body).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking for this host's name, as the base class does: names may be slow, and nobody needs it."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Silent(WSGIRequestHandler):
    timeout = 10  # seconds that a client may stay silent

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Write no access log: it would tell of nothing but the watcher's rhythm."""
