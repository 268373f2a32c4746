"""The API over real stores: estimates, and what is refused for what it would take."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from service.keys import create_key
from service.pace import Device
from service.wiring import Services
from tests.api_calls import assert_problem, posted, spec
from tests.crew import CPU, H100, at_work, taught

pytestmark = pytest.mark.servers

DRAFT: dict[str, Any] = {"preset": "draft"}
GFLOP = (64 * 43 + 128 * 85 + 256 * 171) * 50 * 1_239_696 / 1e9
"""Of a draft of a picture of 96 × 64 pixels: 256 × 171 pixels and two scales before, 50 iterations each."""


def estimated(client: httpx.Client, **wish: Any) -> httpx.Response:
    return client.post("/v1/estimates", json=spec(**wish))


def test_an_estimate_says_what_a_job_would_take_while_nobody_is_at_work(client: httpx.Client) -> None:
    answer = estimated(client, options={"size": 512, "iterations": 10, "pyramid": [128]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert 10**9 < body.pop("memory_bytes") < 2 * 10**9
    assert body == {
        "seconds": None,
        "size": {"width": 512, "height": 341},
        "scales": [128, 512],
        "iterations": 20,
        "way": "whole",
        "tile": None,
        "devices": [],
        "queue": {"position": 1, "estimated_start_s": None},
    }


def test_an_estimate_follows_the_paces_of_the_devices_at_work(services: Services, client: httpx.Client) -> None:
    taught(services, "teacher", s_per_gflop=0.1, **DRAFT)
    taught(services, "teacher", s_per_gflop=0.01, device=H100, **DRAFT)
    at_work(services, "a")
    at_work(services, "b", device=H100)
    at_work(services, "c", device=Device("tiny", 10**8))
    body = estimated(client, **DRAFT).json()
    assert body["seconds"] == pytest.approx((0.1 + 0.01) / 2 * GFLOP, rel=0.02)
    assert [(one["name"], one["memory_bytes"], one["fits"]) for one in body["devices"]] == [
        ("NVIDIA H100 80GB HBM3", H100.memory_bytes, True),
        ("cpu", CPU.memory_bytes, True),
        ("tiny", 10**8, False),
    ]
    assert [one["seconds"] for one in body["devices"]] == [
        pytest.approx(0.01 * GFLOP, rel=0.02), pytest.approx(0.1 * GFLOP, rel=0.02), None,
    ]  # fmt: skip
    assert body["queue"] == {"position": 1, "estimated_start_s": 0.0}


def test_an_estimate_says_in_what_way_each_device_would_paint(services: Services, client: httpx.Client) -> None:
    at_work(services, "a", device=Device("large", 10**11))
    at_work(services, "b", device=Device("small", 4 * 10**9))
    body = estimated(client, options={"size": 2048, "iterations": 1}).json()
    large, small = body["devices"]
    assert (body["way"], large["way"], large["tile"], large["fits"]) == ("whole", "whole", None, True)
    assert (small["way"], small["fits"]) == ("tiled", True)
    assert small["tile"] % 16 == 0


def test_an_estimate_knows_what_each_device_computes_in(services: Services, client: httpx.Client) -> None:
    at_work(services, "a", device=Device("in bfloat16", 35 * 10**8, activation_bytes=2))
    at_work(services, "b", device=Device("in float32", 35 * 10**8, activation_bytes=4))
    half, full = estimated(client, options={"size": 1024, "iterations": 1}).json()["devices"]
    assert (half["name"], half["way"]) == ("in bfloat16", "whole")
    assert (full["name"], full["way"]) == ("in float32", "checkpointed")


def test_an_estimate_makes_no_job(services: Services, client: httpx.Client) -> None:
    estimated(client)
    assert services.upkeep.ready_count() == 0
    assert client.get("/v1/jobs").json()["items"] == []


def test_an_estimate_takes_files_too_and_gram_matrices_have_no_scales(client: httpx.Client, photograph: bytes) -> None:
    answer = client.post("/v1/estimates", files={"image": ("a", photograph)}, data={"spec": '{"kind": "gram"}'})
    body = answer.json()
    assert (body["scales"], body["iterations"], body["size"]) == ([], 0, {"width": 96, "height": 64})


def test_a_wrong_field_of_an_estimate_is_named(client: httpx.Client) -> None:
    assert_problem(estimated(client, sise=3), 422, "invalid_spec", "/sise")
    assert_problem(estimated(client, options={"size": 8000}), 422, "invalid_spec", "/options/size")
    assert_problem(estimated(client, content={"upload_id": "00"}), 422, "invalid_spec", "/content/upload_id")


def test_an_estimate_needs_a_key_that_may_make_jobs(services: Services, client: httpx.Client, tenant: str) -> None:
    reader = create_key(services.keys, tenant=tenant, name="r", scopes=["jobs:read"])
    headers = {"Authorization": f"Bearer {reader}"}
    assert_problem(client.post("/v1/estimates", json=spec(), headers=headers), 403, "forbidden")


# A job's place in the queue


def test_a_queued_job_says_when_it_will_start_and_how_long_it_will_run(
    services: Services, client: httpx.Client
) -> None:
    taught(services, "teacher", s_per_gflop=0.1, **DRAFT)
    at_work(services, "w")
    first, second = (posted(client, **DRAFT).json() for _ in range(2))
    assert (first["queue"]["position"], first["queue"]["estimated_start_s"]) == (1, 0.0)
    queue = client.get(f"/v1/jobs/{second['id']}").json()["queue"]
    assert queue["position"] == 2
    assert queue["estimated_start_s"] == pytest.approx(0.1 * GFLOP, rel=0.02)
    assert queue["estimated_run_s"] == pytest.approx(0.1 * GFLOP, rel=0.02)


# Refusals


def test_a_job_that_would_run_far_too_long_is_refused_with_the_estimate(
    services: Services, client: httpx.Client
) -> None:
    taught(services, "teacher", s_per_gflop=0.1, **DRAFT)
    at_work(services, "w")
    answer = posted(client, **DRAFT, run_timeout_s=0.6 * 0.1 * GFLOP)
    assert_problem(answer, 422, "invalid_spec", "/run_timeout_s")
    assert "about 35" in answer.json()["errors"][0]["detail"]
    assert posted(client, **DRAFT, run_timeout_s=0.75 * 0.1 * GFLOP).status_code == 202
    assert estimated(client, **DRAFT, run_timeout_s=1).status_code == 200


def test_a_faster_device_at_work_lets_it_in(services: Services, client: httpx.Client) -> None:
    taught(services, "teacher", s_per_gflop=0.1, **DRAFT)
    taught(services, "teacher", s_per_gflop=0.01, device=H100, **DRAFT)
    at_work(services, "a")
    at_work(services, "b", device=H100)
    assert posted(client, **DRAFT, run_timeout_s=0.2 * 0.1 * GFLOP).status_code == 202


def test_nothing_is_refused_on_a_guess(services: Services, client: httpx.Client) -> None:
    at_work(services, "w")
    assert posted(client, run_timeout_s=1).status_code == 202
    taught(services, "teacher", s_per_gflop=0.1, device=H100)
    assert posted(client, run_timeout_s=1).status_code == 202


def test_what_may_end_early_is_not_refused_for_its_most_iterations(services: Services, client: httpx.Client) -> None:
    taught(services, "teacher", s_per_gflop=0.1, **DRAFT)
    at_work(services, "w")
    assert posted(client, options={"size": 256, "tolerance": 0.01}, run_timeout_s=10).status_code == 202


def test_a_job_that_fits_into_no_device_is_refused_with_the_estimate(services: Services, client: httpx.Client) -> None:
    at_work(services, "a", device=Device("small", 10**9))
    answer = posted(client, options={"size": 2048})
    assert_problem(answer, 422, "invalid_spec", "/options/size")
    assert "the largest device here has 1.0" in answer.json()["errors"][0]["detail"]
    at_work(services, "b")
    assert posted(client, options={"size": 2048}).status_code == 202


def test_what_can_not_be_painted_in_tiles_is_refused_by_its_distance(services: Services, client: httpx.Client) -> None:
    at_work(services, "a", device=Device("small", 4 * 10**9))
    options = {"size": 2048, "style_distance": "sliced_wasserstein"}
    answer = posted(client, options=options)
    assert_problem(answer, 422, "invalid_spec", "/options/style_distance")
    assert posted(client, options={**options, "style_distance": "gram"}).status_code == 202


def test_a_device_that_is_not_known_may_be_large_enough(services: Services, client: httpx.Client) -> None:
    at_work(services, "a", device=Device("small", 10**9))
    services.presence.beat("worker", "unknown")
    assert posted(client, options={"size": 1024}).status_code == 202


def test_a_job_that_was_accepted_is_not_refused_when_it_is_put_again(services: Services, client: httpx.Client) -> None:
    body = json.dumps(spec(**DRAFT, run_timeout_s=2))
    path, headers = f"/v1/jobs/{uuid.uuid4()}", {"Content-Type": "application/json"}
    assert client.put(path, content=body, headers=headers).status_code == 202
    services.claims.claim("w")
    taught(services, "teacher", s_per_gflop=0.1, **DRAFT)
    at_work(services, "w")
    assert client.put(path, content=body, headers=headers).status_code == 200
    other = f"/v1/jobs/{uuid.uuid4()}"
    assert_problem(client.put(other, content=body, headers=headers), 422, "invalid_spec", "/run_timeout_s")


# Devices


def test_the_devices_at_work_are_listed(services: Services, client: httpx.Client) -> None:
    at_work(services, "a", "b", device=H100)
    at_work(services, "c")
    can = client.get("/v1/capabilities").json()
    assert can["workers"] == 3
    assert can["devices"] == [
        {"name": H100.name, "memory_bytes": H100.memory_bytes, "workers": 2},
        {"name": "cpu", "memory_bytes": CPU.memory_bytes, "workers": 1},
    ]
