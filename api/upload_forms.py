"""A posted upload: a form with the file, or JSON that says where the file is or that it will be put somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile

from api.forms import is_form, read_form, read_json
from api.wire.upload import UploadAgain, UploadByUrl, UploadDirect, UploadInline
from service.errors import FieldProblem, InvalidSpec
from service.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

    Ways = UploadByUrl | UploadInline | UploadAgain | UploadDirect

WAYS: Mapping[str, type[Ways]] = {
    "url": UploadByUrl,
    "data": UploadInline,
    "job_id": UploadAgain,
    "bytes": UploadDirect,
    "sha256": UploadDirect,
}
"""The field by which each way of the JSON body is known."""

MAX_PARTS = 10
"""Of a form, of which one is used."""

BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or TIFF."}
                    },
                }
            },
            "application/json": {
                "schema": {"oneOf": [way.model_json_schema() for way in dict.fromkeys(WAYS.values())]}
            },
        },
    }
}
"""All of them, for the OpenAPI description."""


async def read_upload(request: Request) -> bytes | Ways:
    """Read what a request brings: a form's file, or what its JSON says.

    Raises:
        InvalidSpec: naming each field or part that is wrong.
        HTTPException: 415, it is neither a form nor JSON; 400, the form can't be read.
    """
    if not is_form(request):
        return _from_json(await read_json(request))
    async with read_form(request, parts_max=MAX_PARTS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidSpec(FieldProblem("/file", "this part is needed, and it is a file"))
        return await file.read()


def _from_json(data: object) -> Ways:
    ways = [way for field, way in WAYS.items() if isinstance(data, dict) and field in data]
    if not ways:
        raise InvalidSpec(FieldProblem("", "give url, data, job_id and pointer, or bytes, sha256 and content_type"))
    return validated(ways[0], data)
