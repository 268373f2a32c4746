// The service, spoken to over HTTP with the key of whoever sits here.

const KEY = "impasto.key";

/** What the service, or the way to it, has against a request. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", title, detail = "", errors = [], retryAfter = null }) {
    super(title);
    Object.assign(this, { status, code, title, detail, errors, retryAfter });
  }

  /** Whether the same request may succeed in a while. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const key = {
  get: () => localStorage.getItem(KEY),
  set: (value) => localStorage.setItem(KEY, value),
  forget: () => localStorage.removeItem(KEY),
};

/** Take a key out of the address, `#key=…`, so that it stays in no history. Says whether there was one. */
export function takeKey() {
  const found = /^#key=([^&]+)/.exec(location.hash);
  if (!found) return false;
  key.set(decodeURIComponent(found[1]));
  history.replaceState(null, "", `${location.pathname}#/`);
  return true;
}

/** Send a request. Gives the answer's JSON, null where it has none; throws `Problem`. */
export async function call(method, path, { json, form, signal } = {}) {
  const answer = await request(method, path, { json, form, signal });
  return answer.status === 204 ? null : answer.json();
}

/** Open a job's stream of events after the event `last`; gives the body. */
export async function stream(jobId, last, signal) {
  const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
  const answer = await request("GET", `v1/jobs/${jobId}/events`, { headers, signal });
  return answer.body;
}

async function request(method, path, { json, form, signal, headers = {} }) {
  const body = json === undefined ? form : JSON.stringify(json);
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body,
      signal,
      cache: "no-store",
      headers: { Authorization: `Bearer ${key.get()}`, ...type, ...headers },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "The service can't be reached", detail: "Is it running, and are you online?" });
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Problem({
    title: `The service answered ${answer.status}`,
    ...said,
    status: answer.status,
    retryAfter: Number(answer.headers.get("Retry-After")) || null,
  });
}
