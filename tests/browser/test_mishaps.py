"""What goes wrong, and what the page says of it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.embedded.running import RunningStack
from tests.browser.studio import PATIENCE_MS, Studio

pytestmark = [pytest.mark.servers, pytest.mark.weights]

LONG = {"size": 128, "iterations": 400, "seed": 3}


def test_the_key_is_asked_for_once_and_stays_in_the_browser(page: Page, stack: RunningStack) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    Studio(page, stack).open(key=False)
    expect(page.get_by_role("dialog", name="Your key")).to_be_visible()
    page.get_by_label("API key").fill(stack.key)
    page.get_by_role("button", name="Open the studio").click()
    expect(page.get_by_text("standard", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("standard", exact=True)).to_be_visible()
    expect(page.get_by_role("dialog", name="Your key")).to_be_hidden()
    assert [url for url in sent if stack.key in url] == []


def test_the_key_leaves_the_address_at_once_and_can_be_forgotten(page: Page, studio: Studio) -> None:
    assert page.url == f"{studio.stack.url}/#/"
    page.get_by_role("button", name="Forget my key").click()
    expect(page.get_by_role("dialog", name="Your key")).to_be_visible()


def test_a_key_that_is_pasted_into_an_open_page_is_taken(page: Page, stack: RunningStack) -> None:
    Studio(page, stack).open(key=False)
    expect(page.get_by_role("dialog", name="Your key")).to_be_visible()
    page.evaluate("key => { location.hash = `#key=${key}`; }", stack.key)
    expect(page.get_by_text("standard", exact=True)).to_be_visible()
    assert stack.key not in page.url


@pytest.mark.console
def test_a_wrong_key_is_refused_in_words(page: Page, stack: RunningStack) -> None:
    Studio(page, stack).open(key=False)
    page.get_by_label("API key").fill("imp_wrong")
    page.get_by_role("button", name="Open the studio").click()
    expect(page.locator("#key-problem")).to_contain_text("key")
    expect(page.get_by_label("API key")).to_be_visible()


@pytest.mark.console
def test_a_file_that_is_no_picture_is_refused_by_its_name(page: Page, studio: Studio, tmp_path: Path) -> None:
    text = tmp_path / "letter.png"
    text.write_text("Dear Sir or Madam")
    studio.drop("#content-drop", text)
    problem = page.locator("#compose-problem")
    expect(problem).to_contain_text("letter.png")
    expect(problem).to_contain_text("image")
    expect(page.locator("#content-drop img")).to_have_count(0)


def test_what_is_missing_or_out_of_range_is_said_before_anything_is_sent(
    page: Page, studio: Studio, photo: Path, painting: Path
) -> None:
    studio.paint()
    expect(page.locator("#compose-problem")).to_contain_text("Choose a photograph first")
    studio.drop("#content-drop", photo)
    expect(page.locator("#content-drop img")).to_be_visible()
    studio.paint()
    expect(page.locator("#compose-problem")).to_contain_text("Choose a painting first")
    studio.drop("#style-drop", painting)
    expect(page.locator("#paintings img")).to_be_visible()
    studio.quick(size=20)
    studio.paint()
    expect(page.locator("#compose-problem")).to_contain_text("Longest side, pixels")
    expect(page.get_by_label("Longest side, pixels")).to_be_focused()


@pytest.mark.console
def test_a_refusal_by_the_service_names_the_field(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    studio.quick()
    page.get_by_label("Styles are compared by").select_option("mean_std")
    page.locator("#style_layers-relu1_1").fill("0")
    studio.paint()
    expect(page.locator("#compose-problem")).to_contain_text("style layers")


def test_a_job_is_canceled(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    studio.quick(**LONG)
    studio.paint()
    expect(studio.status).to_contain_text("iteration", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Cancel").click()
    expect(studio.status).to_have_text("The picture is canceled.", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Paint it again")).to_be_visible()


@pytest.mark.console
def test_a_lost_connection_is_said_and_taken_up_where_it_broke(
    page: Page, studio: Studio, photo: Path, painting: Path
) -> None:
    studio.bring(photo, painting)
    studio.quick(size=96, iterations=400, seed=1)
    studio.paint()
    expect(page.locator("#curve svg")).to_be_visible(timeout=PATIENCE_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("last-event-id", "")))
    os.kill(studio.stack.processes["api"], signal.SIGKILL)
    expect(page.locator("#left")).to_contain_text("The connection is lost", timeout=PATIENCE_MS)
    studio.finished()
    assert any(re.fullmatch(r"\d+-\d+", last) for last in asked)


def test_a_reload_in_the_middle_loses_nothing(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    studio.quick(size=96, iterations=400, seed=2)
    page.get_by_label("Likeness").fill("1")
    studio.paint()
    expect(studio.status).to_contain_text("iteration", timeout=PATIENCE_MS)
    page.reload()
    expect(page.locator("#content-drop img")).to_be_visible()
    expect(page.locator("#paintings > li")).to_have_count(1)
    assert page.get_by_label("Longest side, pixels").input_value() == "96"
    expect(page.locator("#balance-said")).to_have_text("the painting counts 10 times as much")
    expect(page.locator("#curve svg")).to_be_visible(timeout=PATIENCE_MS)
    studio.finished()


@pytest.mark.console
def test_a_job_that_is_not_there_is_said_to_be_missing(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.stack.url}/#/jobs/01a20a26-da2c-76f0-9d32-7a96ac7e8880")
    expect(page.locator("#stage-problem")).to_contain_text("job")


@pytest.mark.console
@pytest.mark.usefixtures("studio")
def test_a_service_that_is_out_of_reach_is_waited_for(page: Page) -> None:
    page.route("**/v1/capabilities", lambda route: route.abort())
    page.reload()
    expect(page.locator("#notice")).to_contain_text("can't be reached")
    page.unroute("**/v1/capabilities")
    expect(page.get_by_text("standard", exact=True)).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()
