"""How a job looks in a notebook."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from api.client.answers import Job
    from api.wire.job import OutputOut

MOST_BYTES = 4_000_000
"""Of a picture that is kept in a notebook; a larger one is linked to, for as long as its URL lasts."""
TIMEOUT_S = 30.0


def png(job: Job) -> bytes | None:
    """Fetch a job's picture; None where there is none, it is no PNG or a large one, or can't be had any more."""
    output = _result(job)
    return _fetched(output) if output is not None and output.content_type == "image/png" else None


def html(job: Job) -> str:
    """Write a job as a figure: the picture as data, so that it stays when its URL has expired, and the report."""
    said = escape(f"Job {job.id}: {job.status}")
    parts = [f"<figcaption>{said}</figcaption>"]
    if (output := _result(job)) is not None:
        data = _fetched(output)
        inline = f"data:{output.content_type};base64,{base64.b64encode(data).decode()}" if data else output.url
        parts.insert(0, f'<img alt="{said}" src="{escape(inline)}" style="max-width: 512px">')
    if job.error is not None:
        parts.append(f"<p>{escape(job.error.title)}: {escape(job.error.detail)}</p>")
    rows = ((escape(name), escape(value)) for name, value in _facts(job))
    table = "".join(f'<tr><th style="text-align: left">{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f"<figure>{''.join(parts)}<table>{table}</table></figure>"


def _result(job: Job) -> OutputOut | None:
    return next((file for file in job.outputs if file.name == "result"), None)


def _fetched(output: OutputOut) -> bytes | None:
    if output.bytes > MOST_BYTES:
        return None
    try:
        return httpx.get(output.url, timeout=TIMEOUT_S).raise_for_status().content
    except httpx.HTTPError:
        return None


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    """Name what is worth reading of a job."""
    options: Mapping[str, Any] = job.spec.get("options", {})
    yield "kind", f"{job.kind}, {job.spec.get('preset')}, {options.get('size')} px"
    if job.progress and not job.terminal:
        yield "progress", f"{100 * job.progress.get('fraction', 0):.0f} %"
    report = job.report or {}
    if timings := report.get("timings"):
        yield "painted in", f"{timings['paint_s']:.1f} s on {report.get('device')}"
    if loss := report.get("loss"):
        for name in ("total", "content", "style"):
            yield f"{name} loss", f"{loss['before'][name]:.4g} → {loss['after'][name]:.4g}"
