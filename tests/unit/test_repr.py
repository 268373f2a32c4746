"""Nothing that is printed, by chance or in a traceback, shows what it must not."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

import api
import service
import workers
from api.client import Client
from api.client.steps import Reply, Request
from api.client.transport import Access
from service.address import read_address
from service.batch_spec import BatchWebhook
from service.direct import Announced
from service.embedded import parts
from service.embedded.folder import Secrets
from service.embedded.running import Bucket, RunningStack
from service.job import OutputFile
from service.settings import Settings
from service.spec import ImageRef, Webhook
from service.stores.blob_store import PresignedPut
from service.stores.delivery_store import Delivery, Taken
from service.stores.key_store import Admission, KeyRecord
from service.stores.upload_store import Expected
from service.stores.webhook_store import Endpoint
from service.track import Published
from service.webhooks import Secret
from service.wiring import open_services

HUSH = "hush-hush"
URL = f"https://s3.example/b/k?X-Amz-Signature={HUSH}"

ENDPOINT = Endpoint("t", "1", URL, (), "", 0, None, None, None)
DELIVERY = Delivery("t", "1", "job.failed", {}, 0, None, URL, 0, None, None, None, None, None, None)
KEY = KeyRecord("1", "t", "n", frozenset(), HUSH, 0)
SETTINGS = Settings(
    redis_url=SecretStr(f"redis://u:{HUSH}@127.0.0.1:1/0"),
    redis_sentinel_password=SecretStr(HUSH),
    s3_access_key_id=SecretStr(HUSH),
    s3_secret_access_key=SecretStr(HUSH),
)
SECRETS = Secrets(HUSH, HUSH, HUSH, HUSH)

HOLDERS: tuple[object, ...] = (
    SETTINGS,
    read_address(SETTINGS.redis_url.get_secret_value()),
    SECRETS,
    RunningStack("http://a", HUSH, {}, f"redis://:{HUSH}@a/0", Bucket("http://a", "b")),
    parts.api(SETTINGS),
    ENDPOINT,
    Secret(ENDPOINT, HUSH),
    DELIVERY,
    Taken(DELIVERY, URL, HUSH, HUSH, 0),
    KEY,
    Admission(KEY, admitted=True, left=1, next_ms=0, full_ms=0, bytes_so_far=0, bytes_ms=0),
    PresignedPut(URL, {}),
    Announced(Expected("t", "1", "", 1, "", 0), PresignedPut(URL, {}), 0),
    Published(OutputFile("result", "k", "", 1, "image/png", 1, 1), URL, datetime.now(UTC)),
    ImageRef(url=URL),
    ImageRef(data=HUSH),
    Webhook(url=URL),
    BatchWebhook(url=URL),
    Access("http://a", HUSH),
    Request("GET", URL, headers={"Idempotency-Key": HUSH}, json={"data": HUSH}, files={"/content": HUSH.encode()}),
    Reply(302, {"location": URL}, HUSH.encode()),
)


def test_neither_repr_nor_str_shows_a_secret() -> None:
    assert [type(holder).__name__ for holder in HOLDERS if HUSH in repr(holder) + str(holder)] == []


def test_the_client_does_not_show_its_key() -> None:
    with Client("http://a", HUSH) as client:
        assert HUSH not in repr(client) + repr(vars(client))


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix", "redis+sentinel"])
def test_open_services_show_no_password_however_redis_is_reached(scheme: str) -> None:
    where = "/tmp/r.sock" if scheme == "unix" else "h:1/m/0" if "sentinel" in scheme else "h:1/0"
    url = SecretStr(f"{scheme}://u:{HUSH}@{where}")
    with open_services(SETTINGS.model_copy(update={"redis_url": url})) as services:
        assert HUSH not in repr(services)
        parts = (getattr(services, field.name) for field in dataclasses.fields(services))
        assert HUSH not in "".join(repr(vars(part)) if hasattr(part, "__dict__") else repr(part) for part in parts)


# Every class of the house, so that a new one can't be forgotten

_NAMES = re.compile(
    r"(^|_)(url|key|secret|password|signature|digest|token|data|body)$|^secret_|^(headers|environment)$"
)
HARMLESS = {
    "api.client.webhooks.WebhookEvent.data", "api.wire.webhook.WebhookEventOut.data",  # what is told, thin
    "api.client.events.Message.data", "api.client.events.OtherEvent.data", "service.stores.event_store.Event.data",
    "api.client.transport.Access.url", "service.embedded.running.RunningStack.url",  # the service's own address
    "api.wire.upload.PutOut.headers", "api.client.answers.PutPlace.headers",  # a type and a digest
    "service.stores.blob_store.PresignedPut.headers",
    "api.idempotency.Answer.headers",  # whether it was given before
    "service.fetch.Answer.headers", "service.fetch.Answer.body",  # what strangers say
    "api.wire.webhook.DeliveryOut.answer_body", "api.client.answers.Delivery.answer_body",
    "api.demo.canvas.Pass.body", "api.demo.strokes.Brush.body",  # of paint
    "service.job.Job.key", "service.stores.key_store.Admission.key",  # an id; a record
    "service.settings.Settings.environment",
    "service.delivery.File.data",  # pixels
    "api.routes.studio.File.body",  # the studio's
    *(f"service.{name}.key" for name in (  # an object's in the bucket
        "job.Input", "job.OutputFile", "stores.upload_store.Upload", "stores.style_store.Held",
        "stores.style_store.StyleRecord",
    )),
}  # fmt: skip


def test_every_field_that_may_hold_a_secret_is_kept_out_of_repr() -> None:
    shown = {field for field in _fields_that_are_shown() if _NAMES.search(field.rpartition(".")[2])}
    assert shown == HARMLESS


def _fields_that_are_shown() -> Iterator[str]:
    for cls in {cls for module in _modules() for _, cls in inspect.getmembers(module, inspect.isclass)}:
        if cls.__module__.partition(".")[0] in {"api", "service", "workers"}:
            yield from (f"{cls.__module__}.{cls.__name__}.{name}" for name in _shown_by(cls))


def _modules() -> Iterator[ModuleType]:
    for package in (api, service, workers):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith("workers.painter"):
                yield importlib.import_module(found.name)


def _shown_by(cls: Any) -> list[str]:
    if issubclass(cls, BaseModel):
        fields = cls.model_fields.items()
        return [name for name, field in fields if field.repr and "SecretStr" not in str(field.annotation)]
    if dataclasses.is_dataclass(cls):
        return [] if _says_itself(cls) else [field.name for field in dataclasses.fields(cls) if field.repr]
    return list(getattr(cls, "_fields", ()))


def _says_itself(cls: Any) -> bool:
    """Whether its `__repr__` is written by hand, and so looked at above."""
    return not cls.__dataclass_params__.repr
