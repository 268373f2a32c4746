"""Every way to S3, against a real SeaweedFS of this file's own, which knows a second user and keys to encrypt with."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from service.embedded import parts
from service.embedded.folder import open_folder, read_secrets
from service.embedded.ports import choose_ports
from service.errors import BlobStoreUnavailable, BucketMissing, NotFound
from service.settings import Settings
from service.stores.blob_store import BlobStore
from tests.servers import _running
from tests.tls import Certificates, certificates, tls_front
from tests.valkey import wait_until

pytestmark = pytest.mark.servers

DOMAIN = "s3.test"
GUEST = {"s3_access_key_id": SecretStr("guest"), "s3_secret_access_key": SecretStr("of the house")}
"""May do everything in the bucket `guests`, which nobody has made, and nothing elsewhere."""


@dataclass(frozen=True)
class OwnS3:
    settings: Settings
    tls_port: int
    trusted: Certificates
    misnamed_port: int
    misnamed: Certificates


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    root = tmp_path_factory.mktemp("s3")
    trusted, misnamed = certificates(root / "ours"), certificates(root / "theirs", "s3.example")
    folder = open_folder(root)
    secrets, ports = read_secrets(folder), choose_ports(parts.SERVERS, folder.ports)
    part = parts.s3(folder, secrets, ports)
    settings = parts.stack_settings(secrets, ports, api_port=0)
    (root / "s3.json").write_text(json.dumps(_users_and_keys(settings)))
    part = replace(
        part,
        command=(*part.command, "-s3.config=s3.json", f"-s3.domainName={DOMAIN}"),
        environment={**part.environment, "WEED_S3_SSE_KEY": "a secret to encrypt with"},
    )
    with (
        _running(part, folder.logs),
        tls_front(ports["s3"], trusted) as tls_port,
        tls_front(ports["s3"], misnamed) as misnamed_port,
    ):
        wait_until(lambda: _is_made(BlobStore(settings)))
        yield OwnS3(settings, tls_port, trusted, misnamed_port, misnamed)
    for litter in parts.s3_litter(ports):
        litter.unlink(missing_ok=True)


def _users_and_keys(settings: Settings) -> dict[str, Any]:
    def user(name: str, of: Any, *actions: str) -> dict[str, Any]:
        key, secret = (part.get_secret_value() for part in of)
        return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}

    owner = (settings.s3_access_key_id, settings.s3_secret_access_key)
    rights = ("Admin", "Read", "Write", "List", "Tagging")
    return {
        "identities": [
            user("owner", owner, *rights),
            user("guest", GUEST.values(), "Read:guests", "Write:guests", "List:guests"),
        ],
        "kms": {"default_provider": "own", "providers": {"own": {"type": "local", "enableOnDemandCreate": True}}},
    }


def _is_made(store: BlobStore) -> bool:
    try:
        store.ensure_bucket()
    except BlobStoreUnavailable:
        return False
    return True


@pytest.fixture
def store(own: OwnS3, tenant: str) -> BlobStore:
    """The bucket, under a prefix of the test's own."""
    return store_with(own, s3_prefix=f"{tenant}/")


def store_with(own: OwnS3, **changes: object) -> BlobStore:
    return BlobStore(own.settings.model_copy(update=changes))


def put(store: BlobStore, *keys: str) -> None:
    for key in keys:
        store.put(key, b"x", content_type="image/png")


def test_two_installations_share_a_bucket_and_see_nothing_of_each_other(own: OwnS3, tenant: str) -> None:
    ours, theirs = (store_with(own, s3_prefix=f"{tenant}/{name}/") for name in ("a", "b"))
    put(ours, "t/1", "t/2")
    theirs.put("t/1", b"theirs", content_type="image/png")
    assert (ours.keys("t/"), ours.page(""), theirs.keys("")) == (["t/1", "t/2"], ["t/1", "t/2"], ["t/1"])
    assert store_with(own).keys(tenant) == [f"{tenant}/a/t/1", f"{tenant}/a/t/2", f"{tenant}/b/t/1"]
    url = theirs.presign("t/1", filename="a.png", content_type="image/png", ttl_s=60)
    assert (theirs.get("t/1"), httpx.get(url).content) == (b"theirs", b"theirs")
    assert ours.delete_prefix("") == 2
    assert (ours.keys(""), theirs.keys("")) == ([], ["t/1"])
    with pytest.raises(NotFound, match="'t/1'"):
        ours.get("t/1")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_follow_each_other_until_an_empty_one_even_when_they_are_deleted_meanwhile(
    store: BlobStore, limit: int
) -> None:
    keys = ["a/1", "a/2", "a/b/c", "a-b/1", "a.c", "a0", "ab"]
    put(store, *keys)
    pages = [store.page("", limit)]
    while pages[-1]:
        store.delete(pages[-1])
        pages.append(store.page(pages[-1][-1], limit))
    assert max(len(page) for page in pages) == min(limit, len(keys))
    assert sorted(key for page in pages for key in page) == sorted(keys)
    assert store.keys("") == []


def test_deleting_takes_any_number_of_keys_and_minds_no_absent_one(store: BlobStore) -> None:
    put(store, "first", "last", "other")
    store.delete(["first", *(f"absent-{number}" for number in range(1000)), "last"])
    store.delete([])
    assert store.keys("") == ["other"]


def test_what_s3_does_not_delete_is_said(own: OwnS3, store: BlobStore, tenant: str) -> None:
    put(store, "a", "b")
    guest = store_with(own, s3_prefix=f"{tenant}/", **GUEST)
    with pytest.raises(BlobStoreUnavailable, match="S3 kept 2 of 2 objects: AccessDenied"):
        guest.delete(["a", "b"])
    assert store.keys("") == ["a", "b"]


@pytest.mark.parametrize(
    ("addressing", "url"),
    [("path", f"http://{DOMAIN}:{{port}}/impasto/"), ("virtual", f"http://impasto.{DOMAIN}:{{port}}/")],
)
def test_the_bucket_is_named_in_the_path_or_in_the_host(
    own: OwnS3, tenant: str, monkeypatch: pytest.MonkeyPatch, addressing: str, url: str
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **kwargs: resolve("127.0.0.1" if str(host).endswith(DOMAIN) else host, *args, **kwargs),
    )
    port = httpx.URL(own.settings.s3_endpoint or "").port
    store = store_with(own, s3_endpoint=f"http://{DOMAIN}:{port}", s3_addressing=addressing, s3_prefix=f"{tenant}/")
    store.ping()
    put(store, "a")
    signed = store.presign("a", filename="a.png", content_type="image/png", ttl_s=60)
    assert signed.startswith(f"{url.format(port=port)}{tenant}/a?")
    assert (store.get("a"), httpx.get(signed).content) == (b"x", b"x")
    assert (store.keys(""), store.page("")) == (["a"], ["a"])
    assert store.delete_prefix("a") == 1


@pytest.mark.parametrize(
    ("asked", "algorithm", "key"),
    [
        ({}, None, None),
        ({"s3_sse": "AES256"}, "AES256", None),
        ({"s3_sse": "aws:kms", "s3_kms_key_id": "the-key-of-pictures"}, "aws:kms", "the-key-of-pictures"),
    ],
)
def test_objects_are_encrypted_as_asked(
    own: OwnS3, tenant: str, asked: dict[str, str], algorithm: str | None, key: str | None
) -> None:
    store = store_with(own, s3_prefix=f"{tenant}/", **asked)
    store.put("a", b"picture", content_type="image/png")
    head = store._s3.head_object(Bucket="impasto", Key=f"{tenant}/a")
    assert (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) == (algorithm, key)
    url = store.presign("a", filename="a.png", content_type="image/png", ttl_s=60)
    assert (store.get("a"), httpx.get(url).content) == (b"picture", b"picture")


def test_a_missing_bucket_is_named(own: OwnS3) -> None:
    store = store_with(own, s3_bucket="nobodys", s3_prefix="p/")
    for call in (store.ping, lambda: store.delete(["a"])):
        with pytest.raises(BucketMissing, match=r"'nobodys'.*IMPASTO_S3_BUCKET"):
            call()


def test_a_bucket_of_somebody_else_is_neither_missing_nor_made(own: OwnS3) -> None:
    guest = store_with(own, **GUEST)
    for call in (guest.ping, guest.ensure_bucket, lambda: put(guest, "a"), lambda: guest.get("a")):
        assert "in the bucket impasto: " in refusal(call)


def test_who_may_not_make_a_bucket_is_told_so(own: OwnS3) -> None:
    guest = store_with(own, s3_bucket="guests", **GUEST)
    with pytest.raises(BucketMissing):
        guest.ping()
    assert "CreateBucket in the bucket guests: AccessDenied (wrong credentials, no permission" in refusal(
        guest.ensure_bucket
    )


def refusal(call: Any) -> str:
    with pytest.raises(BlobStoreUnavailable) as refused:
        call()
    assert not isinstance(refused.value, BucketMissing)
    return str(refused.value)


def test_a_wrong_secret_is_refused_and_not_shown(own: OwnS3) -> None:
    store = store_with(own, s3_secret_access_key=SecretStr("hush"))
    assert "HeadBucket in the bucket impasto: 403 (wrong credentials" in refusal(store.ping)
    assert "PutObject in the bucket impasto: SignatureDoesNotMatch" in refusal(lambda: put(store, "a"))
    assert "hush" not in refusal(lambda: store.get("a"))


def test_a_private_authority_is_trusted_for_its_own_servers_and_names_alone(own: OwnS3, tenant: str) -> None:
    def through_tls(port: int, ca: Path | None) -> BlobStore:
        return store_with(own, s3_endpoint=f"https://localhost:{port}", s3_ca_file=ca, s3_prefix=f"{tenant}/")

    store = through_tls(own.tls_port, own.trusted.ca)
    store.ping()
    put(store, "a")
    assert store.get("a") == b"x"
    for untrusted in (
        through_tls(own.tls_port, None),
        through_tls(own.tls_port, own.misnamed.ca),
        through_tls(own.misnamed_port, own.misnamed.ca),
    ):
        assert "SSLError" in refusal(untrusted.ping)


def test_the_servers_clock_is_told_by_any_answer(own: OwnS3, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = [store_with(own), store_with(own, s3_bucket="nobodys"), store_with(own, **GUEST)]
    assert [abs(store.clock_skew_s()) < 2 for store in stores] == [True, True, True]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    assert [abs(store.clock_skew_s() + 3600) < 2 for store in stores] == [True, True, True]


def test_who_gives_no_answer_has_no_clock(own: OwnS3) -> None:
    with pytest.raises(BlobStoreUnavailable):
        store_with(own, s3_endpoint="http://127.0.0.1:1").clock_skew_s()
