"""What whoever decodes a stranger's image may do no longer: each is tried, and refused by the kernel."""

from __future__ import annotations

import platform
import socket
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from service.sandbox.calls import ARCHITECTURES, Architecture, program

ATTEMPTS = {
    "read a file": "open('/etc/hostname').read()",
    "write a file": "open('/tmp/impasto-was-here', 'w')",
    "list a folder": "os.listdir('/')",
    "read another process's settings": "open(f'/proc/{other}/environ', 'rb').read()",
    "run a program": "os.execv('/bin/true', ['true'])",
    "connect to a machine": "socket.create_connection(('127.0.0.1', 22), timeout=2)",
    "listen": "socket.socket().bind(('127.0.0.1', 0))",
    "end another process": "os.kill(other, 0)",
    "use rights of root": "os.setgroups([12345])",
}
CALLS = {
    "connect to a socket on the disk": "socket.socket(socket.AF_UNIX).connect('{folder}/socket')",
    "change who may read a file": "os.chmod('{folder}/own', 0o600)",
    "change a file's times": "os.utime('{folder}/own')",
    "look at a file": "os.stat('{folder}/own')",
    "start a process": "os.fork()",
    "leave its session": "os.setsid()",
    "put off its end": "signal.setitimer(signal.ITIMER_REAL, 1000)",
    "look into another process": "done(libc.ptrace(0x4206, other, 0, 0))",
    "read another one's memory": "done(libc.process_vm_readv(other, 0, 0, 0, 0, 0))",
    "limit another one": "resource.prlimit(other, resource.RLIMIT_NOFILE)",
    "share memory, which nothing limits": "mmap.mmap(-1, 4096)",
    "double a descriptor": "os.dup(1)",
    "have another one signalled": "fcntl.fcntl(1, fcntl.F_SETOWN, other)",
    "call by another table": "done(libc.syscall(0x40000000 + 39))",
}
PROGRAM = """
import ctypes, fcntl, mmap, os, resource, signal, socket, sys, threading
from service.sandbox.confinement import Allowance, allow, confine
other, libc = os.getppid(), ctypes.CDLL(None, use_errno=True)
def done(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
{before}
try:
    {attempt}
except OSError as error:
    said = "refused"
else:
    said = "done"
os.write(1, said.encode())
os._exit(0)
"""
CONFINED = "os.write(1, f'{confine().lacking()} '.encode())"
ALLOWED = "allow(Allowance(memory_bytes=2**30, cpu_s=5, wall_s=20), 3)"

linux = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have neither Landlock nor seccomp")


def tried(attempt: str, *, before: str) -> str:
    filled = PROGRAM.format(attempt=attempt, before=before)
    return subprocess.run([sys.executable, "-c", filled], capture_output=True, text=True, check=True).stdout


@linux
@pytest.mark.parametrize("what", ATTEMPTS)
def test_who_is_confined_can_no_longer(what: str) -> None:
    if what == "end another process" and tuple(map(int, platform.release().split(".")[:2])) < (6, 12):
        pytest.skip("this kernel's Landlock knows no signals")
    assert tried(ATTEMPTS[what], before=CONFINED) == "[] refused"


@linux
@pytest.mark.skipif(platform.machine() not in ARCHITECTURES, reason="the calls' numbers are not known here")
@pytest.mark.parametrize("what", [*ATTEMPTS, *CALLS])
def test_to_whom_few_calls_are_left_can_no_longer(what: str, tmp_path: Path) -> None:
    """Without anything else taken away: it is the same where a container's profile permits nothing else."""
    (tmp_path / "own").write_text("mine")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        attempt = {**ATTEMPTS, **CALLS}[what].replace("{folder}", str(tmp_path))
        assert tried(attempt, before=ALLOWED) == "refused"


@linux
@pytest.mark.parametrize("what", ["look at a file", "change who may read a file", "connect to a socket on the disk"])
def test_and_could_before(what: str, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("mine")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        assert tried(CALLS[what].replace("{folder}", str(tmp_path)), before="") == "done"


@linux
@pytest.mark.parametrize(
    "attempt",
    [
        "thread = threading.Thread(target=print); thread.start(); thread.join()",
        "bytearray(100_000_000)",
        "os.urandom(8)",
        "resource.getrlimit(resource.RLIMIT_CPU)",
    ],
)
def test_but_can_do_what_decoding_needs(attempt: str) -> None:
    assert tried(attempt, before=f"confine(); {ALLOWED}").strip() == "done"


@linux
def test_no_descriptor_is_left_but_its_line() -> None:
    line = 5
    before = f"""
for number in range(3, 10):
    os.dup2(os.open("/etc/hostname", os.O_RDONLY), number)
allow(Allowance(memory_bytes=2**30, cpu_s=5, wall_s=20), {line})"""
    for number in range(3, 10):
        assert tried(f"os.read({number}, 1)", before=before) == ("done" if number == line else "refused")


def answer(architecture: Architecture, number: int, *arguments: int, audit: int | None = None) -> str:
    """What the filter says of a call, as the kernel would run it: linux/bpf_common.h, linux/seccomp.h."""
    about = struct.pack("=IIQ6Q", number, audit or architecture.audit, 0, *[*arguments, *[0] * 6][:6])
    instructions = list(struct.iter_unpack("=HBBI", program(architecture)))
    at = loaded = 0
    while True:
        what, if_so, if_not, operand = instructions[at]
        at += 1
        match what:
            case 0x20:  # load
                (loaded,) = struct.unpack_from("=I", about, operand)
            case 0x06:  # return
                return {0x7FFF0000: "allow", 0x00050000 | 38: "refuse"}[operand]
            case _:
                is_so = {0x15: loaded == operand, 0x35: loaded >= operand, 0x45: bool(loaded & operand)}[what]
                at += if_so if is_so else if_not


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_on_each_architecture_the_calls_of_the_table_are_allowed_and_no_others(name: str) -> None:
    kind = ARCHITECTURES[name]
    allowed = {number for number in range(1000) if answer(kind, number, 0x10000) == "allow"}
    assert allowed == {*kind.free.values(), kind.clone, kind.mmap}
    assert answer(kind, kind.clone, 0x11) == "refuse"  # SIGCHLD: a process
    assert answer(kind, kind.mmap, 0, 0, 0, 0x22) == "allow"  # private, anonymous
    assert answer(kind, kind.mmap, 0, 0, 0, 0x21) == "refuse"  # shared, anonymous
    assert answer(kind, kind.prlimit64, 0) == "allow"
    assert answer(kind, kind.prlimit64, 1) == "refuse"
    assert answer(kind, 0x4000_0000 + kind.free["getpid"]) == "refuse"
    assert answer(kind, kind.free["getpid"], audit=0x4000_0003) == "refuse"  # as a program of 32 bits
