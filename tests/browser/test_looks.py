"""How the page stands: for every eye and hand, at both widths, in light and dark; and how quickly it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from service.embedded.running import RunningStack
from tests.browser.studio import PATIENCE_MS, Studio

pytestmark = [pytest.mark.servers, pytest.mark.weights]

BOTH = pytest.mark.parametrize("page", [1280, 375], ids=["wide", "phone"], indirect=True)
PAGE_BYTES = 200_000

SHIFTS = """() => {
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifts += entry.value;
  }).observe({type: "layout-shift", buffered: true});
}"""


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide == 0, "the page scrolls sideways"


@BOTH
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_room_is_accessible(page: Page, studio: Studio, photo: Path, painting: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert_accessible(page)
    studio.bring(photo, painting)
    studio.quick()
    assert_accessible(page)
    studio.paint()
    studio.finished()
    assert_accessible(page)
    page.get_by_role("button", name="Kept paintings…").click()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Paint regions…").click()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Gallery").click()
    expect(page.locator("#cards > li").first).to_be_visible()
    assert_accessible(page)


@BOTH
def test_nothing_moves_while_the_picture_appears(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    studio.quick(size=128, iterations=120, seed=page.viewport_size["width"] if page.viewport_size else 1)
    studio.paint()
    expect(page.locator("#easel .view")).to_be_visible()
    page.wait_for_timeout(600)  # whatever follows a click may move; what comes later may not
    page.evaluate(SHIFTS)
    before = page.evaluate("window.shifts")
    expect(page.get_by_alt_text("The picture as it is so far")).to_be_visible(timeout=PATIENCE_MS)
    studio.finished()
    assert page.evaluate("window.shifts") - before == pytest.approx(0, abs=0.01)


def test_the_page_is_small_and_there_at_once(page: Page, stack: RunningStack) -> None:
    Studio(page, stack).open()
    painted_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted_ms < 1000
    sizes = page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".map((entry) => [entry.name, entry.decodedBodySize])"
    )
    assert sum(size for _, size in sizes) < PAGE_BYTES
    assert [name for name, _ in sizes if not name.startswith(stack.url)] == []
