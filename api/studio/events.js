// A job followed as it happens: server-sent events over fetch, which can send the key as a header.

import { Problem, stream } from "./service.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const SILENCE_MS = 45_000; // the service says something every 15 seconds

/**
 * Follow a job to its end, over as many connections as it takes, each from where the last one broke off.
 *
 * `heard(kind, data)` is told what happens, `lost(problem)` that the connection broke, `back()` that there is one again.
 * Throws `Problem` where asking again is of no use.
 */
export async function follow(jobId, { heard, lost, back, signal }) {
  let last = null;
  let wait = FIRST_WAIT_MS;
  for (;;) {
    try {
      const body = await stream(jobId, last, signal);
      back();
      for await (const event of parsed(body)) {
        wait = FIRST_WAIT_MS;
        last = event.id ?? last;
        if (event.data === "") continue;
        heard(event.kind, JSON.parse(event.data));
        if (event.kind === "end") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !error.passing) throw error;
      lost(error);
    }
    await pause(wait, signal);
    if (signal.aborted) return;
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }
}

/** Read events off a stream of bytes, as the HTML standard says (9.2.6). */
export async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { kind: "message", id: null, data: [] };
  for (;;) {
    const { value, done } = await heardOf(reader);
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) yield { ...event, data: event.data.join("\n") };
        event = { kind: "message", id: null, data: [] };
        continue;
      }
      const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (name === "event") event.kind = text;
      else if (name === "id") event.id = text;
      else if (name === "data") event.data.push(text);
    }
  }
}

/** Read on, and give up where nothing comes any more. */
async function heardOf(reader) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("Nothing is heard any more.")), SILENCE_MS);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    window.addEventListener("online", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
