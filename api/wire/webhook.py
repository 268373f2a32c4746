"""The shapes of webhooks: endpoints, secrets, deliveries; and of what is sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.wire.times import at, maybe_at
from service.spec import EventType

if TYPE_CHECKING:
    from service.stores.delivery_store import Delivery
    from service.stores.webhook_store import Endpoint


DeliveryStatus = Literal["pending", "delivered", "failed", "dropped"]


class WebhookIn(BaseModel):
    """An endpoint that is to be told."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2048, repr=False, description="A public https address.")
    events: list[EventType] = Field(min_length=1, max_length=16, description="What it is told.")
    description: str = Field("", max_length=256, description="Your own words about it.")


class WebhookOut(BaseModel):
    """An endpoint that is told what happens."""

    id: str
    url: str = Field(repr=False)
    events: list[str]
    description: str
    created_at: datetime
    failing_since: datetime | None = Field(description="Since when nothing could be delivered to it.")
    disabled_at: datetime | None = Field(description="Since when nothing is sent to it.")
    disabled_reason: str | None

    @classmethod
    def of(cls, endpoint: Endpoint) -> WebhookOut:
        """Describe an endpoint."""
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            events=list(endpoint.events),
            description=endpoint.description,
            created_at=at(endpoint.created_ms),
            failing_since=maybe_at(endpoint.failing_ms),
            disabled_at=maybe_at(endpoint.disabled_ms),
            disabled_reason=endpoint.disabled_why,
        )


class WebhookWithSecretOut(WebhookOut):
    """An endpoint, and its new secret."""

    secret: str = Field(repr=False, description="Verifies what it is sent; shown now and not again.")


class WebhooksOut(BaseModel):
    """All endpoints, oldest first."""

    items: list[WebhookOut]


class SecretOut(BaseModel):
    """The secret for jobs' and batches' own webhooks."""

    secret: str = Field(repr=False)


class DeliveryOut(BaseModel):
    """One event for one receiver, and how its delivery went."""

    id: str = Field(description="The `webhook-id` that is sent, the same at every try.")
    type: str
    status: DeliveryStatus = Field(description="dropped: its endpoint was deleted or disabled before.")
    webhook_id: str | None = Field(description="The endpoint; null: a job's or a batch's own URL.")
    subject_id: str = Field(description="The job or the batch that it is about.")
    happened_at: datetime
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    answer_status: int | None = Field(description="Of the last try; null: there was no answer.")
    answer_body: str | None = Field(description="Of the last try, its beginning.")
    duration_ms: int | None = Field(description="Of the last try.")

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryOut:
        """Describe a delivery."""
        return cls.model_validate(
            {
                "id": delivery.id,
                "type": delivery.type,
                "status": delivery.said_status,
                "webhook_id": delivery.endpoint_id,
                "subject_id": delivery.about["id"],
                "happened_at": at(delivery.at_ms),
                "attempts": delivery.attempt,
                "last_attempt_at": maybe_at(delivery.tried_ms),
                "next_attempt_at": maybe_at(delivery.next_ms),
                "answer_status": delivery.status,
                "answer_body": delivery.answer,
                "duration_ms": delivery.took_ms,
            }
        )


class DeliveriesOut(BaseModel):
    """A page of deliveries, newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


class WebhookEventOut(BaseModel):
    """What is sent to a webhook: thin, below 20 kB. Fetch what it is about for all the rest."""

    type: EventType
    timestamp: datetime = Field(description="When it happened.")
    data: dict[str, Any] = Field(
        description="Of a job: id, status, kind, labels, batch, custom_id, progress, error, links. "
        "Of a batch: id, total, counts, links."
    )
