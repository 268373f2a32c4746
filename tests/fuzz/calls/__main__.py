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
from collections.abc import Sequence
from pathlib import Path

import httpx

from service.keys import create_key
from service.stores.key_store import Limits
from tests.fuzz.calls.hooks import KNOWN, made
from tests.served_process import served_process

HERE = Path(__file__).parent
PLENTY = 10**9
UNLIMITED = Limits(PLENTY, PLENTY, PLENTY, 10**15)
ADMIN = ("--include-path-regex", "^/v1/keys")
WHOLE = (
    (("--phases", "examples,coverage,fuzzing"), "jobs:read jobs:write", 0.6),
    (("--phases", "stateful"), "jobs:read jobs:write", 0.3),
    (ADMIN, "admin", 0.1),
)
"""Options, scopes of the key, and share of the time: each call for itself; calls that follow from each other; and what
only an admin may do, among which is to make the own key useless."""
SHORT = (
    (("--phases", "examples,coverage,fuzzing", "--exclude-path-regex", "/events$"), "jobs:read jobs:write", 0.8),
    (ADMIN, "admin", 0.2),
)
"""The same without what overruns a short time by far: calls that follow from each other, and the events of jobs that
nobody paints, which have no end."""


def main(seconds: int, runs: Sequence[tuple[tuple[str, ...], str, float]] = WHOLE) -> int:
    """Call it for so long, in these runs, and return the exit code."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served_process(Path(folder), queue_max=PLENTY, fetch_allow=("127.0.0.1",)) as (url, services, log),
    ):
        keys = {
            scopes: create_key(services.keys, tenant="fuzz", name="fuzz", limits=UNLIMITED, scopes=scopes.split())
            for _, scopes, _ in runs
        }
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {keys['admin']}"}, timeout=30) as client:
            environment = {**os.environ, KNOWN: json.dumps(made(client)), "PYTHONPATH": str(Path.cwd())}
        codes = [
            subprocess.run(
                _command(url, keys[scopes], options, share * seconds), cwd=folder, env=environment, check=False
            ).returncode
            for options, scopes, share in runs
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
