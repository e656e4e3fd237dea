// A tuning at work: how far, how long, what it says, what it writes; the same in every browser.

import { get, post, url } from "./api.js";
import { confirm, toast } from "./dialogs.js";
import { button, clear, h, percent, s } from "./dom.js";
import { on, state, tell } from "./state.js";
import { pictures } from "./trying.js";
import { fixed, said, t } from "./words.js";

const EVERY = 1500;
const NAMES = { queued: t("Waiting its turn"), running: t("Tuning"), paused: t("Paused"), interrupted: t("Interrupted"), failed: t("It could not go on"), done: t("Done"), stopped: t("Stopped") };

/** Minutes in words, from seconds. */
export function lasting(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 60) return t("less than a minute to go");
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? t("about {n} min to go", { n: minutes }) : t("about {hours} h {n} min to go", { hours: Math.floor(minutes / 60), n: minutes % 60 });
}

export const share = (job) => (job.total ? job.done / job.total : 0);

/** The box of the job that is not over; hidden when there is none. */
export function jobBox() {
  const node = h("section", { class: "box job", hidden: true, "aria-label": t("Tuning") });
  const parts = { title: h("h2"), said: h("p", { class: "said", role: "status", "aria-live": "polite" }), bar: h("progress", { max: 1 }), left: h("p", { class: "note" }), buttons: h("div", { class: "row" }), plots: h("div", { class: "plots" }), ranked: h("p", { class: "note" }), samples: h("div", { class: "samples" }) };
  clear(node, parts.title, parts.said, parts.bar, parts.left, parts.buttons, parts.plots, parts.ranked, parts.samples);
  let timer = 0;
  let shown = null;
  const look = async () => {
    clearTimeout(timer);
    const now = state.job;
    if (!now || !state.profile) {
      if (shown !== null) tell("tuned");
      shown = null;
      node.hidden = true;
      return;
    }
    try {
      const job = await get(`jobs/${now.id}`);
      shown = job.id;
      node.hidden = false;
      paint(parts, job, look);
      if (["done", "stopped"].includes(job.state)) state.job = null;
      if (job.state === "running" || job.state === "queued") timer = setTimeout(() => !document.hidden && look(), EVERY);
      if (state.job === null) look();
    } catch (wrong) {
      node.hidden = wrong.status === 404;
      parts.left.textContent = wrong.message;
      timer = setTimeout(look, 2 * EVERY);
    }
  };
  on("job", look);
  on("profile", look);
  document.addEventListener("visibilitychange", () => !document.hidden && state.job && look());
  look();
  return node;
}

function paint(parts, job, look) {
  parts.title.textContent = `${NAMES[job.state]}: ${job.name}`;
  parts.said.textContent = doing(job);
  parts.said.classList.toggle("bad", job.state === "failed");
  const reading = job.message === "reading your answers" || job.message === "starting";
  if (job.total && !reading) parts.bar.value = share(job);
  else parts.bar.removeAttribute("value");
  parts.bar.setAttribute("aria-label", t("How far it is"));
  const steps = job.total && !reading ? t("Step {k} of {n}", { k: job.done, n: job.total }) : "";
  parts.left.textContent = [steps, lasting(job.eta)].filter(Boolean).join(", ");
  // Drawn anew only when they change: a button that is being pressed must stay, and so must the focus.
  const can = `${job.id} ${job.state} ${job.wish} ${job.can}`;
  if (parts.can !== can) clear(parts.buttons, buttons(job, look));
  parts.can = can;
  clear(parts.plots, plots(job.curve ?? []));
  const checked = (job.curve ?? []).filter((row) => row.ranking !== undefined).pop();
  parts.ranked.textContent = checked ? t("Of your pairs it finds what you chose likelier in {p} %; the best it could reach is {most} %.", { p: Math.round(100 * checked.ranking), most: Math.round(100 * checked.possible) }) : "";
  const seen = `${job.id} ${job.samples?.length}`;
  if (job.samples?.length && parts.seen !== seen) clear(parts.samples, job.samples[0].pictures ? drawings(job) : samples(job.samples));
  parts.seen = seen;
}

const WISHED = { pause: t("It pauses after this step."), stop: t("It stops after this step and keeps what it learned."), discard: t("It stops after this step.") };
const DOING = { starting: t("Loading the model."), "reading your answers": t("Reading your answers."), ready: t("Beginning."), learning: t("Learning.") };

function doing(job) {
  if (job.state === "interrupted") return t("Its process ended unexpectedly. Nothing is lost: go on from the last saved step.");
  if (job.state === "failed") return `${said(job.error)} ${t("Nothing is lost.")}`;
  if (job.state === "paused") return t("It has let go of the machine. Go on whenever you like.");
  if (job.wish) return WISHED[job.wish];
  const words = said(job.message);
  return DOING[job.message] ?? `${words[0]?.toUpperCase() ?? ""}${words.slice(1)}.`;
}

function buttons(job, look) {
  const wish = (what) => post(`jobs/${job.id}/wish`, { wish: what }).then(look, (wrong) => toast(wrong.message, null, { bad: true }));
  const drop = async () => (await confirm(t("Throw this tuning away?"), [t("What it has learned so far is deleted. Your answers stay.")], t("Throw away"))) && wish("discard");
  const made = { pause: [t("Pause"), () => wish("pause")], resume: [t("Go on"), () => wish("resume"), { kind: "primary" }], stop: [t("Stop and keep"), () => wish("stop")], discard: [t("Throw away"), drop, { kind: "quiet" }] };
  if (job.wish) return [];
  return ["resume", "pause", "stop", "discard"].filter((what) => job.can.includes(what)).map((what) => button(...made[what]));
}

const SHARES = ["agreement", "win"];
const PLOTS = [
  ["loss", t("Loss"), t("falls while it learns")],
  ["win", t("Liked more than plain"), t("of its pictures on the same seeds, by what is known of you")],
  ["agreement", t("Agreement"), t("answers it was not shown, guessed right")],
  ["distance", t("Distance from the plain model"), t("as a share of that model's own error")],
  ["kl", t("Distance from the plain model"), t("it is stopped before this grows too far")],
];

function plots(curve) {
  return PLOTS.map(([key, title, hint]) => {
    const rows = curve.filter((row) => row[key] !== undefined);
    if (rows.length < 2) return null;
    const last = rows[rows.length - 1][key];
    const told = SHARES.includes(key) ? percent(last) : fixed(last);
    return h("figure", { class: "plot" }, h("figcaption", {}, h("strong", { text: title }), ` ${told}`), line(rows, key, t("{title}: {value} at step {k}", { title, value: told, k: rows[rows.length - 1].step })), h("p", { class: "note", text: hint }));
  });
}

function line(rows, key, label) {
  const [wide, high] = [220, 64];
  const values = rows.map((row) => row[key]);
  const [low, top] = SHARES.includes(key) ? [0, 1] : [Math.min(...values, key === "kl" ? 0 : Infinity), Math.max(...values)];
  const span = rows[rows.length - 1].step - rows[0].step || 1;
  const x = (row) => 4 + ((wide - 8) * (row.step - rows[0].step)) / span;
  const y = (value) => 6 + (high - 12) * (1 - (value - low) / (top - low || 1));
  const end = rows[rows.length - 1];
  return s("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label, class: "spark" },
    s("path", { class: "line", d: `M${rows.map((row) => `${x(row).toFixed(1)},${y(row[key]).toFixed(1)}`).join(" L")}` }),
    s("circle", { class: "point", cx: x(end), cy: y(end[key]), r: 3 }));
}

/** The base model's row on top; a step done again after a resume counts once. */
function drawings(job) {
  const rows = [...new Map(job.samples.map((row) => [row.step, row])).values()].sort((a, b) => a.step - b.step);
  const sources = (row) => row.pictures.map((name) => url(`jobs/${job.id}/samples/${name}`));
  return h("details", { open: true }, h("summary", { text: t("What it draws") }),
    h("p", { class: "note", text: t("{prompts}; the same seeds in every row.", { prompts: rows[0].prompts.join(", ") }) }),
    rows.map((row) => pictures(row.step ? t("After step {k}", { k: row.step }) : t("The plain model"), sources(row), row.step ? t("drawn after step {k}", { k: row.step }) : t("drawn by the plain model"), row.step ? t("Liked more than plain in {n} of 100, by what is known of you.", { n: Math.round(100 * row.win) }) : "")));
}

function samples(rows) {
  const [first, ...later] = rows;
  const column = (title, texts) => h("section", { class: "sample" }, h("h3", { text: title }), texts.map((text) => h("p", { class: "passage", lang: "en", text })));
  const last = later[later.length - 1];
  return h("details", { open: true }, h("summary", { text: t("What it writes") }),
    h("p", { class: "note", text: first.prompts.join(" / ") }),
    h("div", { class: "two" }, column(t("The plain model"), first.texts), last ? column(t("After step {k}", { k: last.step }), last.texts) : h("p", { class: "note", text: t("The first sample comes with the first check.") })));
}
