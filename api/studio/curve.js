// The loss curve, drawn while the job is painted: the total, and what is photograph and painting in it.

import { $, drawn, el, show } from "./dom.js";
import { figure } from "./words.js";

const WIDTH = 320;
const HEIGHT = 96;
const MOST = 600;
const DECADES = 4; // a photograph that is the start has no loss at first
const LINES = { total: "total", content: "photograph", style: "painting" };

/** The curve of one job, on a logarithmic scale, over all iterations of all scales. */
export class Curve {
  constructor() {
    this.points = [];
    show($("curve"), false);
  }

  /** Add what a progress event says. */
  add({ loss, scale, iteration }) {
    const last = this.points.at(-1);
    if (!loss || (last && last.scale === scale && last.iteration >= iteration)) return;
    this.points.push({ ...loss, scale, iteration });
    if (this.points.length > MOST) this.points = this.points.filter((_, n) => n % 2 === 0);
    this.draw();
  }

  draw() {
    const { points } = this;
    if (points.length < 2) return;
    const values = points.flatMap((point) => Object.keys(LINES).map((name) => point[name])).filter((value) => value > 0);
    const high = Math.log(Math.max(...values));
    const low = Math.max(Math.log(Math.min(...values)), high - DECADES * Math.LN10);
    const x = (n) => (n / (points.length - 1)) * WIDTH;
    const y = (value) => HEIGHT - 2 - ((Math.log(Math.max(value, Math.exp(low))) - low) / (high - low || 1)) * (HEIGHT - 4);
    const path = (name) => points.map((point, n) => `${n ? "L" : "M"}${x(n).toFixed(1)} ${y(point[name]).toFixed(1)}`).join("");
    const scales = points.map((point, n) => (n && point.scale !== points[n - 1].scale ? n : 0)).filter(Boolean);
    const last = points.at(-1);
    const said = `Loss ${figure(points[0].total)} at first, ${figure(last.total)} now`;
    $("curve").replaceChildren(
      drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
        ...scales.map((n) => drawn("line", { x1: x(n), x2: x(n), y1: 0, y2: HEIGHT, class: "scale" })),
        ...Object.keys(LINES).map((name) => drawn("path", { d: path(name), class: name }))),
      el("figcaption", {}, ...Object.entries(LINES).map(([name, label]) =>
        el("span", { className: name }, `${name === "total" ? "loss" : label} ${figure(last[name])}`))),
    );
    show($("curve"));
  }
}
