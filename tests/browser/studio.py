"""The studio as somebody uses it who sees the page and knows nothing of what is behind it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from service.embedded.running import RunningStack

PATIENCE_MS = 90_000

DROP = """([selector, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name, {type: "image/png"}));
  const place = document.querySelector(selector);
  for (const kind of ["dragover", "drop"])
    place.dispatchEvent(new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true}));
}"""


class Studio:
    """The page and the few things that one does with it."""

    def __init__(self, page: Page, stack: RunningStack) -> None:
        self.page = page
        self.stack = stack

    def open(self, *, key: bool = True) -> None:
        """Open the address that `impasto up` prints."""
        self.page.goto(f"{self.stack.url}/#key={self.stack.key}" if key else self.stack.url)
        if key:
            expect(self.page.get_by_text("standard", exact=True)).to_be_visible()

    def drop(self, place: str, file: Path) -> None:
        """Drag a file from the desktop onto a place of the page."""
        data = base64.b64encode(file.read_bytes()).decode()
        self.page.evaluate(DROP, [place, file.name, data])

    def bring(self, photo: Path, *paintings: Path) -> None:
        """Drop a photograph and paintings, and wait until all are there."""
        self.drop("#content-drop", photo)
        for painting in paintings:
            self.drop("#style-drop", painting)
        expect(self.page.locator("#content-drop img")).to_have_count(1)
        expect(self.page.locator("#paintings > li")).to_have_count(len(paintings))

    def quick(self, *, size: int = 64, iterations: int = 3, seed: int = 0) -> None:
        """Ask for little, so that it is painted soon; with a seed of its own, so that it is painted at all."""
        self.page.get_by_label("Longest side, pixels").fill(str(size))
        self.page.locator("#more").evaluate("more => more.open = true")
        self.page.get_by_label("Iterations a scale").fill(str(iterations))
        self.page.get_by_label("Seed").fill(str(seed))

    def paint(self) -> None:
        """Post what is in the form."""
        self.page.get_by_role("button", name="Paint it", exact=True).click()

    def painted_spec(self) -> dict[str, Any]:
        """Post what is in the form, and give the spec that was sent."""
        with self.page.expect_request(lambda sent: sent.url.endswith("/v1/jobs") and sent.method == "POST") as sent:
            self.paint()
        spec: dict[str, Any] = sent.value.post_data_json or {}
        return spec

    @property
    def status(self) -> Locator:
        """What is said of the job."""
        return self.page.locator("#status")

    def finished(self) -> None:
        """Wait for the end, and for the picture."""
        expect(self.status).to_contain_text("Finished", timeout=PATIENCE_MS)
        expect(self.page.get_by_alt_text("The finished picture")).to_be_visible()
