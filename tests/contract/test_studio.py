"""The studio's files, and what the API tells a page of pictures."""

from __future__ import annotations

import re
from io import BytesIO
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from api.routes import studio
from service.wiring import Services
from tests.api_calls import assert_problem, posted
from tests.images import photograph_bytes

pytestmark = pytest.mark.servers


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    policy = (one.split() for one in answer.headers["content-security-policy"].split(";"))
    return {name: values for name, *values in policy}


def test_the_page_is_served_to_whoever_asks_and_speaks_to_nobody_else(services: Services, client: httpx.Client) -> None:
    answer = httpx.get(str(client.base_url))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    said = directives(answer)
    storage = services.blobs.public_origin()
    assert said["default-src"] == ["'none'"]
    assert said["script-src"] == said["style-src"] == said["connect-src"] == ["'self'"]
    assert said["img-src"] == ["'self'", "blob:", "data:", storage]
    assert said["media-src"] == [storage]
    assert said["frame-ancestors"] == said["base-uri"] == said["form-action"] == ["'none'"]


def test_everything_that_the_page_names_is_there_with_its_type(client: httpx.Client) -> None:
    page = httpx.get(str(client.base_url)).text
    named = re.findall(r'(?:href|src)="(studio/[^"]+)"', page)
    assert len(named) >= 3
    for name in studio.files():
        answer = client.get(f"/studio/{name}")
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "webp": "image/webp"}
        kind = kinds.get(name.rpartition(".")[2], "text/html")
        assert answer.headers["content-type"].partition(";")[0] == kind
    assert all(client.get(f"/{name}").status_code == 200 for name in named)


def test_what_a_browser_has_already_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/studio/main.js")
    again = client.get("/studio/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["missing.js", "../app.py", "%2e%2e/app.py", "examples", ""])
def test_nothing_but_the_studios_files_is_served(client: httpx.Client, name: str) -> None:
    assert_problem(client.get(f"/studio/{name}"), 404, "no_route")


def test_no_script_or_style_stands_in_the_page_itself() -> None:
    page = studio.files()[studio.PAGE].body.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page) == []


def test_a_job_says_where_its_pictures_can_be_seen(client: httpx.Client) -> None:
    job = posted(client).json()
    shown = client.get(job["links"]["inputs"]).json()["items"]
    assert [image["pointer"] for image in shown] == ["/content", "/styles/0/image"]
    for image in shown:
        picture = httpx.get(image["url"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        assert urlsplit(image["url"]).query.count("X-Amz-Signature=") == 1
        with Image.open(BytesIO(picture.content)) as image_file:
            assert image_file.size == (image["width"], image["height"])


def test_a_style_says_where_its_painting_can_be_seen(client: httpx.Client) -> None:
    files = {"image": photograph_bytes(80, 60)}
    style = client.post("/v1/styles", files=files, data={"name": "rings"}).json()
    for told in (style, client.get(style["links"]["self"]).json(), client.get("/v1/styles").json()["items"][0]):
        picture = httpx.get(told["url"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
