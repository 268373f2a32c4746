"""A job's record: a Redis hash on one side, a Job on the other."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from service.errors import RecordUnreadable
from service.job import Failure, Input, Job, JobState, OutputFile
from service.places import image_hold
from service.spec import RenderSpec
from service.stores.packing import packed, unpacked
from service.work import Load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


T = TypeVar("T")

FORMAT = 2
"""Of the records that this version writes. It counts up when a worker of the version before would misread a record:
such a worker leaves it to newer ones, so that an upgrade may go on while jobs are posted and painted. In 1, which had
no number, the long texts were not packed."""


PACKED = 2
"""The format from which on long texts are packed."""


def flat(**fields: object) -> list[str]:
    """Write fields as a script takes them: name, value, name, value."""
    return [str(part) for pair in fields.items() for part in pair]


def listed_under(job: Job) -> list[str]:
    """Name the lists that a job is in beside its tenant's: its labels', and its batch's."""
    labels = [f"{name}={value}" for name, value in job.spec.labels.items()]
    return [*labels, *([batch_list(job.batch)] if job.batch else [])]


def batch_list(batch_id: str) -> str:
    """Name the list of a batch's jobs; as no label does, it has no equals sign."""
    return f"batch/{batch_id}"


def posted(job: Job) -> list[str]:
    """Write what a client's post decides of a record."""
    assert job.spec.run_timeout_s is not None, "the spec is not resolved"
    return flat(
        format=FORMAT,
        spec=packed(job.spec.model_dump_json(exclude_none=True)),
        inputs=packed(json.dumps([asdict(i) for i in job.inputs])),
        holds=json.dumps([image_hold(i.sha256) for i in job.inputs]),
        listed=json.dumps(listed_under(job)),
        attempts_max=job.attempts_max,
        retention_ms=job.spec.retention_s * 1000,
        run_max_ms=round(job.spec.run_timeout_s * 1000),
        said=json.dumps(_said(job)),
        **({} if job.load is None else asdict(job.load)),
        **({} if job.trace is None else {"trace": job.trace}),
        **_told(job),
    )


def _said(job: Job) -> dict[str, Any]:
    """Give what every event of a job says of it, beside its id and state."""
    labels = dict(job.spec.labels)
    return {"kind": job.spec.kind, "labels": labels, "batch": job.batch, "custom_id": job.custom_id}


def _told(job: Job) -> dict[str, str]:
    webhook = job.spec.webhook
    return {} if webhook is None else {"webhook_url": webhook.url, "webhook_events": " ".join(webhook.events)}


def painted(job: Job, outputs: Sequence[OutputFile], report: Mapping[str, Any]) -> list[str]:
    """Write what an attempt's success adds to a record, in the format that it has."""
    write = packed if job.format >= PACKED else str
    return flat(outputs=write(json.dumps([asdict(o) for o in outputs])), report=write(json.dumps(report)))


def pairs(values: Sequence[str]) -> dict[str, str]:
    """Read a hash as a script returns it: name, value, name, value."""
    return dict(zip(values[::2], values[1::2], strict=True))


def load_in(gflop: str | None, bracket: str | None) -> Load | None:
    """Read a job's load from its fields, which an earlier version did not write."""
    return Load(float(gflop), bracket) if gflop and bracket else None


def job_of(tenant: str, job_id: str, record: Mapping[str, str]) -> Job:
    """Read a record.

    Raises:
        RecordUnreadable: it was written by another version, or is damaged.
    """
    try:
        return _parsed(tenant, job_id, record)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordUnreadable(f"The record of job {job_id} can't be read: {type(error).__name__}.") from error


def _parsed(tenant: str, job_id: str, record: Mapping[str, str]) -> Job:
    def whole(name: str) -> int | None:
        return int(record[name]) if name in record else None

    def parsed(name: str) -> Any:
        return json.loads(unpacked(record[name])) if name in record else None

    # What a newer version has added is none of ours; nobody paints by it, see `claim.lua`.
    newer = int(record.get("format", 1)) > FORMAT
    report = parsed("report")
    return Job(
        tenant=tenant,
        id=job_id,
        state=JobState(record["state"]),
        spec=RenderSpec.model_validate_json(unpacked(record["spec"]), extra="ignore" if newer else None),
        inputs=tuple(known(Input, i) for i in parsed("inputs")),
        attempt=int(record["attempt"]),
        attempts_max=int(record["attempts_max"]),
        fence=int(record["fence"]),
        version=int(record["version"]),
        created_ms=int(record["created_ms"]),
        load=load_in(record.get("gflop"), record.get("bracket")),
        run_ms=int(record["run_ms"]),
        key=record.get("key"),
        batch=record.get("batch"),
        custom_id=record.get("custom_id"),
        frugal="frugal" in record,
        checkpoint=record.get("checkpoint"),
        preview=record.get("preview"),
        trace=record.get("trace"),
        format=int(record.get("format", 1)),
        started_ms=whole("started_ms"),
        finished_ms=whole("finished_ms"),
        expires_ms=whole("expires_ms"),
        lease_owner=record.get("lease_owner"),
        lease_until_ms=whole("lease_until_ms"),
        progress=parsed("progress"),
        outputs=tuple(known(OutputFile, o) for o in parsed("outputs") or ()),
        report={**report, "cache": "hit"} if report is not None and "copied_from" in record else report,
        error=known(Failure, parsed("error")) if "error" in record else None,
    )


def known(cls: type[T], said: Mapping[str, Any]) -> T:
    """Make one of our own of what a version wrote that may know more of it."""
    return cls(**{field.name: said[field.name] for field in fields(cls) if field.name in said})  # type: ignore[arg-type]
