"""A client that goes on posting while something else is done to the service."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from api.client import Client, Patience

EVERY_S = 0.5
"""Between two posts."""


@contextmanager
def posted_meanwhile(url: str, key: str, images: Mapping[str, bytes], spec: Mapping[str, Any]) -> Iterator[list[str]]:
    """Post the same over HTTP all the while, with the client that others use; give the ids of those accepted."""
    posted, stop, failed = list[str](), threading.Event(), list[Exception]()

    def post() -> None:
        with Client(url, key, patience=Patience(deadline_s=60.0)) as client:
            while not stop.wait(EVERY_S):
                posted.append(client.submit(images, spec).id)

    def run() -> None:
        try:
            post()
        except Exception as error:  # noqa: BLE001 - told below, in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield posted
    finally:
        stop.set()
        thread.join(timeout=90)
    assert not failed, failed
    assert posted
