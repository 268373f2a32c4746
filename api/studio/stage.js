// The right side: one job, from its place in the queue to the picture.

import { Easel } from "./compare.js";
import { takeUp } from "./compose.js";
import { Curve } from "./curve.js";
import { $, el, show } from "./dom.js";
import { follow } from "./events.js";
import { Problem, call } from "./service.js";
import { STATES, duration, figure, plural, tell } from "./words.js";

const QUEUE_EVERY_MS = 3000;

let shown = null;

/** Show no job. */
export function close() {
  shown?.leave.abort();
  shown = null;
  delete $("actions").dataset.now;
  $("easel").replaceChildren(el("p", { className: "empty" }, "Your picture will appear here."));
  for (const id of ["tools", "said", "actions", "curve", "report", "stage-problem"]) show($(id), false);
  $("film-place").replaceChildren();
  document.title = "Impasto";
}

/** Show a job, and follow it to its end. */
export async function open(jobId) {
  if (shown?.id === jobId) return;
  close();
  const view = (shown = { id: jobId, leave: new AbortController(), job: null, inputs: [], easel: null, curve: null, began: null });
  const { signal } = view.leave;
  try {
    const [job, { items }] = await Promise.all(
      [`v1/jobs/${jobId}`, `v1/jobs/${jobId}/inputs`].map((path) => call("GET", path, { signal })),
    );
    const content = items.find(({ pointer }) => pointer === "/content");
    const size = content ?? items[0] ?? { width: 4, height: 3 };
    Object.assign(view, { inputs: items, easel: new Easel(size.width, size.height), curve: new Curve() });
    if (content) view.easel.photograph(content.url);
    view.over = job.terminal; // then its events tell but the curve
    update(job);
    if (!job.terminal) watchQueue(view);
    await follow(jobId, {
      signal,
      heard: (kind, data) => heard(view, kind, data),
      lost: () => ($("left").textContent = "The connection is lost; trying again. The job goes on without it."),
      back: () => ($("left").textContent = ""),
    });
  } catch (problem) {
    if (signal.aborted) return;
    if (view === shown) shown = null; // so that it may be opened again
    show($("said"), false);
    tell($("stage-problem"), problem instanceof Problem ? problem : new Problem({ code: "", title: problem.message }));
  }
}

function heard(view, kind, data) {
  if (view !== shown) return;
  const { job } = view;
  if (view.over) {
    if (kind === "progress") view.curve.add(data);
    return;
  }
  if (kind === "end") return update(data);
  if (kind === "state") update({ ...job, status: data.status ?? job.status });
  if (kind === "log") $("left").textContent = `${data.title ?? "An attempt failed"}; it is tried again.`;
  if (kind === "preview" && data.url) view.easel.look(data.url, "The picture as it is so far");
  if (kind === "progress") {
    view.curve.add(data);
    update({ ...job, status: job.status === "queued" ? "running" : job.status, progress: data });
  }
}

/** Ask where a job stands in the queue for as long as it waits: no event tells it. */
async function watchQueue(view) {
  while (view === shown && view.job.status === "queued") {
    await new Promise((resolve) => setTimeout(resolve, QUEUE_EVERY_MS));
    if (view !== shown || view.job.status !== "queued") return;
    const job = await call("GET", `v1/jobs/${view.job.id}`).catch(() => null);
    if (job && view === shown && view.job.status === "queued") update(job);
  }
}

function update(job) {
  shown.job = job;
  const { status, terminal } = job;
  show($("said"));
  $("status").textContent = sentence(job);
  announce(job);
  document.title = terminal ? `Impasto – ${STATES[status]}` : `${Math.round(100 * (job.progress?.fraction ?? 0))} % – Impasto`;
  const bar = $("progress");
  show(bar, !terminal);
  if (job.progress) bar.value = job.progress.fraction;
  else bar.removeAttribute("value");
  $("left").textContent = terminal ? "" : timeLeft(job);
  showActions(job);
  if (status === "succeeded") showResult(job);
  if (status === "failed") tell($("stage-problem"), { ...job.error, errors: [] });
}

/** Tell those who don't see the bar how far it is: each new state, and each quarter. */
function announce({ status, progress, terminal }) {
  const quarter = Math.floor(4 * (progress?.fraction ?? 0));
  const said = terminal || !quarter ? `The picture is ${STATES[status]}.` : `${25 * quarter} % are painted.`;
  if ($("announced").textContent !== said) $("announced").textContent = said;
}

function sentence({ status, queue, progress, terminal, kind, report }) {
  if (status === "queued" && queue) {
    const ahead = queue.position - 1;
    return ahead ? `Waiting: ${plural(ahead, "job")} before yours.` : "Waiting: it is next.";
  }
  if (status === "running" && progress?.iteration) return `Being painted: iteration ${progress.iteration} of ${progress.iterations} at ${progress.scale} pixels.`;
  if (status === "running") return "Being prepared.";
  if (status === "succeeded" && report?.timings) return `Finished: painted in ${duration(report.timings.paint_s)}${report.cache === "hit" ? " earlier, and taken over" : ""}.`;
  return `The ${kind === "transfer" ? "picture" : kind} is ${STATES[status]}${terminal ? "." : "…"}`;
}

/** Say how long it will take, from how long it took so far. */
function timeLeft({ status, queue, progress }) {
  if (status === "queued") return queue?.estimated_start_s ? `It starts in about ${duration(queue.estimated_start_s)}.` : "";
  const fraction = progress?.fraction ?? 0;
  if (status !== "running" || !fraction) return "";
  shown.began ??= { at: performance.now(), fraction };
  const took = (performance.now() - shown.began.at) / 1000;
  const done = fraction - shown.began.fraction;
  if (took < 2 || done < 0.02) return "";
  return `About ${duration((took / done) * (1 - fraction))} left.`;
}

function showActions(job) {
  const now = `${job.id} ${job.status} ${job.terminal} ${job.outputs.length}`;
  if ($("actions").dataset.now === now) return; // who is about to press one finds it where it was
  $("actions").dataset.now = now;
  const result = job.outputs.find(({ name }) => name === "result");
  const button = (text, onclick, className = "") => el("button", { type: "button", className, onclick }, text);
  const actions = [
    result ? el("a", { className: "button main", href: result.url, download: "", onclick: (event) => renewed(event, job, result) }, `Download ${result.width} × ${result.height}`) : null,
    job.terminal ? null : button("Cancel", (event) => act(event.target, `v1/jobs/${job.id}/cancel`), "quiet"),
    job.terminal ? button("Paint it again", (event) => again(event.target, job.id)) : null,
    job.kind === "transfer" ? button("Change and repaint", () => takeUp(job, shown.inputs)) : null,
  ];
  $("actions").replaceChildren(...actions.filter(Boolean));
  show($("actions"));
}

/** Ask for a new URL of the result where the one that is known has expired. */
async function renewed(event, job, result) {
  if (Date.parse(result.url_expires_at) > Date.now()) return;
  event.preventDefault();
  try {
    const { outputs } = await call("GET", `v1/jobs/${job.id}`);
    location.assign(outputs.find(({ name }) => name === "result").url);
  } catch (problem) {
    tell($("stage-problem"), problem);
  }
}

async function act(button, path) {
  const view = shown;
  button.disabled = true;
  try {
    const job = await call("POST", path);
    if (view === shown && !view.job.terminal) update(job);
  } catch (problem) {
    button.disabled = false;
    if (view === shown) tell($("stage-problem"), problem);
  }
}

async function again(button, jobId) {
  const view = shown;
  button.disabled = true;
  try {
    const job = await call("POST", `v1/jobs/${jobId}/retry`);
    if (view === shown) location.hash = `#/jobs/${job.id}`;
  } catch (problem) {
    button.disabled = false;
    if (view === shown) tell($("stage-problem"), problem);
  }
}

async function showResult(job) {
  const view = shown;
  const result = job.outputs.find(({ name }) => name === "result");
  const seen = result && (await view.easel.look(result.url, "The finished picture"));
  if (view !== shown) return;
  if (result && !seen) $("left").textContent = "This browser can't show the file; download it.";
  const film = job.outputs.find(({ name }) => name === "timelapse");
  if (film) $("film-place").replaceChildren(filmOf(film));
  showReport(job);
}

function filmOf({ url, content_type: type, width, height }) {
  const label = "The picture being painted";
  return type.startsWith("video/")
    ? el("video", { src: url, controls: true, loop: true, muted: true, playsInline: true, width, height, "aria-label": label })
    : el("img", { src: url, alt: label, width, height });
}

function showReport({ report, attempt, spec }) {
  if (!report?.loss) return show($("report"), false);
  const { before, after } = report.loss;
  const rows = [["total", before.total, after.total], ["photograph", before.content, after.content], ["painting", before.style, after.style]];
  for (const [layer, term] of Object.entries(after.style_layers ?? {})) rows.push([layer, before.style_layers[layer], term]);
  $("report-body").replaceChildren(
    el("table", {},
      el("thead", {}, el("tr", {}, ...["loss", "before", "after"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...rows.map(([name, ...numbers]) => el("tr", {}, el("th", { scope: "row" }, name), ...numbers.map((number) => el("td", {}, figure(number))))))),
    el("p", { className: "hint" }, `${spec.preset}, ${spec.options.size} pixels, ${report.network ?? spec.options.network} on ${report.device}; attempt ${attempt}.`),
  );
  show($("report"));
}
