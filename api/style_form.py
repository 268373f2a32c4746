"""A posted style, as JSON or as a form with its painting as a file."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from api.forms import is_form, read_form, read_json
from api.strict_json import check_text, parsed
from service.errors import FieldProblem, InvalidSpec
from service.styles import StyleSpec, parse_style

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.datastructures import FormData

MAX_PARTS = 6
"""Of a form: twice what it can use, so that a part too many is named rather than counted."""

BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/StyleSpec"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary", "description": "The painting."},
                        "name": {"type": "string", "description": "What you call it; several may have one name."},
                        "labels": {"type": "string", "description": "Your own words about it, a JSON object."},
                    },
                    "required": ["image", "name"],
                    "additionalProperties": False,
                }
            },
        },
    }
}
"""Both, for the OpenAPI description."""


async def read_style(request: Request) -> StyleSpec:
    """Read the style that a request brings.

    Raises:
        InvalidSpec: naming each field or part that is wrong.
        HTTPException: 415, it is neither JSON nor a form; 400, the form can't be read.
    """
    if not is_form(request):
        return parse_style(await read_json(request))
    async with read_form(request, parts_max=MAX_PARTS) as form:
        return parse_style(await _from_form(form))


async def _from_form(form: FormData) -> dict[str, Any]:
    """Write a form as the JSON that it stands for, its file as an inline image."""
    data: dict[str, Any] = dict(form)
    check_text(data, pointer="")
    image, labels = data.get("image"), data.get("labels")
    if isinstance(image, str):
        raise InvalidSpec(FieldProblem("/image", "this part is a file"))
    if image is not None:
        data["image"] = {"data": base64.b64encode(await image.read()).decode()}
    if isinstance(labels, str):
        data["labels"] = parsed(labels, pointer="/labels")
    return data
