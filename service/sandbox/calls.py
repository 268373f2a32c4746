"""Which calls of the system a child may make: those for memory, time, threads and the line on which it answers.

For a filter of the kernel (seccomp(2)) there are no others (ENOSYS): a library does without them, or fails. So a child
opens no file and no socket, starts no process, and neither signals nor looks into another, whoever it runs as.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from dataclasses import dataclass
from errno import ENOSYS

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_MODE_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000 | ENOSYS
_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of classic BPF, see linux/bpf_common.h."""
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
"""In the kernel's struct seccomp_data; arguments have 8 bytes, of which the lower 4 come first."""
_X32 = 0x4000_0000
"""From this number on, x86-64 calls by another table."""
_CLONE_THREAD = 0x1_0000
_MAP_SHARED = 0x1


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of processor: its number in linux/audit.h, and its numbers of the calls that are allowed."""

    audit: int
    free: dict[str, int]
    clone: int
    mmap: int
    prlimit64: int


X86_64 = Architecture(
    audit=0xC000_003E,
    free={
        "read": 0,
        "write": 1,
        "close": 3,
        "poll": 7,
        "mprotect": 10,
        "munmap": 11,
        "brk": 12,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "sched_yield": 24,
        "mremap": 25,
        "madvise": 28,
        "nanosleep": 35,
        "getpid": 39,
        "sendto": 44,
        "recvfrom": 45,
        "exit": 60,
        "uname": 63,
        "gettimeofday": 96,
        "getrusage": 98,
        "sysinfo": 99,
        "sigaltstack": 131,
        "gettid": 186,
        "futex": 202,
        "sched_getaffinity": 204,
        "set_tid_address": 218,
        "restart_syscall": 219,
        "clock_gettime": 228,
        "clock_getres": 229,
        "clock_nanosleep": 230,
        "exit_group": 231,
        "ppoll": 271,
        "set_robust_list": 273,
        "getrandom": 318,
        "membarrier": 324,
        "rseq": 334,
    },
    clone=56,
    mmap=9,
    prlimit64=302,
)
AARCH64 = Architecture(
    audit=0xC000_00B7,
    free={
        "close": 57,
        "read": 63,
        "write": 64,
        "ppoll": 73,
        "exit": 93,
        "exit_group": 94,
        "set_tid_address": 96,
        "futex": 98,
        "set_robust_list": 99,
        "nanosleep": 101,
        "clock_gettime": 113,
        "clock_getres": 114,
        "clock_nanosleep": 115,
        "sched_getaffinity": 123,
        "sched_yield": 124,
        "restart_syscall": 128,
        "sigaltstack": 132,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "uname": 160,
        "getrusage": 165,
        "gettimeofday": 169,
        "getpid": 172,
        "gettid": 178,
        "sysinfo": 179,
        "sendto": 206,
        "recvfrom": 207,
        "brk": 214,
        "munmap": 215,
        "mremap": 216,
        "mprotect": 226,
        "madvise": 233,
        "getrandom": 278,
        "membarrier": 283,
        "rseq": 293,
    },
    clone=220,
    mmap=222,
    prlimit64=261,
)
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}


class _Program(ctypes.Structure):
    """The kernel's struct sock_fprog: how many instructions, and where they are."""

    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def keep_few_calls() -> bool:
    """Let this process make few calls from now on, for good; say whether the kernel has agreed."""
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False
    instructions = program(architecture)
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = _Program(len(instructions) // _INSTRUCTION.size, instructions)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(filtered), 0, 0) == 0)


_INSTRUCTION = struct.Struct("=HBBI")
"""The kernel's struct sock_filter: what to do, how far to go on if it is so and if not, and a number."""


def program(architecture: Architecture) -> bytes:
    """Write the filter: instructions of classic BPF, which end in one of two answers.

    Three calls depend on what they are asked for: a clone has to be a thread, a mapping private (what is shared counts
    for no limit), and limits one's own.
    """
    refuse, allow = _INSTRUCTION.pack(_RETURN, 0, 0, _REFUSE), _INSTRUCTION.pack(_RETURN, 0, 0, _ALLOW)
    written = [
        _INSTRUCTION.pack(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _INSTRUCTION.pack(_EQUAL, 1, 0, architecture.audit),
        refuse,
        _INSTRUCTION.pack(_LOAD, 0, 0, _NUMBER_AT),
        _INSTRUCTION.pack(_AT_LEAST, 0, 1, _X32),
        refuse,
    ]
    for number in architecture.free.values():
        written += [_INSTRUCTION.pack(_EQUAL, 0, 1, number), allow]
    for number, argument, test, wanted, operand in (
        (architecture.clone, 0, _HAS_BITS, True, _CLONE_THREAD),
        (architecture.mmap, 3, _HAS_BITS, False, _MAP_SHARED),
        (architecture.prlimit64, 0, _EQUAL, True, 0),
    ):
        written += [
            _INSTRUCTION.pack(_EQUAL, 0, 4, number),
            _INSTRUCTION.pack(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
            _INSTRUCTION.pack(test, *((0, 1) if wanted else (1, 0)), operand),
            allow,
            refuse,
        ]
    return b"".join([*written, refuse])
