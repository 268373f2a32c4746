"""Upgrades: records of the versions before and after this one, in the same Redis, while jobs are posted and painted."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from service.errors import RecordUnreadable
from service.job import JobState
from service.settings import Settings
from service.stores import claim_store
from service.stores.packing import MARK, packed, unpacked
from service.stores.records import FORMAT, job_of
from service.wiring import Services
from tests.api_calls import posted
from tests.clients import finished
from tests.jobs import RESULT, claimed, submitted

pytestmark = pytest.mark.servers


def record(services: Services, settings: Settings, tenant: str, job_id: str) -> tuple[Any, str]:
    return services._redis, f"{settings.redis_prefix}job:{tenant}:{job_id}"


def written_before(services: Services, settings: Settings, tenant: str, job_id: str) -> None:
    """Make a record what the first version wrote: it knew neither loads nor traces, formats, labels and lists."""
    redis, key = record(services, settings, tenant, job_id)
    redis.hdel(key, "gflop", "bracket", "trace", "format", "said", "custom_id", "batch")
    spec = json.loads(unpacked(redis.hget(key, "spec")))
    for later in ("labels", "webhook", "attempts_max", "start_deadline_s"):
        spec.pop(later, None)
    redis.hset(key, mapping={"spec": json.dumps(spec), "inputs": unpacked(redis.hget(key, "inputs")), "work": ""})


def written_after(services: Services, settings: Settings, tenant: str, job_id: str) -> None:
    """Make a record what a newer version would write: more fields, in every part, and another format."""
    redis, key = record(services, settings, tenant, job_id)
    spec = json.loads(unpacked(redis.hget(key, "spec")))
    spec["varnish"] = "dammar"
    spec["options"]["glaze"] = {"layers": 3}
    inputs = [{**image, "depth": 16} for image in json.loads(unpacked(redis.hget(key, "inputs")))]
    fields = {"format": FORMAT + 1, "spec": json.dumps(spec), "inputs": json.dumps(inputs), "varnished_ms": 7}
    redis.hset(key, mapping=fields)


def test_a_job_of_the_version_before_is_painted_and_told_of(
    services: Services, settings: Settings, client: httpx.Client, tenant: str
) -> None:
    made = posted(client).json()["id"]
    written_before(services, settings, tenant, made)
    finished(services, b"picture")
    told = client.get(f"/v1/jobs/{made}").json()
    assert (told["status"], told["labels"]) == ("succeeded", {})
    assert client.get("/v1/jobs").json()["items"][0]["id"] == made


def test_a_job_of_a_newer_version_waits_for_a_newer_worker_while_those_behind_it_are_painted(
    services: Services, settings: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, ours = submitted(services, tenant), submitted(services, tenant)
    written_after(services, settings, tenant, newer.id)
    assert claimed(services).id == ours.id
    assert services.claims.claim("w") is None
    assert services.jobs.get(tenant, newer.id).attempt == 0, "nobody was charged an attempt"
    monkeypatch.setattr(claim_store, "FORMAT", FORMAT + 1)
    assert claimed(services).id == newer.id


def test_a_job_of_a_newer_version_can_be_looked_at_listed_and_canceled(
    services: Services, settings: Settings, client: httpx.Client, tenant: str
) -> None:
    made = posted(client).json()["id"]
    written_after(services, settings, tenant, made)
    told = client.get(f"/v1/jobs/{made}").json()
    assert told["status"] == "queued"
    assert "varnish" not in told["spec"]
    assert [one["id"] for one in client.get("/v1/jobs").json()["items"]] == [made]
    assert client.post(f"/v1/jobs/{made}/cancel").json()["status"] == "canceled"


def test_jobs_that_nobody_understands_yet_do_not_hide_those_of_others(
    services: Services, settings: Settings, tenant: str
) -> None:
    for _ in range(40):
        written_after(services, settings, tenant, submitted(services, tenant).id)
    other = submitted(services, f"{tenant}-b")
    assert claimed(services).id == other.id
    assert services.backlog.read().queued == 40


def test_what_this_version_wrote_itself_may_not_hold_what_it_does_not_know(
    services: Services, settings: Settings, tenant: str
) -> None:
    damaged = submitted(services, tenant, attempts_max=1)
    redis, key = record(services, settings, tenant, damaged.id)
    redis.hset(key, "spec", json.dumps({**json.loads(unpacked(redis.hget(key, "spec"))), "varnish": "dammar"}))
    assert services.claims.claim("w") is None
    assert redis.hget(key, "state") == JobState.FAILED


def test_every_record_says_its_format(services: Services, settings: Settings, tenant: str) -> None:
    redis, key = record(services, settings, tenant, submitted(services, tenant).id)
    assert redis.hget(key, "format") == str(FORMAT)


def test_what_is_packed_is_short_and_comes_out_as_it_was() -> None:
    spec = json.dumps({"kind": "transfer", "options": {"size": 512, "normalization": "mean"}, "labels": {"π": "≈ 3"}})
    assert unpacked(packed(spec)) == spec
    assert len(packed(spec)) < len(spec)
    assert unpacked(spec) == spec, "what the version before has written was not packed"


@pytest.mark.parametrize("damaged", [MARK + "!", MARK + "zzzzz", packed("a text")[:-2]])
def test_what_was_packed_and_is_damaged_is_said_to_be_so(
    services: Services, settings: Settings, tenant: str, damaged: str
) -> None:
    made = submitted(services, tenant)
    redis, key = record(services, settings, tenant, made.id)
    redis.hset(key, "spec", damaged)
    with pytest.raises(RecordUnreadable):
        services.jobs.get(tenant, made.id)


FIRST = {
    "spec": '{"kind":"transfer","content":{"upload_id":"01a2"},"styles":[{"image":{"upload_id":"01a2"}}],'
    '"preset":"standard","options":{"size":512,"seed":7},"output":{"format":"png"},"run_timeout_s":3600.0}',
    "inputs": '[{"pointer": "/content", "key": "a/b.png", "sha256": "00", "width": 3, "height": 2}]',
    "holds": "[]", "listed": "[]", "attempts_max": "3", "retention_ms": "604800000", "run_max_ms": "3600000",
    "created_ms": "1795845005537", "attempt": "0", "fence": "0", "version": "1", "run_ms": "0", "fingerprint": "f",
    "work": "", "state": "queued", "ready_score": "1795845005537",
}  # fmt: skip
"""A record as the first version wrote it, to the letter."""
SECOND = {
    "format": "2", "spec": "z1:BPFd9mC#31`DiMqN-77oM)C_FGQhS4HPbu*", "inputs": "z1:BUrB`>L+1V4+azh<T}F`xyCT6jRgP",
    "said": '{"kind": "transfer", "labels": {"shop": "north"}, "batch": null, "custom_id": null}',
    "listed": '["shop=north"]', "gflop": "28760.947", "bracket": "vgg16:512", "created_ms": "1795845005537",
    "version": "1", "state": "queued", "fence": "0", "run_ms": "0", "fingerprint": "f", "holds": "[]",
    "retention_ms": "604800000", "ready_score": "1795845005537", "attempt": "0", "attempts_max": "3",
    "run_max_ms": "3600000",
}  # fmt: skip
"""A record as this version writes it, which no later one may fail to read."""


@pytest.mark.parametrize(("written", "size"), [(FIRST, 3), (SECOND, 3)], ids=["first", "second"])
def test_records_of_each_format_are_read_as_they_were_meant(written: dict[str, str], size: int) -> None:
    job = job_of("t", "01a2", written)
    assert (job.state, job.spec.kind, job.inputs[0].width) == (JobState.QUEUED, "transfer", size)
    assert job.spec.options.size == 512
    assert job.format == int(written.get("format", 1))


def test_what_a_new_worker_adds_to_an_old_record_is_written_as_the_old_version_reads_it(
    services: Services, settings: Settings, tenant: str
) -> None:
    made = submitted(services, tenant)
    written_before(services, settings, tenant, made.id)
    assert services.claims.commit(claimed(services), [RESULT], {"device": "cpu"})
    redis, key = record(services, settings, tenant, made.id)
    assert json.loads(redis.hget(key, "report")) == {"device": "cpu"}
    assert json.loads(redis.hget(key, "outputs"))[0]["name"] == "result"
    assert services.jobs.get(tenant, made.id).state is JobState.SUCCEEDED


def test_a_job_that_has_ended_leaves_only_what_is_asked_for_later(
    services: Services, settings: Settings, tenant: str
) -> None:
    made = submitted(services, tenant)
    assert services.claims.commit(claimed(services), [RESULT], {})
    redis, key = record(services, settings, tenant, made.id)
    assert not {"said", "claimed_ms", "ready_score", "run_max_ms", "gflop", "bracket"} & set(redis.hkeys(key))
    assert 0 < redis.ttl(key.replace("job:", "events:")) <= 3600
