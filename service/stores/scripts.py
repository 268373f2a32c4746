"""The Lua scripts: each is one atomic step. They are loaded with the prelude and the states' names before them."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from service.job import JobState

if TYPE_CHECKING:
    from service.stores.connection import RedisClient


class Scripts:
    """Runs `<name>.lua` from beside this file.

    Args:
        client: runs them.
        prefix: stands before every key.
        names: of the scripts that will be run.
    """

    def __init__(self, client: RedisClient, prefix: str, *names: str) -> None:
        here = files(__package__)
        states = ", ".join(JobState.__members__), ", ".join(f"'{state}'" for state in JobState)
        before = "local {} = {}\n".format(*states) + (here / "prelude.lua").read_text()
        self._prefix = prefix
        self._scripts = {name: client.register_script(before + (here / f"{name}.lua").read_text()) for name in names}

    def run(self, name: str, *args: str | int, client: RedisClient | None = None) -> Any:
        """Run a script with ARGV[2] and what follows, on another client or pipeline if one is given."""
        return self._scripts[name](args=[self._prefix, *args], client=client)
