// The dialog of kept paintings: those under a name in the service, and the studio's own.

import { $, el } from "./dom.js";
import { kept } from "./pictures.js";
import { call } from "./service.js";
import { plural, tell } from "./words.js";

const OURS = { dusk: "Dusk", harvest: "Harvest", tide: "Tide" };

/**
 * Open the dialog. `add` gets a picture that was chosen, `example` the name and title of one of the studio's own, and
 * `gone` the id of a painting that was deleted, `failed` what went wrong.
 */
export async function openKept({ add, example, gone, failed }) {
  const dialog = $("styles-dialog");
  const choose = (took) => async () => {
    dialog.close();
    await Promise.resolve(took()).catch(failed);
  };
  $("ours").replaceChildren(
    ...Object.entries(OURS).map(([name, title]) =>
      el("li", {}, card(`studio/examples/${name}.webp`, title, choose(() => example(name, title)))),
    ),
  );
  $("kept").replaceChildren();
  $("styles-said").textContent = "Looking…";
  dialog.showModal();
  try {
    const items = await all();
    $("styles-said").textContent = items.length ? plural(items.length, "painting") : "You keep none yet. “Keep” beside a painting puts it here.";
    $("kept").replaceChildren(...items.map((style) => item(style, choose(() => add(kept(style))), gone)));
  } catch (problem) {
    tell($("styles-said"), problem);
  }
}

async function all() {
  const found = [];
  for (let cursor = null; ; ) {
    const page = await call("GET", `v1/styles?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    found.push(...page.items);
    cursor = page.next_cursor;
    if (!cursor) return found;
  }
}

function item(style, onclick, gone) {
  const place = el("li", {}, card(style.url, style.name, onclick));
  const remove = async () => {
    if (!confirm(`Delete “${style.name}”? Jobs that use it are painted all the same.`)) return;
    try {
      await call("DELETE", `v1/styles/${style.id}`);
    } catch (problem) {
      return tell($("styles-said"), problem);
    }
    place.remove();
    gone(style.id);
  };
  place.append(el("button", { type: "button", className: "quiet", "aria-label": `Delete ${style.name}`, onclick: remove }, "Delete"));
  return place;
}

function card(src, title, onclick) {
  return el("button", { type: "button", className: "card", onclick },
    el("img", { src, alt: "", loading: "lazy" }),
    el("span", {}, title),
  );
}
