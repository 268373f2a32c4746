"""Following a job on a terminal: a bar that moves, with the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.terminal import loss_text, paint_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.client import Client, Job


def watch(client: Client, job: Job, *, quiet: bool = False, seen: Callable[[Job], None] = lambda _: None) -> Job:
    """Show a job's progress as it is told until the job is terminal, and hand the job to `seen` each time.

    A service that restarts meanwhile is waited for.

    Raises:
        ApiProblem, Unreachable: as the client does.
    """
    attempt = job.attempt
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
            attempt = job.attempt
            at = job.progress or {}
            progress.update(
                bar,
                description=at.get("phase") or job.status,
                completed=1.0 if job.terminal else at.get("fraction", 0.0),
                loss=loss_text(at.get("loss")),
            )
    return job
