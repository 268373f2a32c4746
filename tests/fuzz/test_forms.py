"""Requests as they come in: forms of any parts, bodies of any bytes, under any media type."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.forms import IMAGE_PARTS, read_spec
from api.style_form import read_style
from api.upload_forms import read_upload
from service.errors import InvalidSpec
from tests.fuzz.mutations import damaged
from tests.fuzz.wishes import JSON, SPECS, near_valid, well_formed

Read = Callable[[Request], Awaitable[Any]]

NAMES = st.one_of(
    st.sampled_from(
        ["spec", "style", "content", "image", "init_image", "file", "name", "labels", "", "a~b", "~2", "a/b"]
    ),
    st.sampled_from(["styles/0/image", "styles/9/image", "styles/٣/image", "regions/0/content_mask", "regions/7/x"]),
    st.from_regex(IMAGE_PARTS, fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_characters='"\r\n'), max_size=12),
)
TEXTS = st.one_of(
    st.sampled_from(['{"styles": 1}', '{"styles": [1]}', '{"regions": {}}', "[]", "null", "{", '{"kind": "texture"}']),
    (JSON | near_valid(SPECS)).map(lambda data: ascii(data).replace("'", '"')),
    st.binary(max_size=20).map(lambda data: data.decode("latin-1")),
)


@st.composite
def forms(draw: st.DrawFn) -> bytes:
    """Write a multipart body (RFC 7578) of the boundary `b`, now and then a damaged one."""
    body = b""
    for name in draw(st.lists(NAMES, max_size=5)):
        file = draw(st.sampled_from(["", '; filename="x.png"', "; filename*=utf-8''x", '; filename=""']))
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'
        kind = draw(
            st.sampled_from(["", "Content-Type: image/png\r\n", "Content-Type: text/plain; charset=utf-16\r\n"])
        )
        body += f"{head}{kind}\r\n".encode() + draw(TEXTS).encode() + b"\r\n"
    return draw(damaged(body + b"--b--\r\n"))


def read(reader: Read, body: bytes, content_type: str) -> None:
    """Let a route's reader read a request: something comes of it, or it is refused in words of ours."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    request = Request({"type": "http", "method": "POST", "path": "/", "app": None, "headers": headers}, receive)
    pointers: list[str] = []
    status = 400
    try:
        asyncio.run(reader(request))  # type: ignore[arg-type]
    except InvalidSpec as refused:
        pointers = [problem.pointer for problem in refused.problems]
    except HTTPException as refused:
        status = refused.status_code
    assert all(well_formed(pointer) for pointer in pointers), pointers
    assert status in {400, 415}


READERS = st.sampled_from([read_spec, read_style, read_upload])


# The framework leaves the file of a part that breaks off to be closed by whoever collects it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(READERS, forms(), st.sampled_from(["b", "b", "b", '"b"', "c", ""]))
@example(read_spec, b'--b\r\nContent-Disposition: form-data; name="a~b"\r\n\r\n\r\n--b--\r\n', "b")
def test_a_form_is_read_or_refused(reader: Read, body: bytes, boundary: str) -> None:
    read(reader, body, f"multipart/form-data; boundary={boundary}")


@given(
    READERS,
    st.binary(max_size=80),
    st.text(st.characters(max_codepoint=255), max_size=30) | st.just("application/json"),
)
@example(read_upload, b'{"url": "https://example.com/", "data": {}}', "application/json")
def test_a_body_of_any_media_type_is_read_or_refused(reader: Read, body: bytes, content_type: str) -> None:
    read(reader, body, content_type)
