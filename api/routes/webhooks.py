"""`/v1/webhooks`: endpoints that are told what happens, their secrets, and what was sent to them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api import pages
from api.bodies import body_of, described
from api.deps import Reader, TheIntake, TheServices, Writer
from api.wire.webhook import (
    DeliveriesOut,
    DeliveryOut,
    DeliveryStatus,
    SecretOut,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
    WebhookWithSecretOut,
)
from service.webhooks import Secret, default_secret, enable, register, remove, rotate

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

EndpointId = Annotated[str | None, Query(max_length=64, description="Only deliveries to this endpoint.")]

OfStatus = Annotated[DeliveryStatus | None, Query(description="Only deliveries that stand so.")]


@router.post("", status_code=201, summary="Register a webhook", openapi_extra=described(WebhookIn))
async def create_webhook(
    caller: Writer,
    services: TheServices,
    intake: TheIntake,
    wanted: Annotated[WebhookIn, Depends(body_of(WebhookIn))],
) -> WebhookWithSecretOut:
    """Register an endpoint that is told what happens to all of your jobs. Its secret is in this answer alone."""
    made = await intake.run(
        caller.tenant,
        register,
        caller.tenant,
        url=wanted.url,
        events=list(dict.fromkeys(wanted.events)),
        description=wanted.description,
        services=services,
    )
    return _with_secret(made)


@router.get("", summary="List webhooks")
def list_webhooks(caller: Reader, services: TheServices) -> WebhooksOut:
    """List your endpoints, oldest first."""
    return WebhooksOut(items=[WebhookOut.of(endpoint) for endpoint in services.webhooks.all(caller.tenant)])


@router.get("/deliveries", summary="List deliveries")
def list_deliveries(  # noqa: PLR0913, PLR0917 - what a request brings
    request: Request,
    response: Response,
    caller: Reader,
    services: TheServices,
    webhook_id: EndpointId = None,
    status: OfStatus = None,
    cursor: pages.Cursor = None,
    limit: pages.Limit = 20,
) -> DeliveriesOut:
    """List what was sent in the last eight days or is to be sent, newest first, and how it went."""
    found, mark = services.deliveries.page(
        caller.tenant, endpoint_id=webhook_id, status=status, after=pages.mark_of(cursor), limit=limit
    )
    following = pages.lead_on(request, response, pages.cursor_of(mark))
    return DeliveriesOut(items=[DeliveryOut.of(delivery) for delivery in found], next_cursor=following)


@router.post("/deliveries/{delivery_id}/replay", status_code=202, summary="Deliver again")
def replay_delivery(delivery_id: str, caller: Writer, services: TheServices) -> DeliveryOut:
    """Send a delivery once more, from its first try on, under the id that it had."""
    return DeliveryOut.of(services.deliveries.replay(caller.tenant, delivery_id))


@router.get("/default-secret", summary="Get the default secret")
def get_default_secret(caller: Writer, services: TheServices) -> SecretOut:
    """Give the secret that signs what is sent to the `webhook.url` of jobs and batches."""
    return SecretOut(secret=default_secret(caller.tenant, services=services))


@router.post("/default-secret/rotate", summary="Rotate the default secret")
def rotate_default_secret(caller: Writer, services: TheServices) -> SecretOut:
    """Replace the default secret. For a day the old one signs too, beside the new one."""
    return SecretOut(secret=default_secret(caller.tenant, renew=True, services=services))


@router.get("/{webhook_id}", summary="Get a webhook")
def get_webhook(webhook_id: str, caller: Reader, services: TheServices) -> WebhookOut:
    """Say what an endpoint is told, and whether that works."""
    return WebhookOut.of(services.webhooks.get(caller.tenant, webhook_id))


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
def delete_webhook(webhook_id: str, caller: Writer, services: TheServices) -> None:
    """Tell an endpoint nothing more."""
    remove(caller.tenant, webhook_id, services=services)


@router.post("/{webhook_id}/rotate", summary="Rotate a webhook's secret")
def rotate_webhook(webhook_id: str, caller: Writer, services: TheServices) -> WebhookWithSecretOut:
    """Replace an endpoint's secret. For a day the old one signs too, beside the new one."""
    return _with_secret(rotate(caller.tenant, webhook_id, services=services))


@router.post("/{webhook_id}/enable", summary="Enable a webhook")
def enable_webhook(webhook_id: str, caller: Writer, services: TheServices) -> WebhookOut:
    """Send to an endpoint again that was disabled because it answered 410, or failed for five days."""
    return WebhookOut.of(enable(caller.tenant, webhook_id, services=services))


def _with_secret(made: Secret) -> WebhookWithSecretOut:
    return WebhookWithSecretOut(**WebhookOut.of(made.endpoint).model_dump(), secret=made.secret)
