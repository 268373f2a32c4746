"""A posted style, as JSON or as a form with its painting as a file."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from api.forms import read_json
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
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return parse_style(await read_json(request))
    try:
        async with request.form(max_files=MAX_PARTS, max_fields=MAX_PARTS) as form:
            return parse_style(await _from_form(form))
    except UnicodeError:
        raise HTTPException(400, "The form's names are not text in the charset that it announces.") from None


async def _from_form(form: FormData) -> dict[str, Any]:
    """Write a form as the JSON that it stands for, its file as an inline image."""
    data: dict[str, Any] = dict(form)
    image, labels = data.get("image"), data.get("labels")
    if isinstance(image, str):
        raise InvalidSpec(FieldProblem("/image", "this part is a file"))
    if image is not None:
        data["image"] = {"data": base64.b64encode(await image.read()).decode()}
    if isinstance(labels, str):
        try:
            data["labels"] = json.loads(labels)
        except (ValueError, RecursionError):
            raise InvalidSpec(FieldProblem("/labels", "this part is a JSON object, as text")) from None
    return data
