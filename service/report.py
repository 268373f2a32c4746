"""What an attempt says of itself: its progress while it paints, and its report at the end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import service
from service.work import share_done

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.job import Job
    from service.painting import BeforeAfter, Painting, Step
    from service.spec import RenderSpec


def progress_of(spec: RenderSpec, step: Step, last: Mapping[str, Any]) -> dict[str, Any]:
    """Say how far a painting is; a step that was not measured has the loss of the last one that was."""
    loss = step.losses
    return {
        "fraction": round(share_done(spec, step.scale, step.of - step.iteration), 4),
        "phase": "paint",
        "scale": step.scale,
        "iteration": step.iteration,
        "iterations": step.of,
        "loss": {"total": loss.total, "content": loss.content, "style": loss.style} if loss else last.get("loss"),
    }


def attempt_report(
    job: Job, painting: Painting, *, resumed: int | None, timings: Mapping[str, float]
) -> dict[str, Any]:
    """Report what an attempt did.

    Args:
        job: as it was claimed.
        painting: what was painted.
        resumed: the iteration from which it was painted on, if it was.
        timings: seconds, by what they were spent on.
    """
    return {
        **losses_report(painting),
        "iterations": painting.iterations,
        "resumed_iteration": resumed,
        "timings": {name: round(value, 3) for name, value in timings.items()},
        "device": painting.device,
        "network": job.spec.options.network,
        "weights_sha256": painting.weights_sha256,
        "version": service.__version__,
        "cache": "miss",
        "styles": _styles_report(job.spec, painting),
    }


def _styles_report(spec: RenderSpec, painting: Painting) -> list[dict[str, Any]]:
    """Say of the styles that have an id whether anything had to be computed of them."""
    return [
        {
            "index": n,
            "style_id": style.style_id,
            "statistics": "reused" if n in painting.reused else "computed",
        }
        for n, style in enumerate(spec.styles)
        if style.style_id is not None
    ]


def losses_report(painting: Painting) -> dict[str, Any]:
    """Report the objective before and after; of a ladder, for each of its pictures."""

    def terms(losses: BeforeAfter) -> dict[str, Any]:
        return {"before": _rounded(asdict(losses.before)), "after": _rounded(asdict(losses.after))}

    parts = {name: terms(losses) for name, losses in painting.losses.items()}
    return {"loss": parts.pop("result", None), "parts": parts}


def _rounded(terms: Any) -> Any:
    """Round to seven digits: float32 has no more."""
    if isinstance(terms, dict):
        return {name: _rounded(term) for name, term in terms.items()}
    return float(f"{terms:.7g}")


def size_of(job: Job) -> str:
    """Give the job's longest side, rounded up to a power of two; jobs of an earlier version do not say."""
    return job.load.bracket.rpartition(":")[2] if job.load else "unknown"
