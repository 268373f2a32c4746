"""How many connections a process may have open."""

from __future__ import annotations

import resource

CONNECTIONS_MAX = 65_536
"""As many as one process is ever asked to hold; where the system allows fewer, those."""


def allow_connections() -> None:
    """Raise this process's limit of open files as far as it may: each listener takes one, and the usual is 1024."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX if most == resource.RLIM_INFINITY else min(most, CONNECTIONS_MAX)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
