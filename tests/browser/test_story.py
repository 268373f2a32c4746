"""From a photograph and a painting to a picture, as somebody does it who has never seen the studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.studio import Studio

pytestmark = [pytest.mark.servers, pytest.mark.weights]


def test_from_drop_to_download(page: Page, studio: Studio, photo: Path, painting: Path, tmp_path: Path) -> None:
    studio.bring(photo, painting)
    studio.quick()
    expect(page.locator("#estimate")).to_contain_text("64 × 43 pixels")
    studio.paint()
    studio.finished()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download 64 × 43").click()
    saved = tmp_path / "saved.png"
    download.value.save_as(saved)
    assert saved.read_bytes().startswith(b"\x89PNG")
    page.get_by_text("Report").click()
    expect(page.get_by_role("row", name="relu4_1")).to_be_visible()


def test_an_example_needs_no_pictures_of_ones_own(page: Page, studio: Studio) -> None:
    page.get_by_role("button", name="Try an example").click()
    expect(page.locator("#content-drop img")).to_be_visible()
    expect(page.locator("#paintings img")).to_be_visible()
    studio.quick()
    studio.paint()
    studio.finished()


def test_before_and_after_are_compared_and_enlarged(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    studio.quick()
    studio.paint()
    studio.finished()
    slider = page.get_by_label("How much of the photograph is shown over the picture")
    slider.fill("50")
    before = page.get_by_alt_text("The photograph", exact=True)
    expect(before).to_be_visible()
    clipped = before.evaluate("image => getComputedStyle(image).clipPath")
    assert "50%" in clipped
    slider.press("Home")
    expect(before).to_be_hidden()
    page.get_by_role("button", name="Larger").click()
    page.get_by_role("button", name="Larger").click()
    view = page.get_by_role("region", name="The picture; scrolls")
    assert view.evaluate("view => view.scrollWidth / view.clientWidth") == pytest.approx(2, abs=0.05)


def test_a_film_and_the_loss_curve_are_shown(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    studio.quick(size=96, iterations=120, seed=4)
    page.get_by_label("Make a film of it being painted").check()
    studio.paint()
    expect(page.locator("#curve svg")).to_be_visible(timeout=60_000)
    assert "Loss" in (page.locator("#curve svg").get_attribute("aria-label") or "")
    studio.finished()
    expect(page.locator("#film-place video")).to_be_visible()
    page.wait_for_function("document.querySelector('#film-place video').readyState >= 1")


def test_paintings_stand_in_the_order_in_which_they_were_chosen(
    page: Page, studio: Studio, photo: Path, painting: Path, tmp_path: Path
) -> None:
    """Though the first takes longest to arrive."""
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/uploads", hold)
    studio.drop("#style-drop", painting)
    studio.drop("#style-drop", other)
    while len(held) < 2:
        page.wait_for_timeout(50)
    held[1].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#paintings > li")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#paintings img")).to_have_count(2)
    shown = [image.get_attribute("alt") for image in page.locator("#paintings img").all()]
    assert shown == ["Painting 1: painting.png", "Painting 2: other.png"]


def test_several_paintings_go_where_they_are_brushed(
    page: Page, studio: Studio, photo: Path, painting: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    studio.bring(photo, painting, other)
    page.get_by_role("button", name="Paint regions…").click()
    canvas = page.locator("#mask")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40, steps=4)
    page.mouse.up()
    page.locator("#brushes label").nth(1).click()
    page.get_by_role("button", name="Fill what is left").click()
    expect(page.locator("#mask-said")).to_contain_text("other.png 9")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Painted by regions")).to_be_visible()
    studio.quick()
    assert [region["style"] for region in studio.painted_spec()["regions"]] == [0, 1]
    studio.finished()


def test_masks_are_of_one_photograph(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    studio.bring(photo, painting)
    page.get_by_role("button", name="Paint regions…").click()
    page.get_by_role("button", name="Fill what is left").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Painted by regions")).to_be_visible()
    studio.drop("#content-drop", painting)
    expect(page.get_by_alt_text("Photograph: painting.png")).to_be_visible()
    expect(page.get_by_text("Painted by regions")).to_be_hidden()


def test_the_keyboard_alone_suffices(page: Page, studio: Studio, photo: Path, painting: Path) -> None:
    page.locator("#content-file").set_input_files(photo)
    page.locator("#style-file").set_input_files(painting)
    expect(page.locator("#paintings img")).to_be_visible()
    studio.quick()
    page.get_by_label("Likeness").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#balance-said")).to_have_text("the painting counts 1.3 times as much")
    page.get_by_role("button", name="Paint regions…").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#mask")).to_be_focused()
    for key in ("Space", "Shift+ArrowRight", "Shift+ArrowRight", "]"):
        page.keyboard.press(key)
    expect(page.locator("#mask-said")).to_contain_text("%")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Paint it", exact=True).focus()
    page.keyboard.press("Enter")
    studio.finished()
