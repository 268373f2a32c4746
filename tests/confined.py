"""A program that may write to a few folders and nowhere else, as in a container whose root is read-only.

    python -m tests.confined FOLDER[:FOLDER…] MODULE ARGUMENT…

Linux's Landlock (5.13 and later) confines the process and all that it starts. Reading and the network stay free.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PR_SET_NO_NEW_PRIVS = 38
_ASK_VERSION = 1
_PATH_BENEATH = 1
_WRITES = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
"""Writing files; removing folders and files; making devices, folders, files, sockets, pipes, links."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
"""Moving between folders, which came with version 2 and is refused before; truncating, with version 3."""


def version() -> int:
    """Say which Landlock the kernel has; 0: none."""
    return max(0, _call(_CREATE_RULESET, None, 0, _ASK_VERSION))


def confine(folders: list[str]) -> None:
    """Let this process write nowhere but beneath some folders, for good.

    Raises:
        OSError: the kernel can't.
    """
    handled = _WRITES | (_REFER if version() >= 2 else 0) | (_TRUNCATE if version() >= 3 else 0)
    attributes = struct.pack("=Q", handled)
    ruleset = _done(_call(_CREATE_RULESET, attributes, len(attributes), 0))
    for folder in folders:
        beneath = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        _done(_call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", handled, beneath), 0))
        os.close(beneath)
    _done(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _done(_call(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _call(number: int, *arguments: bytes | int | None) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    confine(sys.argv[1].split(":"))
    sys.argv[:] = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
