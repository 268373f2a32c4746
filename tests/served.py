"""The API behind a real HTTP server, on a free loopback port, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx

from api.app import create_app
from api.server import Server
from service.fetch import Outside
from service.settings import Settings
from service.wiring import open_services


@contextmanager
def served(
    settings: Settings, *, key: str | None = None, outside: Outside | None = None, sends_bytes: int | None = None
) -> Iterator[httpx.Client]:
    """Serve the API and give a client of it, which follows no redirects.

    Args:
        settings: of the API.
        key: the client's.
        outside: asks another resolver.
        sends_bytes: the size of the sending buffers; None: as the system likes.
    """
    services = open_services(settings)
    services = services if outside is None else replace(services, outside=outside)
    with socket.socket() as listener:
        if sends_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sends_bytes)
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on a request waits rather than being refused
        server = Server(create_app(services), settings, patience_s=5)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
