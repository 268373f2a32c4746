"""Says by its exit code whether what a container is for is at work: `api`, `worker` or `keeper`."""

from __future__ import annotations

import socket
import sys
from urllib.request import urlopen

from service.settings import Settings, read_settings
from service.wiring import open_services

PATIENCE_S = 4


def healthy(role: str, settings: Settings) -> bool:
    """Ask the API whether it answers; of the others, look whether one of this host has said that it is there.

    Raises:
        OSError, ImpastoError: nobody could be asked.
    """
    if role == "api":
        with urlopen(f"http://127.0.0.1:{settings.api_port}/livez", timeout=PATIENCE_S) as answer:
            return bool(answer.status == 200)
    with open_services(settings) as services:
        names = services.presence.alive("keeper" if role == "keeper" else "worker")
    return any(name.startswith(f"{socket.gethostname()}:") for name in names)


if __name__ == "__main__":
    sys.exit(not healthy(sys.argv[1], read_settings()))
