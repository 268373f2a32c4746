"""The command `impasto`, as a shell runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def impasto(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("impasto"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200", **environment},
        timeout=120,
    )
