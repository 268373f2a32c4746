"""Styles in the storage: how long their pictures are kept, and what is painted from kept statistics."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidSpec, NotFound
from service.forget import forget
from service.job import Job, JobState
from service.places import place_of
from service.render import render_next
from service.settings import Settings
from service.spec import ImageRef, parse_spec
from service.statistics import StoredStatistics
from service.stores.style_store import STATISTICS_MAX, Saved, StyleRecord
from service.stores.submission import Submission
from service.styles import STYLES_MAX, StyleSpec, delete_style, make_style
from service.submit import retry, submit
from service.sweep import purge, sweep
from service.upload import upload
from service.wiring import Services, open_services
from tests.images import photograph_bytes
from workers.lease import hold
from workers.painter.paint import paint

pytestmark = pytest.mark.servers

PAINTING = photograph_bytes(80, 64)
ARRAYS = {"relu1_1": np.arange(4096, dtype=np.float32).reshape(64, 64)}
DIGEST = "d" * 64


def kept(services: Services, tenant: str) -> StyleRecord:
    """Keep a style, whose upload is over."""
    picture = upload(PAINTING, tenant=tenant, services=services)
    spec = StyleSpec(name="dusk", image=ImageRef(upload_id=picture.id))
    style = make_style(spec, tenant=tenant, services=services)
    expire(services, tenant, picture.id)
    return style


def expire(services: Services, tenant: str, upload_id: str) -> None:
    """Let the time of an upload be over, and purge it."""
    prefix = services.settings.redis_prefix
    services._redis.hset(f"{prefix}upload:{tenant}:{upload_id}", "expires_ms", 1)
    services._redis.zadd(f"{prefix}expiring", {f"upload:{tenant}:{upload_id}": 1})
    purge(services)


def submitted(services: Services, tenant: str, style: str, **wish: Any) -> Job:
    content = {"upload_id": upload(photograph_bytes(), tenant=tenant, services=services).id}
    options = {"size": 64, "iterations": 2} | wish.pop("options", {})
    styles = wish.pop("styles", [{"style_id": style}])
    spec = {"kind": "transfer", "content": content, "styles": styles, "options": options, **wish}
    return submit(parse_spec(spec), tenant=tenant, services=services).job


def rendered(services: Services, tenant: str, style: str, **wish: Any) -> Job:
    """Paint a job in a style with the real painter."""
    job = submitted(services, tenant, style, **{"cache": False, **wish})
    done = render_next(services=services, paint=paint, hold=partial(hold, claims=services.claims, ttl_s=15), worker="w")
    assert done is not None
    assert done.error is None
    return services.jobs.get(tenant, job.id)


def statistics_of(services: Services, tenant: str) -> list[str]:
    return services.blobs.keys(f"{tenant}/statistics/")


def said(job: Job) -> Any:
    assert job.report is not None
    return job.report["styles"]


def shelf(services: Services, tenant: str) -> StoredStatistics:
    return StoredStatistics(tenant, services.styles, services.blobs)


@pytest.fixture
def cut_off(settings: Settings) -> Iterator[Services]:
    """Services whose storage is out of reach."""
    with open_services(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})) as services:
        yield services


# How long a style's picture is kept


def test_a_style_keeps_its_picture_when_its_upload_is_over(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    sweep(services, name="k")
    assert services.blobs.keys(f"{tenant}/") == [style.key]
    delete_style(tenant, style.id, services=services)
    assert services.blobs.keys(f"{tenant}/") == []


def test_a_picture_is_purged_when_neither_a_style_nor_a_job_needs_it(services: Services, tenant: str) -> None:
    one, other = kept(services, tenant), kept(services, tenant)
    assert one.key == other.key
    job = submitted(services, tenant, one.id)
    for style in (one, other):
        delete_style(tenant, style.id, services=services)
        assert one.key in services.blobs.keys(f"{tenant}/inputs/")
    sweep(services, name="k")
    assert one.key in services.blobs.keys(f"{tenant}/inputs/")
    forget(tenant, job.id, services=services)
    assert one.key not in services.blobs.keys(f"{tenant}/inputs/")


def test_a_picture_that_came_with_its_style_leaves_no_upload_behind_for_long(services: Services, tenant: str) -> None:
    inline = ImageRef(data=base64.b64encode(PAINTING).decode())
    make_style(StyleSpec(name="dusk", image=inline), tenant=tenant, services=services)
    [(_, over)] = services._redis.zrange(f"{services.settings.redis_prefix}expiring", 0, -1, withscores=True)
    seconds, _ = services._redis.time()
    assert over / 1000 - seconds < 601


def test_an_upload_that_expires_before_its_style_is_saved_makes_none(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    delete_style(tenant, style.id, services=services)
    assert services.styles.save(style, at_most=1) is Saved.MISSING
    with pytest.raises(NotFound):
        services.styles.get(tenant, style.id)


def test_one_style_more_than_there_may_be_is_refused(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    for n in range(1, STYLES_MAX):
        assert services.styles.save(replace(style, id=str(n)), at_most=STYLES_MAX) is Saved.MADE
    with pytest.raises(InvalidSpec, match="1000 styles already"):
        kept(services, tenant)
    delete_style(tenant, "1", services=services)
    kept(services, tenant)


def test_a_style_that_is_deleted_between_look_up_and_submission_is_named(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    job = submitted(services, tenant, style.id)
    forget(tenant, job.id, services=services)
    delete_style(tenant, style.id, services=services)
    upload(photograph_bytes(), tenant=tenant, services=services)
    with pytest.raises(InvalidSpec) as caught:
        services.jobs.submit(Submission(replace(job, id="0190a1b2-0000-7000-8000-000000000002"), "f"))
    assert [problem.pointer for problem in caught.value.problems] == ["/styles/0/style_id"]


def test_a_style_goes_though_the_storage_is_away_and_the_sweep_finds_the_rest(
    services: Services, cut_off: Services, tenant: str
) -> None:
    style = kept(services, tenant)
    delete_style(tenant, style.id, services=cut_off)
    assert services.blobs.keys(f"{tenant}/") == [style.key]
    sweep(services, name="k")
    assert services.blobs.keys(f"{tenant}/") == []


def test_the_same_pixels_by_id_and_by_upload_are_the_same_work(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    job = submitted(services, tenant, style.id)
    render_next(services=services, paint=paint, hold=partial(hold, claims=services.claims, ttl_s=15), worker="w")
    painting = {"upload_id": upload(PAINTING, tenant=tenant, services=services).id}
    again = submitted(services, tenant, "", styles=[{"image": painting}])
    assert again.state is JobState.SUCCEEDED
    assert again.outputs == services.jobs.get(tenant, job.id).outputs


# Statistics


@pytest.mark.weights
def test_the_second_job_in_a_style_takes_over_what_the_first_computed(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    first = rendered(services, tenant, style.id)
    assert said(first) == [{"index": 0, "style_id": style.id, "statistics": "computed"}]
    [held] = statistics_of(services, tenant)
    sweep(services, name="k")
    second = rendered(services, tenant, style.id, options={"content_weight": 3.0})
    assert said(second) == [{"index": 0, "style_id": style.id, "statistics": "reused"}]
    assert statistics_of(services, tenant) == [held]
    third = rendered(services, tenant, style.id)
    assert [output.sha256 for output in third.outputs] == [output.sha256 for output in first.outputs]


@pytest.mark.weights
def test_only_styles_that_have_an_id_are_in_the_report(services: Services, tenant: str) -> None:
    style, painting = kept(services, tenant), upload(PAINTING, tenant=tenant, services=services)
    job = rendered(services, tenant, "", styles=[{"image": {"upload_id": painting.id}}, {"style_id": style.id}])
    assert said(job) == [{"index": 1, "style_id": style.id, "statistics": "computed"}]


@pytest.mark.weights
def test_a_job_and_its_retry_are_painted_after_their_style_was_deleted(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    job = submitted(services, tenant, style.id)
    delete_style(tenant, style.id, services=services)
    retry(tenant, job.id, services=services)
    held = partial(hold, claims=services.claims, ttl_s=15)
    ended = [render_next(services=services, paint=paint, hold=held, worker="w") for _ in range(2)]
    jobs = [services.jobs.get(tenant, one.job.id) for one in ended if one is not None]
    assert [one.state for one in jobs] == [JobState.SUCCEEDED] * 2
    assert jobs[0].outputs[0].sha256 == jobs[1].outputs[0].sha256
    assert [said(one)[0]["statistics"] for one in jobs] == ["computed"] * 2
    assert statistics_of(services, tenant) == []


@pytest.mark.weights
def test_damaged_statistics_cost_no_job(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    first = rendered(services, tenant, style.id)
    [key] = statistics_of(services, tenant)
    services.blobs.put(key, b"no archive", content_type="application/zip")
    second = rendered(services, tenant, style.id)
    assert said(second)[0]["statistics"] == "computed"
    assert second.outputs[0].sha256 == first.outputs[0].sha256
    assert said(rendered(services, tenant, style.id))[0]["statistics"] == "reused"


def test_statistics_go_with_the_last_style_that_holds_them(services: Services, tenant: str) -> None:
    one, other = kept(services, tenant), kept(services, tenant)
    shelf(services, tenant).put(one.id, DIGEST, ARRAYS)
    found = shelf(services, tenant).get(other.id, DIGEST)
    assert found is not None
    assert np.array_equal(found["relu1_1"], ARRAYS["relu1_1"])
    delete_style(tenant, one.id, services=services)
    assert len(statistics_of(services, tenant)) == 1
    delete_style(tenant, other.id, services=services)
    assert services.blobs.keys(f"{tenant}/") == []


def test_strangers_have_no_part_in_statistics(services: Services, tenant: str) -> None:
    own, foreign = kept(services, tenant), kept(services, "strangers")
    shelf(services, tenant).put(own.id, DIGEST, ARRAYS)
    assert shelf(services, "strangers").get(foreign.id, DIGEST) is None
    assert shelf(services, "strangers").get(own.id, DIGEST) is None


def test_statistics_that_nobody_holds_are_swept(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    shelf(services, tenant).put(style.id, DIGEST, ARRAYS)
    orphan = f"{tenant}/statistics/{'e' * 64}/abcd.npz"
    services.blobs.put(orphan, b"x", content_type="application/zip")
    assert sweep(services, name="k") == 1
    assert orphan not in statistics_of(services, tenant)
    services._redis.delete(f"{services.settings.redis_prefix}sweep")
    services._redis.delete(f"{services.settings.redis_prefix}style:{tenant}:{style.id}")
    assert sweep(services, name="k") == 2
    services._redis.delete(f"{services.settings.redis_prefix}statistics:{tenant}:{style.id}")


def test_a_style_lets_go_of_the_statistics_that_were_not_used_for_longest(services: Services, tenant: str) -> None:
    style, digests = kept(services, tenant), [f"{n:064x}" for n in range(STATISTICS_MAX + 1)]
    for name in digests[:-1]:
        shelf(services, tenant).put(style.id, name, ARRAYS)
    assert shelf(services, tenant).get(style.id, digests[0]) is not None
    shelf(services, tenant).put(style.id, digests[-1], ARRAYS)
    left = {place.hold for key in statistics_of(services, tenant) if (place := place_of(key))}
    assert {f"statistics/{name}" for name in digests} - left == {f"statistics/{digests[1]}"}


def test_statistics_whose_bytes_never_came_are_put_again(services: Services, tenant: str) -> None:
    style = kept(services, tenant)
    services.styles.hold_statistics(tenant, style.id, DIGEST)
    assert shelf(services, tenant).get(style.id, DIGEST) is None
    shelf(services, tenant).put(style.id, DIGEST, ARRAYS)
    assert shelf(services, tenant).get(style.id, DIGEST) is not None


def test_a_store_that_is_away_costs_the_statistics_alone(
    services: Services, cut_off: Services, settings: Settings, tenant: str
) -> None:
    style = kept(services, tenant)
    shelf(cut_off, tenant).put(style.id, DIGEST, ARRAYS)
    assert shelf(cut_off, tenant).get(style.id, DIGEST) is None
    away = Settings(**{**settings.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with open_services(away) as lost:
        shelf(lost, tenant).put(style.id, DIGEST, ARRAYS)
        assert shelf(lost, tenant).get(style.id, DIGEST) is None
    assert statistics_of(services, tenant) == []


def test_a_style_that_is_no_longer_there_keeps_no_statistics(services: Services, tenant: str) -> None:
    shelf(services, tenant).put("0-0", DIGEST, ARRAYS)
    assert services.blobs.keys(f"{tenant}/") == []
