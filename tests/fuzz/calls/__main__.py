"""The API, called with everything that its description allows and much that it does not, by Schemathesis.

Give the seconds that it may take. It runs against the real servers, and fails when an answer is not as the description
says, or when the log of the API has an error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from service.keys import create_key
from service.stores.key_store import Limits
from tests.fuzz.calls.hooks import KNOWN, made
from tests.served_process import served_process

HERE = Path(__file__).parent
PLENTY = 10**9
UNLIMITED = Limits(PLENTY, PLENTY, PLENTY, 10**15)
RUNS = (
    (("--phases", "examples,coverage,fuzzing"), "jobs:read jobs:write", 0.6),
    (("--phases", "stateful"), "jobs:read jobs:write", 0.3),
    (("--include-path-regex", "^/v1/keys"), "admin", 0.1),
)
"""Options, scopes of the key, and share of the time: each call for itself; calls that follow from each other; and what
only an admin may do, among which is to make the own key useless."""


def main(seconds: int, *, stateful: bool = True) -> int:
    """Call it for so long, and return the exit code.

    Args:
        seconds: for all of it; trying each limit of each field takes a minute and a half in any case.
        stateful: whether calls that follow from each other are made too, which overrun a short time by far.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        served_process(Path(folder), queue_max=PLENTY, fetch_allow=("127.0.0.1",)) as (url, services, log),
    ):
        keys = {
            scopes: create_key(services.keys, tenant="fuzz", name="fuzz", limits=UNLIMITED, scopes=scopes.split())
            for _, scopes, _ in RUNS
        }
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {keys['admin']}"}, timeout=30) as client:
            environment = {**os.environ, KNOWN: json.dumps(made(client)), "PYTHONPATH": str(Path.cwd())}
        codes = [
            subprocess.run(
                _command(url, keys[scopes], options, share * seconds), cwd=folder, env=environment, check=False
            ).returncode
            for options, scopes, share in RUNS
            if stateful or "stateful" not in options
        ]
        crashes = [line for line in log.read_text().splitlines() if '"level": "error"' in line]
    sys.stdout.write("".join(f"the log of the API: {line}\n" for line in crashes))
    return int(any(codes) or bool(crashes))


def _command(url: str, key: str, options: tuple[str, ...], seconds: float) -> tuple[str, ...]:
    return (
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {key}", *options),
        *("--checks", "all", "--request-timeout", "70", "--max-time", str(round(seconds)), "--no-color"),
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
