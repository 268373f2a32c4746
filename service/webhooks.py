"""Webhooks: who is told what happens, registered, changed and looked up. What is sent, `service.deliver` sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from service.errors import FieldProblem, InvalidSpec, NotFound, UrlRefused, UrlUnreachable
from service.log import log
from service.signing import new_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.stores.webhook_store import Endpoint
    from service.wiring import Services

ENDPOINTS_MAX = 16
"""Of one tenant."""


@dataclass(frozen=True, slots=True)
class Secret:
    """An endpoint, and its secret, which is shown when it is made and not again."""

    endpoint: Endpoint
    secret: str = field(repr=False)


def register(tenant: str, *, url: str, events: Sequence[str], description: str, services: Services) -> Secret:
    """Register an endpoint.

    Raises:
        InvalidSpec: the URL can't be used, or there are too many endpoints.
    """
    check_url(url, "/url", services=services)
    secret = new_secret()
    endpoint = services.webhooks.save(
        tenant,
        str(uuid7()),
        url=url,
        events=events,
        description=description,
        secret=secret,
        at_most=ENDPOINTS_MAX,
    )
    if endpoint is None:
        raise InvalidSpec(FieldProblem("", f"there are {ENDPOINTS_MAX} webhooks already: delete one first"))
    log().info("webhook_registered", tenant=tenant, endpoint_id=endpoint.id)
    return Secret(endpoint, secret)


def remove(tenant: str, endpoint_id: str, *, services: Services) -> None:
    """Tell an endpoint nothing more; what is on its way is dropped.

    Raises:
        NotFound: the tenant has no such endpoint.
    """
    if not services.webhooks.delete(tenant, endpoint_id):
        raise NotFound("webhook", endpoint_id)
    log().info("webhook_deleted", tenant=tenant, endpoint_id=endpoint_id)


def rotate(tenant: str, endpoint_id: str, *, services: Services) -> Secret:
    """Give an endpoint a new secret; the old one signs beside it for a day.

    Raises:
        NotFound: the tenant has no such endpoint.
    """
    secret = new_secret()
    if not services.webhooks.rotate(tenant, endpoint_id, secret):
        raise NotFound("webhook", endpoint_id)
    log().info("webhook_secret_rotated", tenant=tenant, endpoint_id=endpoint_id)
    return Secret(services.webhooks.get(tenant, endpoint_id), secret)


def enable(tenant: str, endpoint_id: str, *, services: Services) -> Endpoint:
    """Send to an endpoint again that was disabled.

    Raises:
        NotFound: the tenant has no such endpoint.
    """
    services.webhooks.get(tenant, endpoint_id)
    services.webhooks.enable(tenant, endpoint_id)
    return services.webhooks.get(tenant, endpoint_id)


def default_secret(tenant: str, *, renew: bool = False, services: Services) -> str:
    """Give the secret that signs what is sent to jobs' and batches' own URLs; the first call makes it."""
    return services.webhooks.default_secret(tenant, new_secret(), renew=renew)


def check_url(url: str, pointer: str, *, services: Services) -> None:
    """Refuse a URL to which nothing would be sent.

    Raises:
        InvalidSpec: naming the field.
    """
    try:
        services.outside.check(url)
    except (UrlRefused, UrlUnreachable) as error:
        raise InvalidSpec(FieldProblem(pointer, str(error))) from None
