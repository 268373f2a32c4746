"""What a process gives up before it touches a stranger's bytes: the network, files, rights, calls; memory and time.

Each is asked of the kernel, which may not have it: what was refused is reported, and `impasto doctor` says so.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass

from service.sandbox.calls import keep_few_calls

_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""Landlock's system calls, the same on every architecture (landlock(7))."""
_RULESET_VERSION = 1
_FILES_BY_ABI = ((1, 13), (2, 14), (3, 15), (5, 16))
"""How many kinds of access to files each version of Landlock knows."""
_BIND_AND_CONNECT = 0b11
_NETWORK_SINCE = 4
_SOCKETS_AND_SIGNALS = 0b11
_SCOPED_SINCE = 6
_CAPABILITIES_VERSION = 0x2008_0522
_LINES_MAX = 64
"""Open descriptors, of the nursery and of each child."""


@dataclass(frozen=True, slots=True)
class Confined:
    """What the kernel took away.

    Attributes:
        files: opening files (Landlock).
        network: every network (a namespace of its own).
        privileges: those of root, and gaining any.
        calls: of the system, but few.
    """

    files: bool
    network: bool
    privileges: bool
    calls: bool

    def lacking(self) -> list[str]:
        """List what it did not take away."""
        return [name for name, taken in asdict(self).items() if not taken]

    def left_open(self) -> list[str]:
        """List what nothing keeps from it: the filter of calls by itself keeps files and networks as well."""
        return [name for name in self.lacking() if not (self.calls and name in {"files", "network"})]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one image may take.

    Attributes:
        memory_bytes: of the child, beyond what it shares with everybody: libraries.
        cpu_s: seconds of computing.
        wall_s: seconds that pass.
    """

    memory_bytes: int
    cpu_s: float
    wall_s: float


TOO_MUCH = "Decoding the image takes more memory or time than it may."

SHARED_BYTES = 2 * 1024**3
"""Addresses for libraries and threads' stacks, which take no memory by themselves."""


def confine() -> Confined:
    """Give up the network, files and privileges, for this process and all that it forks. It has one thread yet.

    Its children have to give up calls by themselves, when they have no others to make: see `allow`.
    """
    if sys.platform != "linux":
        return Confined(files=False, network=False, privileges=False, calls=False)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # nobody looks into another one's memory
    unprivileged = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    network = libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    files = unprivileged and _landlocked(libc)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_LINES_MAX, _LINES_MAX))
    return Confined(
        files=files,
        network=network,
        privileges=_without_capabilities(libc) and unprivileged,
        calls=_calls_can_be_kept(),
    )


def _without_capabilities(libc: ctypes.CDLL) -> bool:
    """Put down the rights of root, which a process has that runs as root, or in a namespace of its own."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    return bool(libc.capset(header, (ctypes.c_uint32 * 6)()) == 0)


def _calls_can_be_kept() -> bool:
    """Try it, in a child: this process has others to make yet."""
    child = os.fork()
    if child == 0:
        os._exit(0 if keep_few_calls() else 1)
    return os.waitpid(child, 0)[1] == 0


def _landlocked(libc: ctypes.CDLL) -> bool:
    """Open no file any more, make none, and neither look into other processes nor signal them."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_RULESET_VERSION))
    if version < 1:
        return False
    kinds = max(count for abi, count in _FILES_BY_ABI if abi <= version)
    handled = [(1 << kinds) - 1]
    handled += [_BIND_AND_CONNECT] if version >= _NETWORK_SINCE else []
    handled += [_SOCKETS_AND_SIGNALS] if version >= _SCOPED_SINCE else []
    ruleset = (ctypes.c_uint64 * len(handled))(*handled)
    descriptor = libc.syscall(_CREATE_RULESET, ruleset, ctypes.c_size_t(ctypes.sizeof(ruleset)), ctypes.c_uint(0))
    if descriptor < 0:
        return False
    try:
        return bool(libc.syscall(_RESTRICT_SELF, descriptor, ctypes.c_uint(0)) == 0)
    finally:
        os.close(descriptor)


def allow(allowance: Allowance, line: int) -> None:
    """Leave this process one descriptor, some memory and time, and few calls; the kernel ends one that takes more."""
    os.closerange(3, line)
    os.closerange(line + 1, _LINES_MAX)
    cpu_s = max(1, round(allowance.cpu_s))
    limits = {
        resource.RLIMIT_AS: allowance.memory_bytes + SHARED_BYTES,
        resource.RLIMIT_DATA: allowance.memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for what, limit in limits.items():
        _, most = resource.getrlimit(what)
        value = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(what, (value, value))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, allowance.wall_s)
    keep_few_calls()
