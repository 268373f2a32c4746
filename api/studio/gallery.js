// All jobs of one's tenant, newest first. The filters stand in the address, so that they survive a reload.

import { $, el, show } from "./dom.js";
import { call } from "./service.js";
import { STATES, ago, plural, tell } from "./words.js";

const PAGE = 24;

let cursor = null;
let asked = 0;

/** Set the filters up. */
export function setUp() {
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("change", () => {
    const chosen = new URLSearchParams();
    for (const [name, id] of Object.entries(FILTERS)) if ($(id).value) chosen.set(name, $(id).value);
    location.hash = `#/gallery${chosen.size ? `?${chosen}` : ""}`;
  });
  $("more-cards").addEventListener("click", () => load(asked));
}

const FILTERS = { status: "filter-status", after: "filter-after", label: "filter-label" };

/** Show the page that the address names. */
export async function open(query) {
  const chosen = new URLSearchParams(query);
  for (const [name, id] of Object.entries(FILTERS)) $(id).value = chosen.get(name) ?? "";
  $("cards").replaceChildren();
  cursor = null;
  await load(++asked);
}

async function load(turn) {
  const query = new URLSearchParams({ limit: PAGE });
  if ($("filter-status").value) query.set("status", $("filter-status").value);
  if ($("filter-after").value) query.set("created_after", `${$("filter-after").value}T00:00:00Z`);
  if ($("filter-label").value) query.set("label", $("filter-label").value);
  if (cursor) query.set("cursor", cursor);
  $("gallery-said").textContent = "Looking…";
  $("more-cards").disabled = true;
  try {
    const { items, next_cursor: next } = await call("GET", `v1/jobs?${query}`);
    if (turn !== asked) return; // the filters have changed meanwhile
    cursor = next;
    $("cards").append(...items.map(card));
    const count = $("cards").childElementCount;
    $("gallery-said").textContent = count ? `${plural(count, "picture")}${next ? ", and more" : ""}` : "There is nothing like that yet.";
    show($("more-cards"), Boolean(next));
  } catch (problem) {
    if (turn !== asked) return;
    show($("more-cards"), false);
    tell($("gallery-said"), problem);
  } finally {
    $("more-cards").disabled = false;
  }
}

function card(job) {
  const result = job.outputs.find(({ name }) => name === "result");
  const what = `${job.kind === "transfer" ? "picture" : job.kind}, ${STATES[job.status]}, ${ago(job.created_at)}`;
  const place = el("li", {},
    el("a", { className: "card", href: `#/jobs/${job.id}`, "aria-label": what },
      result ? seen(result) : el("span", { className: "nothumb" }, STATES[job.status]),
      el("span", {}, `${job.spec.preset}, ${job.spec.options.size} px`),
      el("small", {}, `${STATES[job.status]}, ${ago(job.created_at)}`),
    ),
  );
  place.append(el("button", { type: "button", className: "quiet", "aria-label": `Delete the ${what}`, onclick: (event) => remove(event.target, job, place) }, "Delete"));
  return place;
}

function seen({ url, width, height }) {
  const image = el("img", { src: url, alt: "", loading: "lazy", width, height });
  image.addEventListener("error", () => image.replaceWith(el("span", { className: "nothumb" }, "can't be shown")));
  return image;
}

async function remove(button, job, place) {
  if (!confirm("Delete this job with its picture? That can't be undone.")) return;
  button.disabled = true;
  try {
    await call("DELETE", `v1/jobs/${job.id}`);
    place.remove();
  } catch (problem) {
    button.disabled = false;
    tell($("gallery-said"), problem);
  }
}
