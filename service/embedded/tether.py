"""supervisord, tied to the process that started it: when that one dies, however it dies, all stops cleanly.

Run as `python -m service.embedded.tether PARENT_PID FOLDER ARGUMENTS…`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from supervisor import supervisord

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends to this process when its parent dies."""


def main(parent: int, folder: str, *arguments: str) -> None:
    """Run supervisord in `folder`, with these arguments, for as long as the process `parent` lives."""
    if sys.platform == "linux":  # elsewhere the next start ends what was left behind
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("The process that started this supervisor is gone.")
    os.umask(0o077)
    os.chdir(folder)
    try:
        supervisord.main(arguments)
    finally:
        Path("stack.json").unlink(missing_ok=True)  # nobody else is there to do so when the parent was killed


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
