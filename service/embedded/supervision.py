"""supervisord as a child process: parts are given to it one by one, and it tells what happens to them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from contextlib import chdir, contextmanager, suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TextIO
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from service.embedded import tether
from service.embedded.events import Event, Listening, SupervisorEnded, told_by
from service.embedded.folder import Folder, write_private
from service.embedded.logs import tail
from service.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from queue import SimpleQueue

    from service.embedded.parts import Part

MARK = "IMPASTO_STACK"
"""Every process of a stack carries its folder in this variable."""

_CONFIGURATION = """\
[supervisord]
nodaemon = true
identifier = impasto
logfile = logs/supervisord.log
logfile_maxbytes = 0
pidfile = run/supervisord.pid
childlogdir = logs
nocleanup = true
minfds = 256
minprocs = 16
{user}
[unix_http_server]
file = {here}/run/supervisor.sock
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_HERE = "/proc/self/cwd" if sys.platform == "linux" else "."
"""supervisord makes the path of its socket absolute, and a socket's address has room for 107 bytes only."""

_PROGRAM = """\
[program:{name}]
command = {command}
directory = {directory}
environment = {environment}
priority = {priority}
autostart = false
autorestart = true
startsecs = 5
startretries = 8
stopsignal = TERM
stopwaitsecs = {stop_s}
stopasgroup = false
killasgroup = true
redirect_stderr = true
stdout_logfile = logs/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""
# What ends within 5 seconds of its start is started again after 1, 2, … 8 seconds, 36 in all, and then given
# up. SIGTERM goes to the part alone, which ends its children as it sees fit; SIGKILL to all of them.


@contextmanager
def supervise(folder: Folder, events: SimpleQueue[Event]) -> Iterator[Supervision]:
    """Run a supervisord that has no part yet; at the end it stops, and with it every part.

    Args:
        folder: the stack's; the parts' logs are in its `logs`.
        events: where what happens is told. The last event is SupervisorEnded.
    """
    _write_configuration(folder, ())
    process, told = _start_supervisord(folder)
    listening = threading.Event()
    listener = threading.Thread(target=_listen, args=(told, events, listening), daemon=True)
    listener.start()
    try:
        while not listening.wait(timeout=0.1):
            if process.poll() is not None:
                raise StackError(f"The supervisor can't start. {tail(folder.log('supervisord'))}")
        yield Supervision(folder, process)
    finally:
        process.terminate()
        process.wait()
        listener.join()


class Supervision:
    """A running supervisord. Every method raises StackError when it refuses."""

    def __init__(self, folder: Folder, process: subprocess.Popen[bytes]) -> None:
        self._folder = folder
        self._process = process
        self._sections: dict[str, str] = {}

    def start(self, part: Part) -> int:
        """Start a part and return its process id; from now on it is started again when it ends."""
        self._sections[part.name] = _section(part)
        self._configure()
        self._call("addProcessGroup", part.name)
        self._call("startProcess", part.name, False)  # noqa: FBT003 - doesn't wait
        return int(self._call("getProcessInfo", part.name)["pid"])

    def shut_down(self) -> None:
        """Begin to stop every part, the last started first, and the supervisor; events tell how far it is."""
        try:
            self._call("shutdown")
        except StackError:
            self._process.terminate()  # the same, up to a second later

    def nudge(self) -> None:
        """Let it see at once what has ended; by itself it looks once a second."""
        with suppress(StackError):  # while it shuts down it refuses to answer, but wakes up
            self._call("getState")

    def _configure(self) -> None:
        _write_configuration(self._folder, self._sections.values())
        self._call("reloadConfig")

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, "unix://supervisor.sock")
        try:
            # From within the folder, as the whole path may again be too long.
            with chdir(self._folder.run), ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except Fault as fault:
            raise StackError(
                f"The supervisor refused {method} {' '.join(map(str, arguments))}: {fault.faultString}"
            ) from fault
        except (OSError, HTTPException) as error:
            raise StackError(f"The supervisor doesn't answer: {error}") from error


def _start_supervisord(folder: Folder) -> tuple[subprocess.Popen[bytes], TextIO]:
    """Start it; return the process and what it tells."""
    arguments = (str(os.getpid()), str(folder.root), "-c", "run/supervisord.conf")
    told, tell = os.pipe()
    with (folder.logs / "supervisord.log").open("a") as log:
        process = subprocess.Popen(  # noqa: S603 - our own words, and no shell
            (sys.executable, "-P", "-m", tether.__name__, *arguments),
            env={**os.environ, MARK: str(folder.root)},
            stdin=subprocess.DEVNULL,
            stdout=tell,
            stderr=log,
            # Holding the other end as well, it doesn't stumble over a broken pipe when we are killed.
            pass_fds=(told,),
            start_new_session=True,  # Ctrl-C on the terminal is ours to hear, and then to stop in order
        )
    os.close(tell)
    return process, open(told)  # noqa: PTH123 - a descriptor, no path


def _listen(told: TextIO, events: SimpleQueue[Event], listening: threading.Event) -> None:
    with told:
        for line in told:
            match told_by(line):
                case None:
                    pass
                case Listening():
                    listening.set()
                case event:
                    events.put(event)
    events.put(SupervisorEnded())


def _write_configuration(folder: Folder, sections: Iterable[str]) -> None:
    user = f"user = {os.getuid()}\n" if os.getuid() == 0 else ""  # else it complains about being root
    write_private(folder.run / "supervisord.conf", _CONFIGURATION.format(user=user, here=_HERE) + "\n".join(sections))


def _section(part: Part) -> str:
    return _PROGRAM.format(
        name=part.name,
        command=_escaped(shlex.join(part.command)),
        directory=_escaped(str(part.directory)),
        environment=",".join(f'{name}="{_escaped(value)}"' for name, value in part.environment.items()),
        priority=part.layer,
        stop_s=part.stop_s,
    )


def _escaped(text: str) -> str:
    return text.replace("%", "%%")  # supervisor expands %(name)s
