"""What was painted before: the gallery, kept paintings, and jobs that are painted anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from api.client import Client
from service.embedded.running import RunningStack
from tests.browser.studio import Studio
from tests.images import mask_bytes, photograph_bytes

pytestmark = [pytest.mark.servers, pytest.mark.weights]

QUICK = {"options": {"size": 64, "iterations": 2}}
IMAGES = {"/content": photograph_bytes(), "/styles/0/image": photograph_bytes(80, 80)}


@pytest.fixture
def client(stack: RunningStack) -> Iterator[Client]:
    with Client(stack.url, stack.key) as client:
        yield client


def painted(client: Client, **spec: object) -> str:
    """Post a job as a back end does, and wait for its end."""
    images = {"/content": photograph_bytes()} if "styles" in spec else IMAGES
    return list(client.follow(client.submit(images, {**QUICK, **spec}).id))[-1].id


@pytest.mark.usefixtures("studio")
def test_filters_survive_a_reload(page: Page, client: Client) -> None:
    job = painted(client, labels={"shelf": "first"})
    page.get_by_role("link", name="Gallery").click()
    page.get_by_label("Label").fill("shelf=first")
    page.get_by_label("Label").press("Enter")
    page.get_by_label("State").select_option("finished")
    cards = page.locator("#cards > li")
    expect(cards).to_have_count(1)
    page.reload()
    expect(cards).to_have_count(1)
    expect(page.get_by_label("Label")).to_have_value("shelf=first")
    expect(page.get_by_label("State")).to_have_value("succeeded")
    page.get_by_label("State").select_option("failed")
    expect(page.locator("#gallery-said")).to_have_text("There is nothing like that yet.")
    page.get_by_label("State").select_option("all")
    cards.get_by_role("link").click()
    expect(page.get_by_alt_text("The finished picture")).to_be_visible()
    assert page.url.endswith(f"#/jobs/{job}")


def test_a_job_is_deleted_after_a_question(page: Page, studio: Studio, client: Client) -> None:
    painted(client, labels={"shelf": "gone"})
    page.goto(f"{studio.stack.url}/#/gallery?label=shelf%3Dgone")
    cards = page.locator("#cards > li")
    expect(cards).to_have_count(1)
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.once("dialog", agree)
    cards.get_by_role("button", name="Delete").click()
    expect(cards).to_have_count(0)
    assert asked == ["Delete this job with its picture? That can't be undone."]
    assert list(client.jobs(labels={"shelf": "gone"})) == []


def test_a_job_is_painted_again_and_changed(page: Page, studio: Studio, client: Client) -> None:
    job = painted(client, options={"size": 72, "iterations": 2, "style_weight": 10, "preserve_color": "luminance"})
    page.goto(f"{studio.stack.url}/#/jobs/{job}")
    page.get_by_role("button", name="Paint it again").click()
    page.wait_for_url(lambda url: "/jobs/" in url and job not in url)
    studio.finished()
    page.get_by_role("button", name="Change and repaint").click()
    expect(page.locator("#balance-said")).to_have_text("the painting counts 10 times as much")
    assert page.get_by_label("Longest side, pixels").input_value() == "72"
    expect(page.get_by_label("Colours")).to_have_value("luminance")
    page.get_by_label("Colours").select_option("none")
    with page.expect_response(lambda answer: answer.url.endswith("/v1/jobs") and answer.status == 202) as posted:
        studio.paint()
    spec = posted.value.json()["spec"]
    assert (spec["options"]["style_weight"], spec["options"]["preserve_color"]) == (10, "none")
    studio.finished()


def test_a_painting_is_kept_chosen_and_deleted(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Take painting 1 away").click()
    page.get_by_role("button", name="Kept paintings…").click()
    dialog = page.get_by_role("dialog", name="Kept paintings")
    dialog.get_by_role("button", name="painting.png", exact=True).click()
    expect(page.locator("#paintings img")).to_be_visible()
    studio.quick()
    assert list(studio.painted_spec()["styles"][0]) == ["style_id", "weight"]
    studio.finished()
    page.get_by_role("button", name="Kept paintings…").click()
    page.once("dialog", lambda dialog: dialog.accept())
    dialog.get_by_role("button", name="Delete painting.png").click()
    expect(dialog.get_by_role("button", name="painting.png", exact=True)).to_have_count(0)
    expect(page.locator("#paintings > li")).to_have_count(0)


def test_what_a_job_says_beyond_the_form_is_kept(page: Page, studio: Studio, client: Client) -> None:
    beyond = {"normalization": "sum", "pooling": "avg"}
    job = painted(client, preset="draft", options={"size": 64, "iterations": 2, **beyond}, output={"quality": 80})
    page.goto(f"{studio.stack.url}/#/jobs/{job}")
    page.get_by_role("button", name="Change and repaint").click()
    expect(page.locator("#beyond")).to_contain_text("normalization sum, pooling avg, quality 80")
    page.get_by_label("Iterations a scale").fill("")
    page.get_by_label("Longest side, pixels").fill("72")
    spec = studio.painted_spec()
    assert spec["options"].items() >= {**beyond, "size": 72}.items()
    assert "iterations" not in spec["options"], "those are the preset's"
    assert spec["output"] == {"quality": 80, "format": "png"}
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Start afresh").click()
    expect(page.locator("#beyond")).to_be_hidden()
    expect(page.locator("#content-drop img")).to_have_count(0)


@pytest.mark.console
def test_a_job_is_changed_after_its_uploads_have_expired(page: Page, studio: Studio, client: Client) -> None:
    style = client.styles.create("gone", photograph_bytes(80, 60)).id
    mask = {"content_mask": {"upload_id": client.uploads.create(mask_bytes()).id}, "style": 0}
    job = painted(client, styles=[{"style_id": style}], regions=[mask])
    client.styles.delete(style)
    spec = client.get(job).spec
    for image in (spec["content"], spec["regions"][0]["content_mask"]):
        client.uploads.delete(image["upload_id"])
    page.goto(f"{studio.stack.url}/#/jobs/{job}")
    page.get_by_role("button", name="Change and repaint").click()
    expect(page.locator("#content-drop img")).to_be_visible()
    expect(page.locator("#regions-said")).to_contain_text("that job's regions")
    page.get_by_label("Longest side, pixels").fill("72")
    again = studio.painted_spec()
    studio.finished()
    assert set(again["styles"][0]) == {"image"}, "the kept one is gone, its picture is not"
    assert [list(region) for region in again["regions"]] == [["style", "content_mask"]]
    page.get_by_role("button", name="Take painting 1 away").click()
    expect(page.locator("#regions-said")).to_be_hidden()


@pytest.mark.console
def test_a_job_that_is_gone_meanwhile_can_t_be_changed(page: Page, studio: Studio, client: Client) -> None:
    job = painted(client)
    page.goto(f"{studio.stack.url}/#/jobs/{job}")
    change = page.get_by_role("button", name="Change and repaint")
    expect(change).to_be_visible()
    client.delete(job)
    change.click()
    expect(page.locator("#compose-problem")).to_contain_text("job_id")
    expect(page.locator("#content-drop img")).to_have_count(0)
