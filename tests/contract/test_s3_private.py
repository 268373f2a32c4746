"""The bucket is private: who has no credentials and no presigned URL gets nothing, and the doctor says if he does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from service.checks.storage import look_at_storage
from service.settings import Settings
from service.stores.blob_store import BlobStore
from service.wiring import Services
from tests.findings import amiss, named
from tests.images import photograph_bytes
from tests.servers import running_servers

pytestmark = pytest.mark.servers


def test_the_embedded_bucket_is_private(settings: Settings) -> None:
    found = list(look_at_storage(settings))
    assert amiss(found) == {}
    assert named(found, "s3.private").fact == "Nobody lists, reads or writes anything without credentials."


@pytest.mark.parametrize(
    ("actions", "verdict", "allowed"),
    [
        (["Read"], "warning", "read"),
        (["List"], "warning", "list"),
        (["Read", "List", "Write"], "wrong", "list and read and write"),
    ],
)
def test_the_doctor_says_what_anybody_may_do(
    tmp_path: Path, actions: Sequence[str], verdict: str, allowed: str
) -> None:
    anybody = {"name": "anonymous", "actions": list(actions)}
    with running_servers(tmp_path, users=[anybody]) as servers:
        settings = servers.settings
        found = list(look_at_storage(settings))
        left = BlobStore(settings).keys("doctor/")
    assert amiss(found) == {"s3.private": verdict}
    assert named(found, "s3.private").fact.startswith(f"Anybody may {allowed} in the bucket impasto,")
    assert left == []


def test_an_address_of_clients_that_can_not_be_reached_is_said(settings: Settings) -> None:
    found = list(look_at_storage(settings.model_copy(update={"s3_public_endpoint": "http://s3.invalid"})))
    assert amiss(found) == {"s3.private": "warning"}
    assert "could not be looked at" in named(found, "s3.private").fact


def test_an_address_of_clients_on_the_machine_of_a_container_is_not_missed(settings: Settings) -> None:
    found = list(look_at_storage(settings.model_copy(update={"s3_public_endpoint": "http://localhost:1"})))
    assert amiss(found) == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
def test_without_a_signature_no_method_does_anything(services: Services, tenant: str, method: str) -> None:
    services.blobs.put(f"{tenant}/a", b"picture", content_type="image/png")
    bucket = f"{services.settings.s3_endpoint}/{services.settings.s3_bucket}"
    key = f"{services.settings.s3_prefix}{tenant}/a"
    for path in (
        "",
        "/",
        "?list-type=2",
        "?acl",
        "?policy",
        f"/{key}",
        f"/{key}?acl",
        f"/{key}?tagging",
        f"/{key}?uploads",
    ):
        answer = httpx.request(method, bucket + path, content=b"other" if method in {"PUT", "POST"} else None)
        assert answer.status_code in {400, 403, 404, 405}, (path, answer.text)
        assert b"picture" not in answer.content
    assert services.blobs.get(f"{tenant}/a") == b"picture"


def test_no_name_that_a_client_sent_becomes_part_of_a_key(
    client: httpx.Client, services: Services, tenant: str
) -> None:
    for name in ("../../other/inputs/x.png", "/etc/passwd", "a%2f..%2fb", "x\u202egnp.exe", "con"):
        sent = {"file": (name, photograph_bytes(), "text/html")}
        assert client.post("/v1/uploads", files=sent).status_code == 201
    keys = services.blobs.page("")
    assert all(re.fullmatch(rf"{tenant}/inputs/[0-9a-f]{{64}}/[0-9a-f]+\.png", key) for key in keys)
    head = services.blobs._s3.head_object(Bucket=services.blobs.bucket, Key=services.settings.s3_prefix + keys[0])
    assert head["ContentType"] == "image/png"
