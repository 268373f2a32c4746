"""The bucket, against a real S3."""

from __future__ import annotations

import httpx
import pytest

from service.errors import BlobStoreUnavailable, NotFound
from service.settings import Settings
from service.wiring import Services, open_services

pytestmark = pytest.mark.servers


def test_bytes_come_back_as_they_went(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", b"\x00picture", content_type="image/png")
    assert services.blobs.get(f"{tenant}/a") == b"\x00picture"


def test_no_more_of_an_object_is_read_than_is_asked_for(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", b"picture", content_type="image/png")
    assert [services.blobs.get(f"{tenant}/a", at_most=n) for n in (3, 99)] == [b"pic", b"picture"]


def test_an_absent_object_is_not_found(services: Services, tenant: str) -> None:
    with pytest.raises(NotFound):
        services.blobs.get(f"{tenant}/nothing")


def test_deleting_a_prefix_leaves_its_neighbours(services: Services, tenant: str) -> None:
    for name in ("1/a", "1/b", "10/a"):
        services.blobs.put(f"{tenant}/{name}", b"x", content_type="image/png")
    assert services.blobs.delete_prefix(f"{tenant}/1/") == 2
    assert services.blobs.keys(f"{tenant}/") == [f"{tenant}/10/a"]


def test_a_bucket_that_is_there_already_is_kept(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", b"x", content_type="image/png")
    services.blobs.ensure_bucket()
    assert services.blobs.get(f"{tenant}/a") == b"x"


def test_a_missing_bucket_is_said_by_ping_and_made_when_asked_for(settings: Settings) -> None:
    with open_services(settings.model_copy(update={"s3_bucket": "another"})) as services:
        with pytest.raises(BlobStoreUnavailable):
            services.blobs.ping()
        services.blobs.ensure_bucket()
        services.blobs.ping()


def test_a_presigned_url_serves_the_bytes_as_a_download_of_a_fixed_type(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", b"picture", content_type="image/png")
    url = services.blobs.presign(f"{tenant}/a", filename="a.png", content_type="image/png", ttl_s=60)
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.png"'


def test_without_its_signature_the_url_opens_nothing(services: Services, tenant: str) -> None:
    services.blobs.put(f"{tenant}/a", b"picture", content_type="image/png")
    url = services.blobs.presign(f"{tenant}/a", filename="a.png", content_type="image/png", ttl_s=60)
    assert httpx.get(url.partition("?")[0]).status_code == 403


def test_presigned_urls_name_the_public_endpoint(settings: Settings) -> None:
    public = settings.model_copy(update={"s3_public_endpoint": "https://pictures.example"})
    with open_services(public) as services:
        url = services.blobs.presign("k", filename="k", content_type="image/png", ttl_s=60)
    assert url.startswith(f"https://pictures.example/impasto/{settings.s3_prefix}k?")


def test_s3_out_of_reach_is_said_in_our_own_words(settings: Settings) -> None:
    with (
        open_services(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})) as services,
        pytest.raises(BlobStoreUnavailable),
    ):
        services.blobs.get("k")
