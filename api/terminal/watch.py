"""Following a job on a terminal: a bar that moves, with the loss and how it fell, and the picture where that can be."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from api.terminal.pictures import Graphics, drawn
from service.terminal import errors_to, loss_text, paint_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from api.client import Client, Job

BARS = "▁▂▃▄▅▆▇█"
SPARK = 12
"""Characters of a sparkline."""
PREVIEW_S = 5.0
"""Seconds that a preview may take; it is a small file, and the next one comes soon."""


def watch(
    client: Client,
    job: Job,
    *,
    quiet: bool = False,
    seen: Callable[[Job], None] = lambda _: None,
    graphics: Graphics = Graphics.NONE,
) -> Job:
    """Show a job's progress as it is told until the job is terminal, and hand the job to `seen` each time.

    A service that restarts meanwhile is waited for.

    Raises:
        ApiProblem, Unreachable: as the client does.
    """
    attempt, losses, shown = job.attempt, list[float](), None
    with paint_progress(quiet=quiet) as progress:
        bar = progress.add_task(job.status, total=1.0, loss="")
        for latest in client.follow(job.id):
            job = latest
            seen(job)
            if job.attempt > max(attempt, 1):
                progress.console.print(
                    f"[yellow]Attempt {job.attempt} of {job.attempts_max}[/]: the one before ended without a picture"
                )
                progress.reset(bar)  # the time left is that of this attempt
                losses.clear()
            attempt = job.attempt
            at = job.progress or {}
            losses += [at["loss"]["total"]] if at.get("loss") else []
            if job.preview != shown and graphics is not Graphics.NONE and not quiet:
                shown = job.preview
                progress.stop()  # the picture takes lines of its own
                _show_preview(shown, graphics)
                progress.start()
            progress.update(
                bar,
                description=_said(job),
                completed=1.0 if job.terminal else at.get("fraction", 0.0),
                loss=f"{sparkline(losses)} {loss_text(at.get('loss'))}".strip(),
            )
    return job


def show(picture: bytes, graphics: Graphics) -> None:
    """Show a picture on the terminal, if it can."""
    if graphics is not Graphics.NONE:
        console = errors_to()
        console.file.write(drawn(picture, graphics))
        console.file.flush()


def sparkline(values: Sequence[float], width: int = SPARK) -> str:
    """Draw numbers above 0 as a line of characters, on a logarithmic scale from their least to their largest."""
    logs = [math.log(value) for value in values if value > 0]
    if len(logs) < 2:
        return ""
    width = min(width, len(logs))
    chosen = [logs[round(n * (len(logs) - 1) / max(1, width - 1))] for n in range(width)]
    low, high = min(chosen), max(chosen)
    return "".join(BARS[round((value - low) / ((high - low) or 1) * (len(BARS) - 1))] for value in chosen)


def _said(job: Job) -> str:
    at = job.progress or {}
    if job.queue is not None and not job.terminal:
        ahead = job.queue.position - 1
        return f"{job.status}, {ahead} before it" if ahead else f"{job.status}, next"
    return str(at.get("phase") or job.status) if not job.terminal else str(job.status)


def _show_preview(url: str | None, graphics: Graphics) -> None:
    with suppress(httpx.HTTPError, OSError):  # it may be gone already
        if url:
            show(httpx.get(url, timeout=PREVIEW_S).raise_for_status().content, graphics)
