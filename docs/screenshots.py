"""`make screenshots`: the studio as README shows it, from the studio's own example: one picture, and a short film."""

from __future__ import annotations

import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from api.demo.story import stack

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = Path(__file__).with_name("images")
CHROMIUM = "/usr/bin/chromium"
QUIETLY = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIETLY += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

VIEW = {"width": 1280, "height": 860}
FILM = (800, 538)
"""Width and height of the film, in pixels: those of the view, smaller."""
FRAME_MS = 110
EVERY_S = 0.8
MOST_FRAMES = 60
PATIENCE_MS = 600_000


def main() -> None:
    """Paint the example in the studio, and leave `studio.webp` and `studio-film.webp`."""
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        page = browser.new_page(viewport=VIEW, color_scheme="light", reduced_motion="reduce")  # type: ignore[arg-type]
        page.goto(f"{running.url}/#key={running.key}")
        frames = _painted(page)
        page.get_by_label("How much of the photograph is shown over the picture").fill("38")
        still = _seen(page)
        frames += _compared(page)
        browser.close()
    still.save(IMAGES / "studio.webp", quality=88, method=6)
    small = [frame.resize(FILM, Image.Resampling.LANCZOS) for frame in frames]
    film = IMAGES / "studio-film.webp"
    small[0].save(film, save_all=True, append_images=small[1:], duration=FRAME_MS, loop=0, quality=60, method=4)
    sys.stdout.write(f"{IMAGES / 'studio.webp'}\n{film}\n")


def _painted(page: Page) -> list[Image.Image]:
    """Paint the example, and take a picture of the page every now and then."""
    page.get_by_role("button", name="Try an example").click()
    expect(page.locator("#paintings img")).to_be_visible()
    frames = [_seen(page)] * 6
    page.get_by_role("button", name="Paint it", exact=True).click()
    page.mouse.move(0, 0)
    status = page.locator("#status")
    until = time.monotonic() + PATIENCE_MS / 1000
    while "Finished" not in (status.text_content() or "") and time.monotonic() < until:
        frames.append(_seen(page))
        time.sleep(EVERY_S)
    expect(page.get_by_alt_text("The finished picture")).to_be_visible()
    step = max(1, len(frames) // MOST_FRAMES)
    return [*frames[::step], *[_seen(page)] * 8]


def _compared(page: Page) -> list[Image.Image]:
    """Draw the photograph over the picture and back."""
    slider, frames = page.get_by_label("How much of the photograph is shown over the picture"), []
    for share in (*range(0, 101, 10), *range(100, -1, -10)):
        slider.fill(str(share))
        frames.append(_seen(page))
    return frames


def _seen(page: Page) -> Image.Image:
    return Image.open(BytesIO(page.screenshot())).convert("RGB")


if __name__ == "__main__":
    main()
