from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from service.embedded.running import RunningStack
from tests.browser.studio import Studio
from tests.images import photograph_bytes

CHROMIUM = Path("/usr/bin/chromium")
QUIETLY = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It runs as whoever runs the tests, and asks nobody but the page's own hosts for anything."""

SCREENSHOTS = Path("out/screenshots")


@pytest.fixture(scope="module")  # while it is there, its event loop runs in this thread, where others want their own
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium: apt-get install chromium")
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIETLY))
        yield chromium
        chromium.close()


@pytest.fixture(params=[1280], ids=["wide"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page of a new profile, as wide as the test asks; no error may have been written to its console."""
    width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = request.node.name.replace("[", ".").rstrip("]")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    context.close()
    expected = request.node.get_closest_marker("console")
    assert said == [] or expected, f"the console says {said}"


@pytest.fixture
def studio(page: Page, stack: RunningStack) -> Studio:
    """The studio, opened by the address that `impasto up` prints."""
    studio = Studio(page, stack)
    studio.open()
    return studio


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(photograph_bytes())
    return path


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    path.write_bytes(photograph_bytes(80, 80))
    return path
