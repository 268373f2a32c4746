"""What the synchronous client keeps, registers and makes besides jobs: uploads, styles, webhooks, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from api.client import following, kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
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

    def __call__(self, call: Call[T], /) -> T:
        """Take its steps, and give its result."""
        ...


class Giving(Protocol):
    """How the client does a call that gives one value after the other."""

    def __call__(self, series: Series[T], /) -> Iterator[T]:
        """Take its steps, and hand out what it gives."""
        ...


class _Resource:
    """Calls about one kind of thing."""

    def __init__(self, do: Doing, each: Giving, patience: Patience) -> None:
        self._do, self._each, self._patience = do, each, patience


class Uploads(_Resource):
    """Images that are brought before the jobs that use them: `client.uploads`. They are forgotten after a day."""

    def create(self, image: Image) -> Upload:
        """Bring an image; name it in specs as `{"upload_id": …}`.

        Args:
            image: a file's bytes; or `{"url": "https://…"}`, which the service fetches.
        """
        return self._do(kept.upload(image, self._patience))

    def put_directly(self, image: bytes, *, content_type: str) -> Upload:
        """Bring an image that is larger than a request may be, by putting it into the storage.

        Args:
            image: the file's bytes.
            content_type: `image/jpeg`, `image/png`, `image/webp` or `image/tiff`.

        Raises:
            Unreachable: the storage is away, or refuses the file; `status` says how.
        """
        return self._do(following.upload_directly(image, content_type, self._patience))

    def announce(self, *, sha256: str, size: int, content_type: str) -> Upload:
        """Announce a file that somebody else will put, a browser for example: its `upload` says where.

        Args:
            sha256: of the file, hexadecimal.
            size: of the file, in bytes.
            content_type: as `put_directly` takes it.
        """
        return self._do(kept.announce(sha256, size, content_type, self._patience))

    def complete(self, upload_id: str) -> Upload:
        """Say that an announced file has been put; it is checked and taken in."""
        return self._do(kept.complete(upload_id, self._patience))

    def get(self, upload_id: str) -> Upload:
        """Ask what an upload is, and whether it is ready."""
        return self._do(kept.get_upload(upload_id, self._patience))

    def delete(self, upload_id: str) -> None:
        """Delete an upload. Jobs that name it keep its image for themselves."""
        self._do(kept.delete("uploads", upload_id, self._patience))


class Styles(_Resource):
    """Paintings that are kept under a name, for any number of jobs: `client.styles`. They never expire."""

    def create(
        self, name: str, image: Image, *, labels: Mapping[str, str] | None = None, idempotency_key: str | None = None
    ) -> StyleOut:
        """Keep a painting; name it in a spec's `styles` as `{"style_id": …}`.

        It is posted under one idempotency key: there is one style, however often the call had to be repeated.

        Args:
            name: what you call it; several may have one name.
            image: a file's bytes; or `{"url": …}`, or `{"upload_id": …}`.
            labels: your own words about it.
            idempotency_key: your own, if you may post the same again later; else one is made for this call.
        """
        return self._do(kept.make_style(name, image, labels, idempotency_key, self._patience))

    def list(self) -> Iterator[StyleOut]:
        """Iterate over all styles, newest first, over as many pages as it takes."""
        return self._each(following.over_pages(lambda more: kept.style_page(more, self._patience)))

    def get(self, style_id: str) -> StyleOut:
        """Ask what a style is."""
        return self._do(kept.get_style(style_id, self._patience))

    def delete(self, style_id: str) -> None:
        """Delete a style. Jobs that use it are painted all the same."""
        self._do(kept.delete("styles", style_id, self._patience))


class Webhooks(_Resource):
    """Endpoints that are told what happens to all of your jobs, and what was sent to them: `client.webhooks`."""

    def register(self, url: str, events: Iterable[str], *, description: str = "") -> WebhookWithSecret:
        """Register an endpoint. Its `secret`, which `verify_webhook` takes, is in this answer alone.

        Args:
            url: a public https address.
            events: what it is told, `job.succeeded` for example.
            description: your own words about it.
        """
        return self._do(kept.register(url, events, description, self._patience))

    def list(self) -> Iterator[WebhookOut]:
        """Iterate over your endpoints, oldest first."""
        return self._each(following.over_pages(lambda _: kept.all_webhooks(self._patience)))

    def get(self, webhook_id: str) -> WebhookOut:
        """Ask what an endpoint is told, and whether that works."""
        return self._do(kept.get_webhook(webhook_id, self._patience))

    def delete(self, webhook_id: str) -> None:
        """Tell an endpoint nothing more."""
        self._do(kept.delete("webhooks", webhook_id, self._patience))

    def rotate(self, webhook_id: str) -> WebhookWithSecret:
        """Replace an endpoint's secret. For a day the old one signs too, beside the new one."""
        return self._do(kept.rotate_webhook(webhook_id, self._patience))

    def enable(self, webhook_id: str) -> WebhookOut:
        """Send to an endpoint again that was disabled."""
        return self._do(kept.enable_webhook(webhook_id, self._patience))

    def default_secret(self) -> str:
        """Ask for the secret that signs what is sent to the `webhook.url` of jobs and batches."""
        return self._do(kept.default_secret(self._patience))

    def rotate_default_secret(self) -> str:
        """Replace the default secret. For a day the old one signs too, beside the new one."""
        return self._do(kept.rotate_default_secret(self._patience))

    def deliveries(self, *, webhook_id: str | None = None, status: str | None = None) -> Iterator[Delivery]:
        """Iterate over what was sent in the last eight days or is to be sent, newest first.

        Args:
            webhook_id: only to this endpoint.
            status: only what stands so: `pending`, `delivered`, `failed` or `dropped`.
        """
        wanted: dict[str, Any] = {"webhook_id": webhook_id, "status": status}
        return self._each(following.over_pages(lambda more: kept.delivery_page({**wanted, **more}, self._patience)))

    def replay(self, delivery_id: str) -> Delivery:
        """Send a delivery once more, from its first try on, under the id that it had."""
        return self._do(kept.replay(delivery_id, self._patience))


class Keys(_Resource):
    """Your tenant's API keys: `client.keys`. The client's own key has to have the scope `admin`."""

    def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] | None = None,
        limits: Mapping[str, int] | None = None,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key. It is in this answer alone.

        Args:
            name: what it is for.
            scopes: `jobs:read`, `jobs:write`, `admin`; None: the first two.
            limits: what it may ask for: `requests_per_minute`, `burst`, `jobs_in_flight`, `bytes_per_day`.
            expires_at: when it ends by itself, with a time zone.
        """
        return self._do(kept.make_key(name, scopes, limits, expires_at, self._patience))

    def list(self) -> Iterator[Key]:
        """Iterate over the keys, oldest first."""
        return self._each(following.over_pages(lambda _: kept.all_keys(self._patience)))

    def rotate(self, key_id: str) -> NewKey:
        """Give a key a new secret. The old one works for a day more."""
        return self._do(kept.rotate_key(key_id, self._patience))

    def revoke(self, key_id: str) -> None:
        """Make a key useless at once: any but the client's own."""
        self._do(kept.delete("keys", key_id, self._patience))
