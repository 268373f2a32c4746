"""Direct uploads: announced, put into the storage by the client, completed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from service.errors import NotFound
from service.keys import create_key
from service.settings import Settings
from service.stores.upload_store import Upload
from service.sweep import purge, sweep
from service.wiring import Services, open_services
from tests.api_calls import assert_problem, posted
from tests.images import photograph_bytes
from tests.served import served

pytestmark = pytest.mark.servers

PHOTO = photograph_bytes()


def announced(client: httpx.Client, data: bytes = PHOTO, **wish: Any) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    body = {"bytes": len(data), "sha256": digest, "content_type": "image/png", **wish}
    answer = client.post("/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    upload: dict[str, Any] = answer.json()
    return upload


def put(upload: dict[str, Any], data: bytes = PHOTO, **headers: str) -> httpx.Response:
    where = upload["upload"]
    return httpx.request(where["method"], where["url"], content=data, headers=where["headers"] | headers)


def completed(client: httpx.Client, upload: dict[str, Any]) -> httpx.Response:
    return client.post(f"/v1/uploads/{upload['id']}/complete")


def over(services: Services, tenant: str, upload_id: str) -> None:
    """Let the time of an upload be over."""
    prefix = services.settings.redis_prefix
    services._redis.hset(f"{prefix}upload:{tenant}:{upload_id}", "expires_ms", 1)
    services._redis.zadd(f"{prefix}expiring", {f"upload:{tenant}:{upload_id}": 1})


def held(services: Services) -> list[str]:
    return list(services._redis.scan_iter(f"{services.settings.redis_prefix}held:*"))


def test_a_file_that_was_announced_and_put_is_taken_in_when_it_is_completed(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    assert (upload["status"], upload["width"], upload["bytes"]) == ("waiting", None, len(PHOTO))
    assert upload["upload"]["expires_at"] < upload["expires_at"]
    assert put(upload).status_code == 200
    answer = completed(client, upload)
    assert answer.status_code == 200
    done = answer.json()
    assert (done["id"], done["status"], done["upload"]) == (upload["id"], "ready", None)
    assert (done["width"], done["height"], done["sha256"]) == (96, 64, hashlib.sha256(PHOTO).hexdigest())
    assert services.blobs.keys(f"{tenant}/uploads/") == []
    assert [completed(client, upload).json(), client.get(f"/v1/uploads/{upload['id']}").json()] == [done, done]
    image = {"upload_id": upload["id"]}
    assert posted(client, content=image, styles=[{"image": image}]).status_code == 202


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_the_guide_s_commands_do_what_it_says(client: httpx.Client, key: str, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs/uploads.md").read_text()
    commands = guide.partition("```bash\n")[2].partition("```")[0]
    Image.open(BytesIO(PHOTO)).save(tmp_path / "photo.tif")
    own = {"IMPASTO_URL": str(client.base_url).rstrip("/"), "IMPASTO_KEY": key, "no_proxy": "127.0.0.1"}
    shell = ["bash", "-euo", "pipefail", "-c", commands]
    done = json.loads(subprocess.check_output(shell, cwd=tmp_path, env={**os.environ, **own}, text=True))
    assert (done["status"], done["content_type"], done["width"]) == ("ready", "image/tiff", 96)


def test_a_file_may_be_larger_than_a_request_but_not_than_its_own_limit(settings: Settings, key: str) -> None:
    limits = {"upload_max_bytes": 500, "direct_upload_max_bytes": len(PHOTO)}
    with served(settings.model_copy(update=limits), key=key) as client:
        assert_problem(client.post("/v1/uploads", files={"file": PHOTO}), 413, "too_large")
        upload = announced(client)
        put(upload)
        assert completed(client, upload).status_code == 200
        body = {"bytes": len(PHOTO) + 1, "sha256": "0" * 64, "content_type": "image/png"}
        assert_problem(client.post("/v1/uploads", json=body), 422, "invalid_spec", "/bytes")


def test_the_storage_takes_no_other_bytes_than_those_announced(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)

    def chunked() -> Iterator[bytes]:
        yield PHOTO

    where = upload["upload"]
    refused = [
        put(upload, bytes(len(PHOTO))),
        put(upload, PHOTO[:-1]),
        put(upload, PHOTO + b"x"),
        put(upload, PHOTO, **{"Content-Type": "text/html"}),
        put(upload, PHOTO, **{"x-amz-checksum-sha256": "A" * 43 + "="}),
        httpx.put(where["url"], content=PHOTO),
        httpx.put(where["url"], content=chunked(), headers=where["headers"]),
        httpx.put(where["url"].replace(upload["id"], "0" * 36), content=PHOTO, headers=where["headers"]),
    ]
    assert {answer.status_code for answer in refused} <= {400, 403}
    assert services.blobs.keys(f"{tenant}/uploads/") == []


def test_before_its_bytes_are_there_an_upload_can_be_neither_completed_nor_used(client: httpx.Client) -> None:
    upload = announced(client)
    for _ in range(2):
        assert_problem(completed(client, upload), 409, "upload_waiting")
    put(upload)
    refused = posted(client, content={"upload_id": upload["id"]})
    assert_problem(refused, 422, "invalid_spec", "/content/upload_id")
    assert completed(client, upload).status_code == 200


@pytest.mark.parametrize("other", [photograph_bytes(80, 60), PHOTO + b"x", PHOTO[:-1], b""])
def test_bytes_that_are_not_those_announced_are_refused_though_a_storage_took_them(
    client: httpx.Client, services: Services, tenant: str, other: bytes
) -> None:
    upload = announced(client)
    services.blobs.put(f"{tenant}/uploads/{upload['id']}", other, content_type="image/png")
    assert_problem(completed(client, upload), 422, "invalid_image")
    assert client.get(f"/v1/uploads/{upload['id']}").json()["status"] == "waiting"
    put(upload)
    assert completed(client, upload).status_code == 200


def test_what_is_no_picture_is_refused_as_often_as_it_is_completed(client: httpx.Client) -> None:
    upload = announced(client, b"no picture")
    put(upload, b"no picture")
    for _ in range(2):
        assert_problem(completed(client, upload), 422, "invalid_image")


def test_an_upload_is_its_tenants_alone(client: httpx.Client, services: Services, settings: Settings) -> None:
    upload = announced(client)
    put(upload)
    other = create_key(services.keys, tenant="stranger", name="test")
    path = f"/v1/uploads/{upload['id']}"
    with served(settings, key=other) as stranger:
        for answer in (stranger.get(path), stranger.delete(path), completed(stranger, upload)):
            assert_problem(answer, 404, "not_found")
    assert completed(client, upload).status_code == 200


def test_a_key_that_may_only_read_brings_and_deletes_nothing(
    client: httpx.Client, services: Services, settings: Settings, tenant: str
) -> None:
    upload = announced(client)
    reading = create_key(services.keys, tenant=tenant, name="reads", scopes=["jobs:read"])
    path = f"/v1/uploads/{upload['id']}"
    with served(settings, key=reading) as reader:
        assert reader.get(path).status_code == 200
        for answer in (reader.delete(path), completed(reader, upload), reader.post("/v1/uploads", json={})):
            assert_problem(answer, 403, "forbidden")


def test_a_deleted_upload_is_gone_with_its_bytes_finished_or_not(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    waiting, done = announced(client), announced(client)
    for upload in (waiting, done):
        put(upload)
    completed(client, done)
    for upload in (waiting, done):
        path = f"/v1/uploads/{upload['id']}"
        assert client.delete(path).status_code == 204
        for answer in (client.get(path), client.delete(path), completed(client, upload)):
            assert_problem(answer, 404, "not_found")
    assert services.blobs.keys(f"{tenant}/") == held(services) == []


def test_a_job_keeps_the_image_of_an_upload_that_is_deleted(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    put(upload)
    completed(client, upload)
    image = {"upload_id": upload["id"]}
    posted(client, content=image, styles=[{"image": image}])
    client.delete(f"/v1/uploads/{upload['id']}")
    assert len(services.blobs.keys(f"{tenant}/inputs/")) == 1


def test_an_upload_that_is_never_completed_is_purged_with_what_was_put(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    put(upload)
    over(services, tenant, upload["id"])
    assert purge(services) == 1
    assert services.blobs.keys(f"{tenant}/") == held(services) == []
    assert_problem(completed(client, upload), 404, "not_found")


def test_a_sweep_leaves_what_is_awaited_and_deletes_what_comes_again_afterwards(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    waiting, done = announced(client), announced(client)
    for upload in (waiting, done):
        put(upload)
    completed(client, done)
    put(done)  # the URL works still
    assert sweep(services, name="k") == 1
    assert services.blobs.keys(f"{tenant}/uploads/") == [f"{tenant}/uploads/{waiting['id']}"]


# Completing, interrupted at each of its steps


def taken(services: Services, tenant: str, upload_id: str) -> Upload:
    """Take a completion's first step, and no other."""
    record = Upload(
        tenant, upload_id, hashlib.sha256(PHOTO).hexdigest(), "", "2" * 64, len(PHOTO), "image/png", 96, 64, 0
    )
    return services.uploads.save(record, ttl_s=60, expected=True)


def test_a_completion_that_stopped_half_way_can_be_made_again(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    put(upload)
    taken(services, tenant, upload["id"])
    assert client.get(f"/v1/uploads/{upload['id']}").json()["status"] == "waiting"
    assert completed(client, upload).status_code == 200
    assert len(held(services)) == 1


def test_a_completion_that_stopped_half_way_is_purged_with_all_that_it_held(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    put(upload)
    record = taken(services, tenant, upload["id"])
    services.blobs.put(record.key, b"x", content_type="image/png")
    over(services, tenant, upload["id"])
    purge(services)
    assert services.blobs.keys(f"{tenant}/") == held(services) == []


def test_a_completion_that_is_overtaken_by_a_deletion_brings_nothing_back(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    client.delete(f"/v1/uploads/{upload['id']}")
    with pytest.raises(NotFound):
        taken(services, tenant, upload["id"])
    with pytest.raises(NotFound):
        services.uploads.settle(tenant, upload["id"])
    assert held(services) == []


def test_raw_bytes_that_can_not_be_deleted_are_left_to_the_sweep(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    upload = announced(client)
    put(upload)
    taken(services, tenant, upload["id"])
    assert services.uploads.settle(tenant, upload["id"]) == f"{tenant}/uploads/{upload['id']}"
    assert services.uploads.settle(tenant, upload["id"]) is None
    assert sweep(services, name="k") == 1
    assert services.blobs.keys(f"{tenant}/uploads/") == []


def test_a_place_to_put_is_signed_with_the_encryption_that_is_asked_for(settings: Settings) -> None:
    sealed = settings.model_copy(update={"s3_sse": "aws:kms", "s3_kms_key_id": "key-1"})
    with open_services(sealed) as services:
        where = services.blobs.presign_put("k", sha256="0" * 64, size=1, content_type="image/png", ttl_s=60)
    named = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "key-1"}
    assert named.items() <= where.headers.items()
    assert all(name in where.url for name in ("content-length", *where.headers) if name != "Content-Type")
