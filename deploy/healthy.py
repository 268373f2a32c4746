"""Says by its exit code whether what a container is for is at work: asks it at `/livez` of its watch port."""

from __future__ import annotations

import sys
from urllib.error import URLError
from urllib.request import urlopen

from service.settings import Settings, read_settings

PATIENCE_S = 4.0


def healthy(settings: Settings) -> bool:
    """Ask. Who answers nothing, or that something is wrong, is not at work; nor is one whom nobody can ask."""
    if settings.watch_port is None:
        return False
    try:
        with urlopen(f"http://127.0.0.1:{settings.watch_port}/livez", timeout=PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except (URLError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(not healthy(read_settings()))
