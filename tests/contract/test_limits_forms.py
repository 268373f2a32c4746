"""Forms from strangers: parts that are there twice, have no end or strange names, and boundaries that are none."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.api_calls import assert_problem
from tests.images import photograph_bytes

pytestmark = pytest.mark.servers

PHOTO = photograph_bytes()
END = b"--b--\r\n"


def part(name: str, data: bytes, *more: str, filename: str | None = None) -> bytes:
    """Write a part of a form."""
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return "\r\n".join(["--b", disposition, *more, "", ""]).encode() + data + b"\r\n"


def sent(client: httpx.Client, body: bytes, path: str = "/v1/jobs", parameters: str = "; boundary=b") -> httpx.Response:
    return client.post(path, content=body, headers={"Content-Type": f"multipart/form-data{parameters}"})


CONTENT, STYLE = (part(name, PHOTO, filename="x") for name in ("content", "style"))
SPEC = part("spec", json.dumps({"preset": "draft"}).encode())


@pytest.mark.parametrize(("twice", "pointer"), [(CONTENT, "/content"), (SPEC, "/spec")])
def test_a_part_that_is_there_twice_is_refused_by_its_name(client: httpx.Client, twice: bytes, pointer: str) -> None:
    whole = CONTENT + STYLE + SPEC
    assert_problem(sent(client, whole + twice + END), 422, "invalid_spec", pointer)


def test_two_styles_are_two_styles(client: httpx.Client) -> None:
    answer = sent(client, CONTENT + STYLE + STYLE + END)
    assert answer.status_code == 202
    assert len(answer.json()["spec"]["styles"]) == 2


@pytest.mark.parametrize(("path", "name"), [("/v1/uploads", "file"), ("/v1/styles", "image")])
def test_a_file_that_is_there_twice_is_refused_elsewhere_too(client: httpx.Client, path: str, name: str) -> None:
    file = part(name, PHOTO, filename="x")
    assert_problem(sent(client, part("name", b"x") + file + file + END, path), 422, "invalid_spec", f"/{name}")


@pytest.mark.parametrize("cut", [len(SPEC) + len(END), len(SPEC) // 2 + len(END), len(END), 4])
def test_a_form_that_is_cut_off_is_not_taken_for_one_with_fewer_parts(client: httpx.Client, cut: int) -> None:
    assert_problem(sent(client, (CONTENT + STYLE + SPEC + END)[:-cut]), 400, "bad_request")


@pytest.mark.parametrize("filename", ["../../etc/passwd", "x" * 3000, "a.php\0.png", "é\u202e", "C:\\x", "%00", ";"])
def test_the_name_of_a_file_says_nothing(client: httpx.Client, filename: str) -> None:
    answer = sent(client, part("file", PHOTO, "Content-Type: text/html", filename=filename) + END, "/v1/uploads")
    assert answer.status_code == 201
    assert answer.json()["content_type"] == "image/png"


@pytest.mark.parametrize("parameters", ["", "; boundary=", f"; boundary={'b' * 257}", '; boundary="'])
def test_a_boundary_that_is_none_is_refused(client: httpx.Client, parameters: str) -> None:
    assert_problem(sent(client, CONTENT + END, parameters=parameters), 400, "bad_request")


def test_a_boundary_of_a_megabyte_is_too_large_a_head(client: httpx.Client) -> None:
    assert_problem(sent(client, b"", parameters=f"; boundary={'b' * 2**20}"), 431, "head_too_large")


@pytest.mark.parametrize("charset", ["punycode", '"idna"', "utf-7", "unicode_escape", "latin-1"])
def test_a_form_is_read_as_utf_8_alone(client: httpx.Client, charset: str) -> None:
    assert_problem(sent(client, CONTENT + END, parameters=f"; boundary=b; charset={charset}"), 400, "bad_request")


@pytest.mark.parametrize(
    "strange",
    [
        part("content", PHOTO, *(f"X-{number}: x" for number in range(8)), filename="x"),
        part("content", PHOTO, f"X: {'x' * 5000}", filename="x"),
        part("x" * 5000, b""),
        b"--b\r\n\r\nnothing said\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n",
        part("spec", b" " * 1_100_000),
        b"".join(part(f"x{number}", b"") for number in range(60)),
        b"".join(part(f"x{number}", b"", filename="x") for number in range(60)),
    ],
)
def test_parts_that_are_too_many_or_too_large_are_refused(client: httpx.Client, strange: bytes) -> None:
    assert_problem(sent(client, strange + END), 400, "bad_request")


def test_an_unknown_part_of_a_long_name_is_named_in_brief(client: httpx.Client) -> None:
    answer = sent(client, CONTENT + STYLE + part("x" * 3000, b"") + END)
    assert_problem(answer, 422, "invalid_spec", f"/{'x' * 510}…")


@pytest.mark.parametrize("text", [b'{"a": 1, "a": 1}', b'{"preset": NaN}', b"[" * 40 + b"]" * 40, b'"\xff"'])
def test_json_within_a_form_is_read_as_strictly(client: httpx.Client, text: bytes) -> None:
    assert_problem(sent(client, CONTENT + STYLE + part("spec", text) + END), 422, "invalid_spec", "/spec")


def test_a_name_in_a_form_holds_no_nul(client: httpx.Client) -> None:
    form = part("name", b"a\0b") + part("image", PHOTO, filename="x") + END
    assert_problem(sent(client, form, "/v1/styles"), 422, "invalid_spec", "/name")
