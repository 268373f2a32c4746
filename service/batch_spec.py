"""BatchSpec: many jobs in one request, as a list or as every photograph in every style."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from service.errors import FieldProblem, InvalidSpec
from service.options import Frozen
from service.prepare import Posted
from service.spec import ImageRef, RenderSpec, Style, Terms
from service.validation import validated

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_JOBS = 1000


class BatchJob(RenderSpec):
    """One job of a batch."""

    custom_id: str | None = Field(
        None, min_length=1, max_length=64, description="What you call it, unique in the batch; null: its number."
    )


class Many(Frozen):
    """Which jobs a batch has."""

    jobs: tuple[BatchJob, ...] = Field((), max_length=MAX_JOBS, description="Each job with all that it says.")
    contents: tuple[ImageRef, ...] = Field((), max_length=MAX_JOBS, description="The photographs.")
    styles: tuple[Style, ...] = Field((), max_length=MAX_JOBS, description="The paintings.")


class BatchWebhook(Frozen):
    """An address that is told when a batch is finished."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        repr=False,
        description="A public https address; signed with your default secret.",
    )


class BatchSpec(Terms, Many):
    """Many jobs at once: `jobs` as they come, or each of `contents` in each of `styles`, all on the same terms."""

    webhook: BatchWebhook | None = Field(
        None, description="An address that is told, once, when the last job has ended."
    )


def parse_batch(data: object) -> BatchSpec:
    """Read a batch from decoded JSON.

    Raises:
        InvalidSpec: naming each field that is wrong by its JSON pointer; or the batch is neither of the two, is both,
            has too many jobs, or one custom id twice.
    """
    batch = validated(BatchSpec, data)
    problems = list(_listed(batch) if batch.jobs else _multiplied(batch))
    if problems:
        raise InvalidSpec(*problems)
    return batch


def posted_jobs(batch: BatchSpec) -> list[Posted]:
    """Write a batch as the specs that it stands for, and say where in the request each of their fields is."""
    if batch.jobs:
        fields = RenderSpec.model_fields
        return [
            Posted(
                RenderSpec.model_construct(
                    job.model_fields_set - {"custom_id"}, **{f: getattr(job, f) for f in fields}
                ),
                partial(_in_list, n),
                job.custom_id or str(n),
            )
            for n, job in enumerate(batch.jobs)
        ]
    terms = {name: getattr(batch, name) for name in Terms.model_fields}
    return [
        Posted(
            RenderSpec(kind="transfer", content=content, styles=(style,), **terms),
            partial(_in_product, n, m),
            f"{n}-{m}",
        )
        for n, content in enumerate(batch.contents)
        for m, style in enumerate(batch.styles)
    ]


def _listed(batch: BatchSpec) -> Iterator[FieldProblem]:
    """Say what a list of jobs must not have."""
    for name in sorted(batch.model_fields_set - {"jobs", "webhook"}):
        yield FieldProblem(f"/{name}", "each of the jobs says this itself")
    names = [job.custom_id or str(n) for n, job in enumerate(batch.jobs)]
    counts = Counter(names)
    for n, name in enumerate(names):
        if counts[name] > 1:
            yield FieldProblem(f"/jobs/{n}/custom_id", f"{name!r} is the name of {counts[name]} jobs")


def _multiplied(batch: BatchSpec) -> Iterator[FieldProblem]:
    """Say what a product lacks, or has too much of."""
    if not batch.contents and not batch.styles:
        yield FieldProblem("/jobs", "give jobs, or contents and styles")
        return
    for name in ("contents", "styles"):
        if not getattr(batch, name):
            yield FieldProblem(f"/{name}", "a batch of contents in styles needs both")
    count = len(batch.contents) * len(batch.styles)
    if count > MAX_JOBS:
        yield FieldProblem("/contents", f"with these styles they make {count} jobs; a batch has at most {MAX_JOBS}")


def _in_list(number: int, pointer: str) -> str:
    return f"/jobs/{number}{pointer}"


def _in_product(content: int, style: int, pointer: str) -> str:
    if pointer == "/content" or pointer.startswith("/content/"):
        return f"/contents/{content}{pointer.removeprefix('/content')}"
    if pointer.startswith("/styles/0"):
        return f"/styles/{style}{pointer.removeprefix('/styles/0')}"
    return pointer
