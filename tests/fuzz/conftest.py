"""How long the generators run.

In `make test` each test gets the same few examples every time; in `make fuzz` (FUZZ_S seconds) each gets new ones until
its share of the time is over. Nothing is remembered from run to run: what was found stands in the tests as an example.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SECONDS = os.environ.get("FUZZ_S")
"""For all tests together; None: the short form."""

FUNCTIONS = pytest.StashKey[int]()
RAN = pytest.StashKey[dict[str, int]]()

settings.register_profile(
    "short",
    deadline=None,  # a busy machine is slow, not wrong
    database=None,
    derandomize=True,  # a change is not to blame for what chance finds after it
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("long", settings.get_profile("short"), derandomize=False, max_examples=200, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RAN] = {}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give every test of this folder its profile; those of others have their own."""
    if _is_fuzzed(item):
        settings.get_profile("long" if SECONDS else "short")(item.obj)  # type: ignore[attr-defined]


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[FUNCTIONS] = sum(_is_fuzzed(item) for item in session.items)


def _is_fuzzed(item: pytest.Item) -> bool:
    return hasattr(getattr(item, "obj", None), "hypothesis")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test again, with other examples, until its share of the time is over; count its examples."""
    if not _is_fuzzed(pyfuncitem):
        return None
    ran, share_s = pyfuncitem.config.stash[RAN], float(SECONDS or 0) / pyfuncitem.config.stash[FUNCTIONS]
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    handle = pyfuncitem.obj.hypothesis
    inner, until = handle.inner_test, time.monotonic() + share_s
    handle.inner_test = _counted(inner, ran, pyfuncitem.name)
    try:
        pyfuncitem.obj(**arguments)
        while time.monotonic() < until:
            pyfuncitem.obj(**arguments)
    finally:
        handle.inner_test = inner
    return True


def _counted(test: Callable[..., Any], ran: dict[str, int], name: str) -> Callable[..., Any]:
    @functools.wraps(test)
    def counted(*args: Any, **kwargs: Any) -> Any:
        ran[name] = ran.get(name, 0) + 1
        return test(*args, **kwargs)

    return counted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many examples there were, in the long form."""
    if SECONDS:
        terminalreporter.section("examples")
        for name, count in config.stash[RAN].items():
            terminalreporter.line(f"{count:8d}  {name}")
