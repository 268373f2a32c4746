"""The parts' logs, quoted where one of them explains what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TAIL_LINES = 15


def size(log: Path) -> int:
    """Count the bytes of a log; 0 where there is none."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, *, since: int = 0) -> str:
    """Quote the last lines of a log, after a sentence that names it.

    Args:
        log: the file.
        since: only what was written after this byte, unless the log has been rotated meanwhile.
    """
    written = log.read_bytes() if log.exists() else b""
    if len(written) >= since:
        written = written[since:]
    lines = written.decode(errors="replace").strip().splitlines()[-TAIL_LINES:]
    if not lines:
        return f"It wrote nothing to {log}."
    return f"The end of {log}:\n\n" + "\n".join(lines)
