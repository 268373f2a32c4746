"""What is kept for how long: jobs and uploads by their time, objects by who needs them, the same work once."""

from __future__ import annotations

import pytest

from service.errors import Gone, IdTaken, InvalidSpec
from service.job import JobState
from service.places import place_of
from service.stores.submission import IN_MEMORY, Submission
from service.stores.upkeep_store import Expiring
from service.sweep import purge, sweep
from service.wiring import Services
from tests.jobs import BROKEN, RESULT, claimed, job, submitted, uploaded

pytestmark = pytest.mark.servers


def put(services: Services, *keys: str) -> None:
    for key in keys:
        services.blobs.put(key, b"x", content_type="image/png")


def over(services: Services, kind: str, tenant: str, name: str) -> None:
    """Let the time of a job or an upload be over."""
    prefix = services.settings.redis_prefix
    services._redis.hset(f"{prefix}{kind}:{tenant}:{name}", "expires_ms", 1)
    services._redis.zadd(f"{prefix}expiring", {f"{kind}:{tenant}:{name}": 1})


def painted(services: Services, tenant: str, *, work: str | None = None) -> str:
    """Run a job to its end, with a result in the storage; return its id."""
    submitted(services, tenant, work=work)
    mine = claimed(services)
    put(services, f"{mine.attempt_prefix}result.png")
    assert services.claims.commit(mine, [RESULT], {"device": "cpu"})
    return mine.id


def test_the_same_picture_lies_once_for_as_long_as_anybody_needs_it(services: Services, tenant: str) -> None:
    first, second = uploaded(services, tenant), uploaded(services, tenant)
    assert first.key == second.key
    put(services, first.key)
    services.jobs.submit(Submission(job(tenant), "f"))
    mine = claimed(services)
    assert services.claims.commit(mine, [RESULT], {})
    for upload in (first, second):
        over(services, "upload", tenant, upload.id)
    purge(services)
    assert services.blobs.keys(f"{tenant}/inputs/") == [first.key]
    over(services, "job", tenant, mine.id)
    purge(services)
    assert services.blobs.keys(f"{tenant}/") == []


def test_a_picture_that_comes_back_lies_elsewhere_so_that_an_old_deletion_can_not_hit_it(
    services: Services, tenant: str
) -> None:
    first = uploaded(services, tenant)
    over(services, "upload", tenant, first.id)
    late = services.upkeep.purge(Expiring("upload", tenant, first.id))
    again = uploaded(services, tenant)
    put(services, again.key)
    for objects in late:
        services.blobs.delete_prefix(objects)
    assert services.blobs.keys(f"{tenant}/inputs/") == [again.key]


def test_a_job_whose_retention_is_over_is_gone_with_its_result(services: Services, tenant: str) -> None:
    done = painted(services, tenant)
    assert purge(services) == 0
    over(services, "job", tenant, done)
    assert purge(services) == 1
    assert services.blobs.keys(f"{tenant}/jobs/") == []
    with pytest.raises(Gone):
        services.jobs.get(tenant, done)
    uploaded(services, tenant)
    with pytest.raises(IdTaken):
        services.jobs.submit(Submission(job(tenant, job_id=done), "f"))


def test_a_purge_that_comes_too_early_changes_nothing(services: Services, tenant: str) -> None:
    done = painted(services, tenant)
    assert services.upkeep.purge(Expiring("job", tenant, done)) == []
    assert services.jobs.get(tenant, done).state is JobState.SUCCEEDED


def test_an_upload_that_expires_between_look_up_and_submission_is_named(services: Services, tenant: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        services.jobs.submit(Submission(job(tenant), "f"))
    assert [problem.pointer for problem in caught.value.problems] == ["/content/upload_id"]


def test_it_is_named_within_a_batch_too(services: Services, tenant: str) -> None:
    uploaded(services, tenant)
    both = [Submission(job(tenant), "f"), Submission(job(tenant, sha256="1" * 64), "f")]
    with pytest.raises(InvalidSpec) as caught:
        services.batches.submit("b", both, fingerprint="f", durability=IN_MEMORY)
    assert [problem.pointer for problem in caught.value.problems] == ["/jobs/1/content/upload_id"]
    assert services.upkeep.ready_count() == 0


# The same work


def test_the_same_work_is_taken_over_and_its_result_lives_as_long_as_the_last_who_has_it(
    services: Services, tenant: str
) -> None:
    first = painted(services, tenant, work="digest")
    second = submitted(services, tenant, work="digest")
    assert second.state is JobState.SUCCEEDED
    assert second.report == {"device": "cpu", "cache": "hit"}
    assert second.outputs == services.jobs.get(tenant, first).outputs
    over(services, "job", tenant, first)
    purge(services)
    assert len(services.blobs.keys(f"{tenant}/jobs/")) == 1
    third = submitted(services, tenant, work="digest")
    assert third.state is JobState.SUCCEEDED
    for one in (second, third):
        over(services, "job", tenant, one.id)
    purge(services)
    assert services.blobs.keys(f"{tenant}/jobs/") == []
    assert submitted(services, tenant, work="digest").state is JobState.QUEUED


def test_other_work_another_tenants_work_and_unfinished_work_are_not_taken_over(
    services: Services, tenant: str
) -> None:
    unfinished = submitted(services, tenant, work="digest")
    assert submitted(services, tenant, work="digest").state is JobState.QUEUED
    services.jobs.cancel(tenant, unfinished.id)
    claimed(services)
    painted(services, tenant, work="other")
    assert submitted(services, "other-tenant", work="other").state is JobState.QUEUED
    assert submitted(services, tenant, work=None).state is JobState.QUEUED


# The sweep


def test_a_sweep_deletes_what_belongs_to_nobody_and_nothing_else(services: Services, tenant: str) -> None:
    upload = uploaded(services, tenant)
    done = painted(services, tenant)
    submitted(services, tenant)
    running = claimed(services)
    waiting = submitted(services, tenant)
    needed = [
        upload.key,
        f"{tenant}/jobs/{done}/attempts/1/result.png",
        f"{running.attempt_prefix}checkpoint.npz",
        "somebody-elses/notes.txt",
    ]
    nobodys = [
        f"{tenant}/inputs/{'1' * 64}/abcd.png",
        f"{tenant}/inputs/{'0' * 64}/another-generation.png",
        f"{tenant}/jobs/{done}/attempts/1/checkpoint.npz",
        f"{tenant}/jobs/{done}/attempts/1/preview.webp",
        f"{tenant}/jobs/{done}/attempts/7/result.png",
        f"{tenant}/jobs/{waiting.id}/attempts/3/result.png",
        f"{tenant}/jobs/no-job/attempts/1/result.png",
    ]
    put(services, *needed, *nobodys)
    assert sweep(services, name="k") == len(nobodys)
    assert sorted(services.blobs.keys("")) == sorted(needed)


def test_a_checkpoint_of_an_earlier_attempt_is_kept_while_it_may_be_needed(services: Services, tenant: str) -> None:
    submitted(services, tenant)
    mine = claimed(services)
    checkpoint = f"{mine.attempt_prefix}checkpoint.npz"
    put(services, checkpoint)
    services.claims.hand_over(mine, BROKEN, checkpoint=checkpoint)
    claimed(services)
    sweep(services, name="k")
    assert services.blobs.keys("") == [checkpoint]


def test_keepers_share_one_sweep_and_rest_after_it(services: Services, tenant: str) -> None:
    put(services, f"{tenant}/jobs/none/attempts/1/a")
    assert [sweep(services, name=name) for name in ("one", "other")] == [1, 0]
    put(services, f"{tenant}/jobs/none/attempts/1/b")
    assert sweep(services, name="one") == 0
    services._redis.delete(f"{services.settings.redis_prefix}sweep")
    assert sweep(services, name="other") == 1


def test_a_holder_that_is_no_longer_there_holds_nothing(services: Services, tenant: str) -> None:
    upload = uploaded(services, tenant)
    put(services, upload.key)
    services._redis.delete(f"{services.settings.redis_prefix}upload:{tenant}:{upload.id}")
    assert sweep(services, name="k") == 1
    assert services._redis.exists(f"{services.settings.redis_prefix}held:{tenant}:image/{'0' * 64}") == 0


@pytest.mark.parametrize("key", ["notes.txt", "t/inputs/short/a.png", "t/jobs/x/attempts/one/a", "t/jobs/x/a"])
def test_keys_that_are_not_ours_are_known_as_such(key: str) -> None:
    assert place_of(key) is None
