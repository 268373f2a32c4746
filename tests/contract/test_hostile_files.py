"""The corpus of hostile files, against the API in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psutil
import pytest

from service.keys import create_key
from tests.api_calls import assert_problem
from tests.hostile_files import hostile_files
from tests.images import photograph_bytes
from tests.served_process import served_process

pytestmark = pytest.mark.servers

FILES = hostile_files()
GROWTH_MAX = 50 * 1024**2
"""Bytes by which the API may grow over the whole corpus."""
MEMORY_BYTES = 1000**3
"""What a child may take here; the kernel refuses it more, and the refusal would say so."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """A client of an API whose children get a gigabyte and eight seconds, and the API's process."""
    folder = tmp_path_factory.mktemp("hostile")
    with served_process(folder, ingest_memory_bytes=MEMORY_BYTES, ingest_cpu_s=8.0) as (url, services, _):
        key = create_key(services.keys, tenant="stranger", name="test")
        process = next(p for p in psutil.Process().children(recursive=True) if "service.cli" in p.cmdline())
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            assert client.post("/v1/uploads", files={"file": photograph_bytes()}).status_code == 201
            yield client, process


def test_the_corpus_is_large() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_with_the_reason(api: tuple[httpx.Client, psutil.Process], name: str) -> None:
    client, _ = api
    data, why = FILES[name]
    answer = client.post("/v1/uploads", files={"file": ("photo.png", data, "image/png")})
    assert_problem(answer, 422, "invalid_image")
    assert answer.json()["detail"].endswith(why)
    assert "more memory or time" not in answer.json()["detail"]


def test_the_api_does_not_grow_by_the_corpus(api: tuple[httpx.Client, psutil.Process]) -> None:
    client, process = api
    before = process.memory_info().rss
    for data, _ in FILES.values():
        assert client.post("/v1/uploads", files={"file": data}).status_code == 422
    assert process.memory_info().rss - before < GROWTH_MAX
    assert client.post("/v1/uploads", files={"file": photograph_bytes()}).status_code == 201
