"""Both Python clients over a real API: uploads, styles, webhooks, keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from api.client import ApiProblem, Client, verify_webhook
from api.client.kept import Image
from service.deliver import deliver
from service.keys import create_key
from service.settings import Settings
from service.wiring import Services
from tests.chaos.gate import Gate
from tests.clients import KINDS, opened
from tests.contract.test_webhooks import done
from tests.images import photograph_bytes
from tests.receiver import Receiver, answer, receiving
from tests.served import served

pytestmark = pytest.mark.servers

PHOTO = photograph_bytes()
SMALL = {"size": 64, "iterations": 2}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let the service fetch from loopback, and tell it."""
    return settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})


@pytest.fixture(params=KINDS)
def ours(client: httpx.Client, key: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Our own client of the API that `client` talks to."""
    with opened(request.param, str(client.base_url), key) as ours:
        yield ours


@pytest.fixture
def site() -> Iterator[Receiver]:
    """A site that has a photograph, and takes whatever it is told."""
    with receiving(lambda asked, send: send(answer(body=PHOTO) if asked.method == "GET" else answer(204))) as site:
        yield site


# Uploads


def test_an_upload_is_brought_as_bytes_or_by_its_url_looked_up_and_deleted(ours: Client, site: Receiver) -> None:
    for image in (PHOTO, {"url": f"{site.url}/photo"}):
        made = ours.uploads.create(image)
        assert (made.status, made.width, made.height) == ("ready", 96, 64)
        assert ours.uploads.get(made.id) == made
        ours.uploads.delete(made.id)
        with pytest.raises(ApiProblem, match="not_found"):
            ours.uploads.get(made.id)


def test_a_file_is_put_directly_and_used_in_a_job(ours: Client) -> None:
    upload = ours.uploads.put_directly(PHOTO, content_type="image/png")
    assert (upload.status, upload.sha256, upload.upload) == ("ready", hashlib.sha256(PHOTO).hexdigest(), None)
    image = {"upload_id": upload.id}
    assert ours.submit({}, {"content": image, "styles": [{"image": image}], "options": SMALL}).status == "queued"


def test_what_can_not_be_put_directly_is_said(ours: Client) -> None:
    with pytest.raises(ApiProblem, match="invalid_image"):
        ours.uploads.put_directly(b"no picture", content_type="image/png")
    with pytest.raises(ApiProblem, match="/content_type"):
        ours.uploads.put_directly(PHOTO, content_type="image/gif")


def test_a_file_that_was_announced_may_be_put_by_somebody_else(ours: Client) -> None:
    digest = hashlib.sha256(PHOTO).hexdigest()
    upload = ours.uploads.announce(sha256=digest, size=len(PHOTO), content_type="image/png")
    assert upload.upload is not None
    with pytest.raises(ApiProblem, match="upload_waiting"):
        ours.uploads.complete(upload.id)
    httpx.put(upload.upload.url, content=PHOTO, headers=upload.upload.headers).raise_for_status()
    assert ours.uploads.complete(upload.id).status == "ready"


@pytest.mark.parametrize("kind", KINDS)
def test_a_direct_upload_whose_put_gets_no_answer_is_put_again(kind: str, settings: Settings, key: str) -> None:
    storage = httpx.URL(settings.s3_endpoint or "")
    with Gate(storage.host, storage.port or 0) as gate:
        public = settings.model_copy(update={"s3_public_endpoint": f"http://127.0.0.1:{gate.port}"})
        with served(public, key=key) as direct, opened(kind, str(direct.base_url), key) as ours:
            gate.lose_answers(1)
            large = photograph_bytes(400, 300)
            assert ours.uploads.put_directly(large, content_type="image/png").bytes == len(large)
            assert gate._lost < 0, "one answer was lost, and another passed"


# Styles


def test_a_style_is_kept_found_used_and_deleted(ours: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.following.PAGE", 2)
    upload = {"upload_id": ours.uploads.create(PHOTO).id}
    images: list[Image] = [PHOTO, upload, PHOTO]
    made = [ours.styles.create(f"n{n}", image, labels={"n": str(n)}) for n, image in enumerate(images)]
    assert [style.id for style in ours.styles.list()] == [style.id for style in made][::-1]
    assert (made[1].name, made[1].labels, made[1].width) == ("n1", {"n": "1"}, 96)
    signed = {"url", "url_expires_at"}  # anew for each answer
    assert ours.styles.get(made[0].id).model_dump(exclude=signed) == made[0].model_dump(exclude=signed)
    job = ours.submit({"/content": PHOTO}, {"styles": [{"style_id": made[0].id}], "options": SMALL})
    assert job.spec["styles"][0]["style_id"] == made[0].id
    ours.styles.delete(made[0].id)
    with pytest.raises(ApiProblem, match="not_found"):
        ours.styles.get(made[0].id)


def test_a_style_that_is_refused_names_the_field(ours: Client) -> None:
    with pytest.raises(ApiProblem, match="/image/upload_id"):
        ours.styles.create("dusk", {"upload_id": "0190"})


# Webhooks


def test_an_endpoint_is_registered_told_and_verified(
    ours: Client, site: Receiver, services: Services, tenant: str
) -> None:
    made = ours.webhooks.register(site.url, ["job.succeeded"], description="orders")
    assert [hook.id for hook in ours.webhooks.list()] == [made.id]
    assert (ours.webhooks.get(made.id).description, made.events) == ("orders", ["job.succeeded"])
    renewed = ours.webhooks.rotate(made.id).secret
    job_id = done(services, tenant)
    deliver(services)
    [told] = site.asked
    for secret in (made.secret, renewed):
        assert verify_webhook(told.headers, told.body, secret).data["id"] == job_id
    ours.webhooks.delete(made.id)
    assert list(ours.webhooks.list()) == []


def test_the_log_is_read_over_its_pages_and_a_delivery_replayed(
    ours: Client, services: Services, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.client.following.PAGE", 1)
    answers = iter([answer(410), answer(), answer()])
    with receiving(lambda _, send: send(next(answers))) as site:
        gone = ours.webhooks.register(site.url, ["job.succeeded"])
        done(services, tenant)
        deliver(services)
        assert ours.webhooks.get(gone.id).disabled_at is not None
        assert ours.webhooks.enable(gone.id).disabled_at is None
        done(services, tenant)
        deliver(services)
        assert [sent.status for sent in ours.webhooks.deliveries()] == ["delivered", "failed"]
        [failed] = ours.webhooks.deliveries(webhook_id=gone.id, status="failed")
        assert list(ours.webhooks.deliveries(webhook_id="other")) == []
        assert ours.webhooks.replay(failed.id).status == "pending"
        deliver(services)
    assert [sent.status for sent in ours.webhooks.deliveries()] == ["delivered"] * 2


def test_the_default_secret_is_said_and_rotated(ours: Client) -> None:
    first = ours.webhooks.default_secret()
    assert first == ours.webhooks.default_secret() != ours.webhooks.rotate_default_secret()
    assert ours.webhooks.default_secret() != first


def test_an_endpoint_that_is_refused_names_the_field(ours: Client) -> None:
    with pytest.raises(ApiProblem, match="/events/0"):
        ours.webhooks.register("https://127.0.0.1/", ["job.painted"])


# Keys and batches


@pytest.mark.parametrize("kind", KINDS)
def test_an_admin_makes_rotates_and_revokes_keys(
    kind: str, client: httpx.Client, services: Services, tenant: str
) -> None:
    url = str(client.base_url)
    with opened(kind, url, create_key(services.keys, tenant=tenant, name="boss", scopes=["admin"])) as boss:
        made = boss.keys.create("shop", scopes=["jobs:read"], limits={"burst": 50})
        [known] = [key for key in boss.keys.list() if key.id == made.id]
        assert (known.name, known.scopes, known.limits["burst"]) == ("shop", ["jobs:read"], 50)
        renewed = boss.keys.rotate(made.id)
        for key in (made.key, renewed.key):
            with opened(kind, url, key) as shop:
                assert list(shop.jobs()) == []
        boss.keys.revoke(made.id)
        with opened(kind, url, renewed.key) as shop, pytest.raises(ApiProblem, match="unauthorized"):
            list(shop.jobs())


def test_batches_are_listed_newest_first(ours: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.following.PAGE", 1)
    image = {"upload_id": ours.uploads.create(PHOTO).id}
    wanted = {"contents": [image], "styles": [{"image": image}], "options": SMALL}
    made = [ours.submit_batch(wanted).id for _ in range(2)]
    assert [batch.id for batch in ours.batches()] == made[::-1]
