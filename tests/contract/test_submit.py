"""`impasto submit` with images that are no files: URLs, and paintings that the service keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from api.cli import commands
from api.client import ApiProblem, Client
from service.settings import Settings
from service.wiring import Services
from tests.clients import painting
from tests.images import photograph_bytes
from tests.receiver import Receiver, answer, receiving

pytestmark = pytest.mark.servers

PICTURE = photograph_bytes(64, 43)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let the service fetch from loopback."""
    return settings.model_copy(update={"fetch_allow": ("127.0.0.1",)})


@pytest.fixture
def site() -> Iterator[Receiver]:
    """A site that has a photograph."""
    with receiving(lambda _, send: send(answer(body=photograph_bytes()))) as site:
        yield site


@pytest.fixture
def style(client: httpx.Client, key: str) -> str:
    """A style that the service keeps."""
    with Client(str(client.base_url), key) as ours:
        return ours.styles.create("dusk", photograph_bytes(80, 80)).id


@pytest.fixture
def submit(client: httpx.Client, key: str) -> Callable[..., dict[str, Any]]:
    """Run the command on the service that `client` talks to, and give the spec of the job that it has posted."""
    app = typer.Typer()
    commands(app)

    def run(*arguments: object) -> dict[str, Any]:
        own = ["--url", str(client.base_url), "--key", key, "--size", "64"]
        ended = CliRunner().invoke(app, ["submit", *map(str, arguments), *own])
        if ended.exception is not None:
            raise ended.exception
        [job] = client.get("/v1/jobs").json()["items"]
        spec: dict[str, Any] = job["spec"]
        return spec

    return run


def test_a_photograph_by_url_is_painted_in_a_stored_style(
    submit: Callable[..., dict[str, Any]],
    services: Services,
    site: Receiver,
    style: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(photograph_bytes(80, 60))
    out = tmp_path / "out.png"
    with painting(services, PICTURE):
        pictures = (f"{site.url}/photo?token=1", f"style:{style}", tmp_path / "a.png")
        spec = submit(*pictures, "-o", out, "--blend", 1, "--blend", 3)
    assert out.read_bytes() == PICTURE
    assert [asked.path for asked in site.asked] == ["/photo?token=1"]
    assert [(one.get("style_id"), one["weight"]) for one in spec["styles"]] == [(style, 1), (None, 3)]


def test_where_nothing_is_a_file_it_works_as_well(
    submit: Callable[..., dict[str, Any]],
    services: Services,
    site: Receiver,
    style: str,
    tmp_path: Path,
) -> None:
    with painting(services, PICTURE):
        submit(f"{site.url}/photo", f"style:{style}", "-o", tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == PICTURE


def test_a_style_that_is_not_kept_and_a_url_that_is_not_used_are_named(
    submit: Callable[..., dict[str, Any]], site: Receiver, tmp_path: Path
) -> None:
    for pictures, field in (
        ((f"{site.url}/photo", "style:0190"), "/styles/0/style_id"),
        (("https://10.0.0.1/photo", "style:0190"), "/content/url"),
    ):
        with pytest.raises(ApiProblem, match=field):
            submit(*pictures, "-o", tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []
