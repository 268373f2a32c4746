// The easel: the picture, the photograph beside it under a slider, and a closer look.

import { $, el, show } from "./dom.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];

/** The easel of one job. Its place has the picture's proportions from the start, so that nothing moves when it comes. */
export class Easel {
  constructor(width, height) {
    this.zoom = 1;
    this.after = el("img", { className: "after", alt: "", hidden: true });
    this.before = el("img", { className: "before", alt: "The photograph", hidden: true });
    this.line = el("span", { className: "line", hidden: true });
    this.sheet = el("div", { className: "sheet" }, this.after, this.before, this.line);
    this.view = el("div", { className: "view", tabIndex: 0, role: "region", "aria-label": "The picture; scrolls when it is enlarged" }, this.sheet);
    this.slider = el("input", { type: "range", min: 0, max: 100, step: 0.5, value: 0, id: "compare", "aria-label": "How much of the photograph is shown over the picture" });
    this.slider.addEventListener("input", () => this.part());
    this.waiting = el("p", { className: "empty" }, "The first look comes in a few seconds.");
    this.sheet.append(this.waiting);
    this.sheet.addEventListener("pointerdown", (event) => this.drag(event));
    this.view.style.setProperty("--ratio", `${width} / ${height}`);
    this.view.style.setProperty("--width", width / height);
    $("easel").replaceChildren(this.view);
    $("tools").replaceChildren(
      el("label", { className: "compare" }, el("span", {}, "Picture"), this.slider, el("span", {}, "Photograph")),
      el("span", { className: "zoom", role: "group", "aria-label": "Zoom" },
        el("button", { type: "button", "aria-label": "Smaller", onclick: () => this.closer(-1) }, "−"),
        (this.said = el("output", {}, "fit")),
        el("button", { type: "button", "aria-label": "Larger", onclick: () => this.closer(1) }, "+"),
      ),
    );
    show($("tools"), false);
  }

  /** Show the photograph to compare with. */
  photograph(url) {
    this.before.src = url;
    this.before.onload = () => this.part();
  }

  /** Show how the picture looks; the one before it stays until the new one is there. */
  async look(url, alt) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const next = new Image();
    next.src = url;
    try {
      await next.decode();
    } catch {
      return false; // it is gone already, or this browser can't show it
    }
    if (turn !== this.turn) return true; // a newer one is there
    this.after.src = url;
    this.after.alt = alt;
    show(this.after);
    this.waiting.remove();
    show($("tools"));
    return true;
  }

  part() {
    const share = Number(this.slider.value);
    const ready = share > 0 && this.before.complete && this.before.naturalWidth > 0;
    show(this.before, ready);
    show(this.line, ready && share < 100);
    this.sheet.style.setProperty("--share", `${share}%`);
  }

  closer(step) {
    const at = ZOOMS.indexOf(this.zoom) + step;
    this.zoom = ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, at))];
    const { view } = this;
    const middle = [(view.scrollLeft + view.clientWidth / 2) / view.scrollWidth, (view.scrollTop + view.clientHeight / 2) / view.scrollHeight];
    this.sheet.style.setProperty("--zoom", this.zoom);
    view.scrollLeft = middle[0] * view.scrollWidth - view.clientWidth / 2;
    view.scrollTop = middle[1] * view.scrollHeight - view.clientHeight / 2;
    this.said.value = this.zoom === 1 ? "fit" : `${this.zoom} ×`;
  }

  /** Draw the line between both pictures with the pointer. */
  drag(event) {
    if (!this.before.naturalWidth || event.button) return;
    const follow = (moved) => {
      const box = this.sheet.getBoundingClientRect();
      this.slider.value = ((moved.clientX - box.left) / box.width) * 100;
      this.part();
    };
    follow(event);
    this.sheet.setPointerCapture(event.pointerId);
    this.sheet.onpointermove = follow;
    this.sheet.onpointerup = this.sheet.onpointercancel = () => (this.sheet.onpointermove = null);
    event.preventDefault();
  }
}
