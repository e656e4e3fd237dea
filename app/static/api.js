// The one door to the studio: /api/v1, found relative to this file so that a root path works.

import { said, sentence, t } from "./words.js";

export const root = new URL("../", import.meta.url);
const v1 = new URL("api/v1/", root);
const PATIENCE = 20000;
const WAITS = [400, 1000, 2000, 4000, 8000];

/** The studio answered and said no; the message names the cure. */
export class Refused extends Error {
  constructor(status, message, later = 0) {
    super(sentence(said(message)));
    this.status = status;
    // Seconds after which there is room again.
    this.later = later;
  }
}

export const url = (path) => new URL(path, v1).href;
/** Address of a picture; replies carry it from the root of the studio. */
export const media = (item) => new URL(item.media.replace(/^\//, ""), root).href;
export const key = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

export async function call(method, path, body) {
  const reply = await request(method, path, body, AbortSignal.timeout(PATIENCE));
  return reply.json().catch(unreached);
}

async function request(method, path, body, signal) {
  const plain = body === undefined || body instanceof Blob || body instanceof FormData;
  const sent = fetch(url(path), {
    method,
    signal,
    headers: plain ? {} : { "content-type": "application/json" },
    body: plain ? body : JSON.stringify(body),
  });
  const reply = await sent.catch(unreached);
  if (reply.ok) return reply;
  if (reply.status === 401) location.assign(new URL("login", root));
  const told = await reply.json().catch(() => ({}));
  throw new Refused(reply.status, told.error ?? t("The studio answered {status} and gave no reason; try again.", { status: reply.status }), Number(reply.headers.get("retry-after")) || 0);
}

// A browser's own words ("Failed to fetch") name no cure. What the person stopped stays as it is.
function unreached(wrong) {
  if (wrong.name === "AbortError") throw wrong;
  const late = wrong.name === "TimeoutError";
  throw new Error(late ? t("The studio took too long to answer. It may be busy: try again in a moment.") : t("The studio cannot be reached. Is it still running?"), { cause: wrong });
}

/** Upload without the usual patience: pictures and files may take a while. */
export async function upload(path, body) {
  return (await request("POST", path, body)).json();
}

/** Try again with the same body until it is stored; `waiting(reason)` is told after each failure. */
export async function insist(path, body, waiting) {
  for (let n = 0; ; n += 1) {
    try {
      return await post(path, body);
    } catch (wrong) {
      const final = wrong instanceof Refused && wrong.status < 500 && ![408, 425, 429].includes(wrong.status);
      if (final) throw wrong;
      waiting(wrong);
      await pause(wrong.later ? 1000 * Math.min(wrong.later, 60) : WAITS[Math.min(n, WAITS.length - 1)]);
    }
  }
}

/** What to say while something is not stored yet: the studio's own words where it asked to wait. */
export const notYet = (wrong) => (wrong.status === 429 ? wrong.message : t("Not saved yet, trying again."));

/** Sleep, but wake at once when the network comes back. */
function pause(ms) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    addEventListener("online", () => (clearTimeout(timer), done()), { once: true });
  });
}

/** Lines of NDJSON as they arrive. */
export async function* stream(path, body, signal) {
  const reply = await request("POST", path, body, signal);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(unreached);
    rest += value ?? "";
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim()) yield JSON.parse(line);
    if (done) return;
  }
}
