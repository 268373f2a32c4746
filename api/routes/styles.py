"""`/v1/styles`: paintings that are kept under a name, for any number of jobs."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response

from api import pages
from api.deps import Reader, TheIntake, TheServices, Writer
from api.idempotency import IdempotencyKey, answered_once
from api.style_form import BODIES, read_style
from api.wire.style import StyleOut, StylesOut
from service.prepare import fingerprint
from service.stores.style_store import StyleRecord
from service.styles import delete_style, make_style
from service.track import image_url
from service.wiring import Services

router = APIRouter(prefix="/v1/styles", tags=["styles"])


@router.post("", status_code=201, response_model=StyleOut, summary="Keep a style", openapi_extra=BODIES)
async def create_style(
    request: Request,
    caller: Writer,
    services: TheServices,
    intake: TheIntake,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep a painting under a name. It never expires; a job names it by `{"style_id": …}` in `styles`."""
    spec = await read_style(request)

    def post(style_id: str | None) -> str:
        style = make_style(spec, tenant=caller.tenant, services=services, style_id=style_id)
        return _told(style, services).model_dump_json()

    answer = await intake.run(
        caller.tenant, answered_once, idempotency_key, fingerprint(spec), post, tenant=caller.tenant, services=services
    )
    headers = {"Location": json.loads(answer.body)["links"]["self"], **answer.headers}
    return Response(answer.body, status_code=201, media_type="application/json", headers=headers)


@router.get("", summary="List styles")
def list_styles(  # noqa: PLR0913, PLR0917 - what a request brings
    request: Request,
    response: Response,
    caller: Reader,
    services: TheServices,
    cursor: pages.Cursor = None,
    limit: pages.Limit = 20,
) -> StylesOut:
    """List your styles, newest first, a page at a time. What is made meanwhile shifts no page."""
    found, mark = services.styles.page(caller.tenant, after=pages.mark_of(cursor), limit=limit)
    following = pages.lead_on(request, response, pages.cursor_of(mark))
    return StylesOut(items=[_told(style, services) for style in found], next_cursor=following)


@router.get("/{style_id}", summary="Get a style")
def get_style(style_id: str, caller: Reader, services: TheServices) -> StyleOut:
    """Say what is known of a style."""
    return _told(services.styles.get(caller.tenant, style_id), services)


@router.delete("/{style_id}", status_code=204, summary="Delete a style")
def delete(style_id: str, caller: Writer, services: TheServices) -> None:
    """Delete a style with its statistics. Jobs that use it are painted all the same, and may be painted again."""
    delete_style(caller.tenant, style_id, services=services)


def _told(style: StyleRecord, services: Services) -> StyleOut:
    return StyleOut.of(style, *image_url(style.key, f"impasto-style-{style.id}.png", services=services))
