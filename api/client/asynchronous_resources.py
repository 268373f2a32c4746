"""What the asynchronous client keeps, registers and makes besides jobs; every method does what its like does.

Its like stands in `api.client.resources`, with what its arguments mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from api.client import following, kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
    from datetime import datetime

    from api.client.answers import Delivery, Key, NewKey, Upload, WebhookWithSecret
    from api.client.kept import Image
    from api.client.patience import Patience
    from api.client.steps import Call, Series
    from api.wire.style import StyleOut
    from api.wire.webhook import WebhookOut

T = TypeVar("T")


class Doing(Protocol):
    """How the client does a call."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]:
        """Take its steps, and give its result."""
        ...


class Giving(Protocol):
    """How the client does a call that gives one value after the other."""

    def __call__(self, series: Series[T], /) -> AsyncIterator[T]:
        """Take its steps, and hand out what it gives."""
        ...


class _Resource:
    """Calls about one kind of thing."""

    def __init__(self, do: Doing, each: Giving, patience: Patience) -> None:
        self._do, self._each, self._patience = do, each, patience


class AsyncUploads(_Resource):
    """Images that are brought before the jobs that use them: `client.uploads`. They are forgotten after a day."""

    async def create(self, image: Image) -> Upload:
        """Bring an image, by its bytes or its URL; name it in specs as `{"upload_id": …}`."""
        return await self._do(kept.upload(image, self._patience))

    async def put_directly(self, image: bytes, *, content_type: str) -> Upload:
        """Bring an image that is larger than a request may be, by putting it into the storage."""
        return await self._do(following.upload_directly(image, content_type, self._patience))

    async def announce(self, *, sha256: str, size: int, content_type: str) -> Upload:
        """Announce a file that somebody else will put, a browser for example: its `upload` says where."""
        return await self._do(kept.announce(sha256, size, content_type, self._patience))

    async def complete(self, upload_id: str) -> Upload:
        """Say that an announced file has been put; it is checked and taken in."""
        return await self._do(kept.complete(upload_id, self._patience))

    async def get(self, upload_id: str) -> Upload:
        """Ask what an upload is, and whether it is ready."""
        return await self._do(kept.get_upload(upload_id, self._patience))

    async def delete(self, upload_id: str) -> None:
        """Delete an upload. Jobs that name it keep its image for themselves."""
        await self._do(kept.delete("uploads", upload_id, self._patience))


class AsyncStyles(_Resource):
    """Paintings that are kept under a name, for any number of jobs: `client.styles`. They never expire."""

    async def create(
        self, name: str, image: Image, *, labels: Mapping[str, str] | None = None, idempotency_key: str | None = None
    ) -> StyleOut:
        """Keep a painting, under one idempotency key; name it in a spec's `styles` as `{"style_id": …}`."""
        return await self._do(kept.make_style(name, image, labels, idempotency_key, self._patience))

    def list(self) -> AsyncIterator[StyleOut]:
        """Iterate over all styles, newest first, over as many pages as it takes."""
        return self._each(following.over_pages(lambda more: kept.style_page(more, self._patience)))

    async def get(self, style_id: str) -> StyleOut:
        """Ask what a style is."""
        return await self._do(kept.get_style(style_id, self._patience))

    async def delete(self, style_id: str) -> None:
        """Delete a style. Jobs that use it are painted all the same."""
        await self._do(kept.delete("styles", style_id, self._patience))


class AsyncWebhooks(_Resource):
    """Endpoints that are told what happens to all of your jobs, and what was sent to them: `client.webhooks`."""

    async def register(self, url: str, events: Iterable[str], *, description: str = "") -> WebhookWithSecret:
        """Register an endpoint. Its `secret`, which `verify_webhook` takes, is in this answer alone."""
        return await self._do(kept.register(url, events, description, self._patience))

    def list(self) -> AsyncIterator[WebhookOut]:
        """Iterate over your endpoints, oldest first."""
        return self._each(following.over_pages(lambda _: kept.all_webhooks(self._patience)))

    async def get(self, webhook_id: str) -> WebhookOut:
        """Ask what an endpoint is told, and whether that works."""
        return await self._do(kept.get_webhook(webhook_id, self._patience))

    async def delete(self, webhook_id: str) -> None:
        """Tell an endpoint nothing more."""
        await self._do(kept.delete("webhooks", webhook_id, self._patience))

    async def rotate(self, webhook_id: str) -> WebhookWithSecret:
        """Replace an endpoint's secret. For a day the old one signs too, beside the new one."""
        return await self._do(kept.rotate_webhook(webhook_id, self._patience))

    async def enable(self, webhook_id: str) -> WebhookOut:
        """Send to an endpoint again that was disabled."""
        return await self._do(kept.enable_webhook(webhook_id, self._patience))

    async def default_secret(self) -> str:
        """Ask for the secret that signs what is sent to the `webhook.url` of jobs and batches."""
        return await self._do(kept.default_secret(self._patience))

    async def rotate_default_secret(self) -> str:
        """Replace the default secret. For a day the old one signs too, beside the new one."""
        return await self._do(kept.rotate_default_secret(self._patience))

    def deliveries(self, *, webhook_id: str | None = None, status: str | None = None) -> AsyncIterator[Delivery]:
        """Iterate over what was sent in the last eight days or is to be sent, newest first."""
        wanted: dict[str, Any] = {"webhook_id": webhook_id, "status": status}
        return self._each(following.over_pages(lambda more: kept.delivery_page({**wanted, **more}, self._patience)))

    async def replay(self, delivery_id: str) -> Delivery:
        """Send a delivery once more, from its first try on, under the id that it had."""
        return await self._do(kept.replay(delivery_id, self._patience))


class AsyncKeys(_Resource):
    """Your tenant's API keys: `client.keys`. The client's own key has to have the scope `admin`."""

    async def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] | None = None,
        limits: Mapping[str, int] | None = None,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key. It is in this answer alone."""
        return await self._do(kept.make_key(name, scopes, limits, expires_at, self._patience))

    def list(self) -> AsyncIterator[Key]:
        """Iterate over the keys, oldest first."""
        return self._each(following.over_pages(lambda _: kept.all_keys(self._patience)))

    async def rotate(self, key_id: str) -> NewKey:
        """Give a key a new secret. The old one works for a day more."""
        return await self._do(kept.rotate_key(key_id, self._patience))

    async def revoke(self, key_id: str) -> None:
        """Make a key useless at once: any but the client's own."""
        await self._do(kept.delete("keys", key_id, self._patience))
