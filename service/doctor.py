"""`impasto doctor`: look at a running system, say what is wrong and what to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from threading import Thread
from typing import TYPE_CHECKING

from service.checks.configuration import look_at_configuration
from service.checks.decoding import look_at_decoding
from service.checks.finding import Finding, Verdict, wrong
from service.checks.job_store import look_at_job_store
from service.checks.storage import look_at_storage
from service.checks.work import look_at_work
from service.errors import ImpastoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.settings import Settings

LIMIT_S = 6.0
"""What takes longer has not answered, whatever comes later."""

CONTRIBUTED = "impasto.checks"
"""The entry points by which other packages bring checks: each names a function of the settings that yields findings."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part to look at: `look` yields findings, and is left behind after `limit_s` seconds."""

    name: str
    look: Callable[[], Iterable[Finding]]
    limit_s: float = LIMIT_S


def examine(settings: Settings, *, watch_s: float = 3.0) -> list[Finding]:
    """Look at everything, side by side, so that nothing that fails or hangs hides the rest.

    Takes about `watch_s` seconds, and never longer than `watch_s` + 2 × LIMIT_S. Nothing is raised.

    Args:
        settings: of the system.
        watch_s: how long to watch the work.
    """
    redis = _start(Check("redis", partial(look_at_job_store, settings)))
    rest = [_start(check) for check in _independent(settings)]
    found = redis()
    if any(finding.name == "redis" and finding.verdict is Verdict.OK for finding in found):
        work = partial(look_at_work, settings, watch_s=watch_s)
        found += _start(Check("work", work, limit_s=watch_s + LIMIT_S))()
    return [*found, *(finding for findings in rest for finding in findings())]


def _independent(settings: Settings) -> list[Check]:
    return [
        Check("s3", partial(look_at_storage, settings)),
        Check("settings", partial(look_at_configuration, settings)),
        Check("ingest", partial(look_at_decoding, settings)),
        *(Check(entry.name, partial(_contributed, entry, settings)) for entry in entry_points(group=CONTRIBUTED)),
    ]


def _contributed(entry: EntryPoint, settings: Settings) -> Iterable[Finding]:
    look: Callable[[Settings], Iterable[Finding]] = entry.load()
    return look(settings)


def _start(check: Check) -> Callable[[], list[Finding]]:
    """Begin to look; the call that is returned waits for the end, or the limit, and gives what was found."""
    found: list[Finding] = []
    thread = Thread(target=_look, args=(check, found), daemon=True)  # it may hang in a driver: the process ends anyway
    thread.start()
    until = time.monotonic() + check.limit_s

    def findings() -> list[Finding]:
        thread.join(max(0.0, until - time.monotonic()))
        return [*found, *([_late(check)] if thread.is_alive() else [])]

    return findings


def _look(check: Check, found: list[Finding]) -> None:
    try:
        for finding in check.look():
            found.append(finding)  # noqa: PERF402 - one by one: what was found before it hangs counts
    except ImpastoError as error:
        found.append(wrong(check.name, f"{error.title}: {error}.", "Look again; it changed while it was looked at."))
    except Exception as error:  # noqa: BLE001 - one check that fails must not hide the others
        # Only the error's type: a driver's message may hold an address with its password.
        fact = f"This could not be looked at ({type(error).__name__})."
        found.append(
            wrong(check.name, fact, "Look at it by hand. If its settings are right, this is a fault of the doctor's.")
        )


def _late(check: Check) -> Finding:
    fact = f"Not everything could be looked at within {check.limit_s:g} s."
    return wrong(check.name, fact, "It hangs, or is very slow: look at its own log, and at the machine's load.")
