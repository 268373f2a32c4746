// The page: the key first, then the room that the address names.

import * as compose from "./compose.js";
import { $, show } from "./dom.js";
import * as gallery from "./gallery.js";
import { call, key, takeKey } from "./service.js";
import * as stage from "./stage.js";
import { tell } from "./words.js";

takeKey();
$("forget-key").addEventListener("click", () => {
  key.forget();
  sessionStorage.clear();
  location.replace(location.pathname);
  location.reload();
});
window.addEventListener("hashchange", () => {
  if (takeKey()) location.reload(); // it was pasted into a page that was open
});
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => event.preventDefault()); // a file beside its place doesn't replace the page
}
start();

async function start() {
  const capabilities = await unlocked();
  compose.open(capabilities, (job) => {
    location.hash = `#/jobs/${job.id}`; // where `route` opens it
    $("stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  gallery.setUp();
  window.addEventListener("hashchange", route);
  if (!capabilities.workers) tell($("notice"), { title: "No worker is running", detail: "jobs will wait until one is" });
  route();
}

/** Ask for a key until one opens the service; gives what can be asked for here. */
async function unlocked() {
  for (let problem = null; ; ) {
    if (key.get()) {
      try {
        const capabilities = await call("GET", "v1/capabilities");
        show($("notice"), false);
        return capabilities;
      } catch (refusal) {
        problem = refusal;
      }
    }
    if (problem && ![401, 403].includes(problem.status)) {
      tell($("notice"), problem);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      continue;
    }
    show($("notice"), false);
    key.set(await entered(problem));
    problem = null;
  }
}

function entered(problem) {
  const dialog = $("key-dialog");
  tell($("key-problem"), problem);
  $("key").value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault();
    $("key-form").onsubmit = (event) => {
      const given = $("key").value.trim();
      if (/^[\x21-\x7e]+$/.test(given)) return resolve(given);
      event.preventDefault();
      tell($("key-problem"), { title: "A key has letters, digits and underscores alone" });
    };
    dialog.onclose = () => $("key").value.trim() || dialog.showModal(); // by Escape: there is nothing without a key
  });
}

/** Show what the address names: `#/`, `#/jobs/<id>` or `#/gallery?…`. */
function route() {
  const [, room, rest] = /^#\/(\w*)[/?]?(.*)$/.exec(location.hash) ?? [];
  const inGallery = room === "gallery";
  show($("gallery"), inGallery);
  show($("paint"), !inGallery);
  for (const link of document.querySelectorAll("nav a")) {
    if ((link.dataset.page === "gallery") === inGallery) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (inGallery) gallery.open(rest);
  else if (room === "jobs" && rest) stage.open(decodeURIComponent(rest));
  else stage.close();
}
