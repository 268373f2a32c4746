"""A posted job, as JSON or as a form with its images as files."""

from __future__ import annotations

import base64
import re
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from api.strict_json import VALUES_MAX, parsed
from service.errors import FieldProblem, InvalidSpec, pointer_to
from service.spec import MAX_REGIONS, MAX_STYLES, RenderSpec, parse_spec, place_image

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from fastapi import Request
    from starlette.datastructures import FormData

MAX_PARTS = 2 * (3 + MAX_STYLES + 2 * MAX_REGIONS)
"""Of a form; more than any spec can use, so that a part too many is named rather than counted."""

IMAGE_PARTS = re.compile(r"content|image|init_image|styles/\d/image|regions/\d/(content|style)_mask")
"""The names that files may have: pointers into the spec, without the slash they begin with."""

_FILE = {"type": "string", "format": "binary"}
BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/RenderSpec"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "content": {**_FILE, "description": "The photograph."},
                        "style": {"type": "array", "items": _FILE, "description": "The paintings, in their order."},
                        "image": {**_FILE, "description": "The image whose Gram matrices are asked for."},
                        "init_image": {**_FILE, "description": "The image that the painting starts from."},
                        "spec": {
                            "type": "string",
                            "description": "The rest of a RenderSpec, as JSON. Its kind may be left out: transfer.",
                        },
                    },
                    "patternProperties": {
                        r"^regions/\d/(content|style)_mask$": {**_FILE, "description": "A mask of regions[n]."}
                    },
                    "additionalProperties": False,
                }
            },
        },
    }
}
"""Both, for the OpenAPI description."""


async def read_spec(request: Request) -> RenderSpec:
    """Read the spec that a request brings.

    Raises:
        InvalidSpec: naming each field or part that is wrong.
        HTTPException: 415, it is neither JSON nor a form; 400, the form can't be read.
    """
    if not is_form(request):
        return parse_spec(await read_json(request))
    async with read_form(request, parts_max=MAX_PARTS, repeatable="style") as form:
        return parse_spec(await _from_form(form))


def is_form(request: Request) -> bool:
    """Say whether a request says that it brings a form with files."""
    return _media_type(request) == "multipart/form-data"


@asynccontextmanager
async def read_form(request: Request, *, parts_max: int, repeatable: str = "") -> AsyncIterator[FormData]:
    """Read the form that a request brings; its files are open within the context.

    Args:
        request: what brings it.
        parts_max: how many files it may have, and how many other parts.
        repeatable: the name that several parts may have.

    Raises:
        HTTPException: 400, the form can't be read, has no end, too many parts, or another charset than UTF-8.
        InvalidSpec: another part is there twice.
    """
    if re.search(r";\s*charset\s*=\s*\"?(?!utf-?8\b)", request.headers["content-type"], re.IGNORECASE):
        raise HTTPException(400, "A form is read as UTF-8.")  # others take a time that grows as the square of a name
    try:
        form = await _WholeForm(request, parts_max=parts_max).parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from None
    try:
        _check_names(form, repeatable)
        yield form
    finally:
        await form.close()


class _WholeForm(MultiPartParser):
    """Refuses a form whose last delimiter is missing: what is cut off would pass for a form with fewer parts."""

    def __init__(self, request: Request, *, parts_max: int) -> None:
        super().__init__(request.headers, self._whole(request.stream()), max_files=parts_max, max_fields=parts_max)
        self._ended = False

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            yield piece
        if not self._ended:  # said here, while the parser still closes the files that it has opened
            raise MultiPartException("The form has no end.")


def _check_names(form: FormData, repeatable: str) -> None:
    counts = Counter(name for name, _ in form.multi_items() if name != repeatable)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise InvalidSpec(*(FieldProblem(_pointer(name), "this part is there more than once") for name in twice))


def _pointer(name: str) -> str:
    """Give the pointer that a part's name stands for, whatever it is."""
    return pointer_to(*name.split("/"))


async def read_json(request: Request, *, values_max: int = VALUES_MAX) -> Any:
    """Read the JSON that a request brings.

    Raises:
        InvalidSpec: it is none, or has more than `values_max` values.
        HTTPException: 415, it does not say that it is.
    """
    if _media_type(request) != "application/json":
        raise HTTPException(415)
    return parsed(await request.body(), pointer="", values_max=values_max)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _from_form(form: FormData) -> Any:
    """Write a form as the JSON spec that it stands for, its files as inline images."""
    text = form.get("spec", "{}")
    data = parsed(text, pointer="/spec") if isinstance(text, str) else None
    if not isinstance(data, dict):
        raise InvalidSpec(FieldProblem("/spec", "this part is a JSON object, as text"))
    unknown = [name for name in form if name not in {"spec", "style"} and not IMAGE_PARTS.fullmatch(name)]
    if unknown:
        raise InvalidSpec(*(FieldProblem(_pointer(name), "there is no such part") for name in unknown))
    files = {name: part for name, part in form.multi_items() if name not in {"spec", "style"}}
    files |= {f"styles/{n}/image": part for n, part in enumerate(form.getlist("style"))}
    data.setdefault("kind", "transfer")
    for name, part in files.items():
        if isinstance(part, str):
            raise InvalidSpec(FieldProblem(f"/{name}", "this part is a file"))
        place_image(data, f"/{name}", {"data": base64.b64encode(await part.read()).decode()})
    return data
