"""`Prefer: wait=N` (RFC 7240): an answer that is held until the job is terminal, or N seconds are over."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

WAIT_MAX_S = 60

Prefer = Annotated[
    str | None, Header(description=f"`wait=N`: hold the answer for up to N seconds, at most {WAIT_MAX_S}.")
]

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:;[^,]*)?(?=,|$)", re.IGNORECASE)


def wait_s(prefer: str | None) -> int:
    """Read for how many seconds a client would wait; 0 where it doesn't say, or in words that are unknown."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), WAIT_MAX_S) if match else 0


def applied(seconds: int) -> dict[str, str]:
    """Say which preference was heeded."""
    return {"Preference-Applied": f"wait={seconds}"} if seconds else {}
