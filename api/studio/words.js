// What is said to people: states, times, problems.

import { el } from "./dom.js";

export const STATES = {
  queued: "waiting",
  running: "being painted",
  canceling: "stopping",
  succeeded: "finished",
  failed: "failed",
  canceled: "canceled",
  expired: "expired",
};

/** Say a number of seconds as people do. */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 100) return plural(Math.round(seconds), "second");
  if (seconds < 5400) return plural(Math.round(seconds / 60), "minute");
  return plural(Math.round(seconds / 3600), "hour");
}

/** Say a number of things. */
export const plural = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** Say how long ago a time was. */
export function ago(time) {
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/** Say a loss in three digits. */
export const figure = (number) => Number(number.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });

const FIELDS = { content: "the photograph", styles: "a painting", regions: "a region", output: "the file" };

/** What to do about a problem, where that isn't plain from its own words. */
const ADVICE = {
  unreachable: "Nothing is lost; try again when it is back.",
  queue_full: "The service has as much to do as it takes on. Try again in a while.",
  rate_limited: "That was too often. Wait a moment.",
  unauthorized: "The key isn't known here. “Forget my key” lets you enter another.",
  forbidden: "Your key may look, but not paint. Ask for one that may.",
};

/** Write a problem: what went wrong, of which field, and what to do. */
export function problemText(problem) {
  const fields = (problem.errors ?? []).map((error) => {
    const name = error.pointer?.split("/").filter(Boolean) ?? [];
    const field = name[0] === "options" ? name.slice(1).join(" ").replaceAll("_", " ") : FIELDS[name[0]] ?? name.join(" ");
    return el("li", {}, field ? el("b", {}, field) : null, field ? `: ${error.detail}` : error.detail);
  });
  const wait = problem.retryAfter ? ` (in ${duration(problem.retryAfter)})` : "";
  return [
    el("p", {}, el("b", {}, problem.title ?? problem.message), problem.detail && !fields.length ? ` – ${problem.detail}` : ""),
    fields.length ? el("ul", {}, fields) : null,
    ADVICE[problem.code] ? el("p", {}, ADVICE[problem.code] + wait) : null,
  ].filter(Boolean);
}

/** Put a problem where it is to be read; null takes it away. */
export function tell(place, problem) {
  place.hidden = !problem;
  place.replaceChildren(...(problem ? problemText(problem) : []));
}
