"""The one place that names concrete parts: settings in, open services out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from service.fetch import Outside
from service.metrics import Metrics
from service.sandbox.kept import Sandbox
from service.stores.backlog_store import BacklogStore
from service.stores.batch_store import BatchStore
from service.stores.blob_store import BlobStore
from service.stores.claim_store import ClaimStore
from service.stores.connection import RedisClient, connect
from service.stores.delivery_store import DeliveryStore
from service.stores.event_store import EventStore
from service.stores.job_list import JobList
from service.stores.job_store import JobStore
from service.stores.key_store import KeyStore
from service.stores.pace_store import PaceStore
from service.stores.presence import Presence
from service.stores.queue import Queue, celery_app
from service.stores.reply_store import ReplyStore
from service.stores.style_store import StyleStore
from service.stores.upkeep_store import UpkeepStore
from service.stores.upload_store import UploadStore
from service.stores.webhook_store import WebhookStore
from service.tracing import Traces

if TYPE_CHECKING:
    from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The open parts of one process; a context manager that closes them."""

    settings: Settings
    jobs: JobStore
    batches: BatchStore
    lists: JobList
    events: EventStore
    claims: ClaimStore
    upkeep: UpkeepStore
    uploads: UploadStore
    styles: StyleStore
    replies: ReplyStore
    keys: KeyStore
    presence: Presence
    paces: PaceStore
    backlog: BacklogStore
    blobs: BlobStore
    queue: Queue
    outside: Outside
    sandbox: Sandbox
    webhooks: WebhookStore
    deliveries: DeliveryStore
    metrics: Metrics
    traces: Traces
    _redis: RedisClient

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.traces.close()
        self.sandbox.close()
        self.queue.close()
        self.blobs.close()
        self._redis.close()


def open_services(settings: Settings) -> Services:
    """Build the parts. Nothing is connected before it is used, so this does not fail where a server is away."""
    client, prefix, metrics = connect(settings), settings.redis_prefix, Metrics()
    return Services(
        settings=settings,
        jobs=JobStore(client, prefix=prefix, queue_max=settings.queue_max),
        batches=BatchStore(client, prefix=prefix, queue_max=settings.queue_max),
        lists=JobList(client, prefix=prefix),
        events=EventStore(client, prefix=prefix),
        claims=ClaimStore(
            client,
            prefix=prefix,
            lease_ttl_s=settings.lease_ttl_s,
            tenant_running_max=settings.tenant_running_max,
        ),
        upkeep=UpkeepStore(client, prefix=prefix),
        uploads=UploadStore(client, prefix=prefix),
        styles=StyleStore(client, prefix=prefix),
        replies=ReplyStore(client, prefix=prefix),
        keys=KeyStore(client, prefix=prefix, settings=settings),
        presence=Presence(client, prefix=prefix),
        paces=PaceStore(client, prefix=prefix),
        backlog=BacklogStore(client, prefix=prefix, tenant_running_max=settings.tenant_running_max),
        blobs=BlobStore(settings),
        queue=Queue(celery_app(settings), missed=metrics.rings_failed.inc),
        outside=Outside(settings),
        sandbox=Sandbox(settings),
        webhooks=WebhookStore(client, prefix=prefix),
        deliveries=DeliveryStore(client, prefix=prefix),
        metrics=metrics,
        traces=Traces(settings),
        _redis=client,
    )
