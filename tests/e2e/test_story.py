"""The main job on real input: over HTTP, through Redis, to a Celery worker with the pretrained VGG-16, back from S3."""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from api.client import ApiProblem, Client, JobFailed, Patience, Unreachable
from service.embedded.running import RunningStack
from tests.e2e.up_process import started
from tests.images import photograph_bytes

pytestmark = [pytest.mark.servers, pytest.mark.weights]

QUICK = {"options": {"size": 64, "iterations": 3}}
STYLE = photograph_bytes(80, 80)


def images(photograph: bytes) -> dict[str, bytes]:
    return {"/content": photograph, "/styles/0/image": STYLE}


@pytest.fixture
def client(stack: RunningStack) -> Iterator[Client]:
    with Client(stack.url, stack.key) as client:
        yield client


def test_a_photograph_and_a_painting_become_a_picture(client: Client, photograph: bytes) -> None:
    posted = client.submit(images(photograph), {**QUICK, "cache": False})
    answers = list(client.follow(posted.id))
    job = answers[-1]
    assert (job.status, job.attempt, job.error) == ("succeeded", 1, None)
    data = client.download(job)
    [output] = job.outputs
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (output.sha256, output.bytes)
    with Image.open(BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 43))
        assert np.asarray(picture).std() > 10
    report = job.report or {}
    assert report["loss"]["after"]["total"] < report["loss"]["before"]["total"]
    assert set(report["loss"]["after"]["style_layers"]) == set(job.spec["options"]["style_layers"])
    assert report["device"]
    assert re.fullmatch("[0-9a-f]{64}", report["weights_sha256"])


def test_the_curl_story_of_the_readme_holds(stack: RunningStack, photograph: bytes) -> None:
    headers = {"Authorization": f"Bearer {stack.key}"}
    with httpx.Client(base_url=stack.url, headers=headers) as http:
        uploads = [http.post("/v1/uploads", files={"file": data}).json()["id"] for data in (photograph, STYLE)]
        content, style = ({"upload_id": upload} for upload in uploads)
        spec = {"kind": "transfer", "content": content, "styles": [{"image": style}], **QUICK}
        posted = http.post("/v1/jobs", json=spec)
        path = posted.headers["location"]
        while not (job := http.get(path, headers={"Prefer": "wait=5"}).json())["terminal"]:
            pass
        assert job["status"] == "succeeded"
        redirect = http.get(f"{path}/result")
        assert redirect.status_code == 302
    picture = httpx.get(redirect.headers["location"])
    assert picture.headers["content-type"] == "image/png"
    assert hashlib.sha256(picture.content).hexdigest() == job["outputs"][0]["sha256"]


def test_the_same_job_gives_the_same_bytes(client: Client, photograph: bytes) -> None:
    jobs = [client.submit(images(photograph), QUICK) for _ in range(2)]
    ended = [list(client.follow(job.id))[-1] for job in jobs]
    assert ended[0].outputs[0].sha256 == ended[1].outputs[0].sha256


def test_the_worker_parent_has_not_loaded_torch_and_its_child_has(stack: RunningStack) -> None:
    def maps(process: psutil.Process) -> bool:
        return any("libtorch" in entry.path for entry in process.memory_maps())

    parent = psutil.Process(stack.processes["worker"])
    assert not maps(parent)
    assert [maps(child) for child in parent.children()] == [True]


def test_killing_the_worker_in_the_middle_still_ends_in_the_picture(tmp_path: Path, photograph: bytes) -> None:
    slow = {"options": {"size": 96, "iterations": 50}}
    with started(tmp_path / "data", environment={"IMPASTO_LEASE_TTL_S": "2"}) as up:
        stack = up.ready()
        worker = psutil.Process(stack.processes["worker"])
        child = worker.children()[0]
        with Client(stack.url, stack.key) as client:
            job = client.submit(images(photograph), slow)
            for seen in client.follow(job.id):
                if worker.is_running() and (seen.progress or {}).get("iteration", 0) >= 2:
                    os.kill(worker.pid, signal.SIGKILL)
                    psutil.wait_procs([worker, child], timeout=10)
            assert not child.is_running(), "the child must not stay on the device alone"
            assert (seen.status, seen.attempt) == ("succeeded", 2)
            assert hashlib.sha256(client.download(seen)).hexdigest() == seen.outputs[0].sha256


# The client


def test_the_client_says_what_was_refused_and_by_which_field(client: Client, photograph: bytes) -> None:
    with pytest.raises(ApiProblem, match="/options/size") as refused:
        client.submit(images(photograph), {"options": {"size": 1}})
    assert refused.value.problem.code == "invalid_spec"
    with pytest.raises(ApiProblem, match="not_found"):
        client.get("nothing")


def test_the_client_says_that_nobody_answers() -> None:
    once = Patience(deadline_s=0)
    with (
        Client("http://127.0.0.1:1", "key", patience=once) as client,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"),
    ):
        client.get("x")


def test_a_job_without_the_output_can_not_be_downloaded(client: Client, photograph: bytes) -> None:
    job = list(client.follow(client.submit(images(photograph), QUICK).id))[-1]
    with pytest.raises(JobFailed):
        client.download(job, "timelapse")
