// The line on top of every page: whose taste, how well known, what runs, what leaves the machine.

import { askName, dialog, toast } from "./dialogs.js";
import { button, clear, h, icon, percent } from "./dom.js";
import { mark } from "./examples.js";
import { lasting, share } from "./job.js";
import { LEVELS, accuracyWords } from "./liking.js";
import { HERE, create, on, rename, state, use } from "./state.js";
import { toggleSettings } from "./settings.js";
import { go } from "./tabs.js";
import { number, said, t, tn } from "./words.js";

const HALTED = { paused: t("tuning paused"), interrupted: t("tuning interrupted"), failed: t("tuning failed") };

export function header(offline) {
  return h("div", { class: "bar", role: "group", "aria-label": t("Your taste and this studio") }, profileMenu(), meter(), h("span", { class: "gap" }),
    jobChip(), makingChip(), deviceChip(), lockChip(offline), gear());
}

function profileMenu() {
  const name = h("span", { class: "name" });
  const badge = h("span", { class: "badge-place" });
  const opener = h("button", { type: "button", class: "whose", "aria-haspopup": "menu", "aria-expanded": "false",
    on: { click: () => (list.hidden ? open() : close()) } }, h("i", { class: "dot", "aria-hidden": "true" }), name, badge, icon("down", 14));
  const list = h("div", { class: "menu", role: "menu", hidden: true });
  const wrap = h("div", { class: "whose-wrap" }, opener, list);
  const paint = () => {
    name.textContent = title(state.profile);
    clear(badge, " ", mark(state.profile));
    opener.title = state.profile ? t("Whose taste this is") : t("A taste begins with your first pick");
  };
  const open = () => {
    clear(list, entries(close));
    list.hidden = false;
    wrap.dataset.menuOpen = "";
    opener.setAttribute("aria-expanded", "true");
    list.querySelector("button")?.focus();
  };
  const close = (back = true) => {
    list.hidden = true;
    delete wrap.dataset.menuOpen;
    opener.setAttribute("aria-expanded", "false");
    if (back) opener.focus();
  };
  wrap.addEventListener("keydown", (event) => !list.hidden && walk(event, list, close));
  wrap.addEventListener("focusout", (event) => !wrap.contains(event.relatedTarget) && !list.hidden && close(false));
  on("profile", paint);
  on("named", paint);
  paint();
  return wrap;
}

function title(profile) {
  if (!profile) return t("New here");
  if (profile.simulated) return said(profile.name);
  return profile.named || profile.name ? profile.name || t("Unnamed taste") : t("Unnamed taste");
}

function entries(close) {
  const entry = (text, run, more = {}, ...before) => h("button", { type: "button", role: "menuitem", tabindex: -1, on: { click: () => (close(), run()) }, ...more }, before, text);
  const rows = state.profiles.map((row) => entry(title(row), () => row.id === state.profile?.id || use(row),
    { role: "menuitemradio", "aria-checked": String(row.id === state.profile?.id) },
    h("i", { class: "dot", style: { "--own": row.colour || "#2f6fed" } }), mark(row)));
  return [...rows, rows.length ? h("hr") : null, entry(t("New taste..."), askNew),
    state.profile && entry(t("Rename..."), askRename)];
}

async function askNew() {
  const name = await askName(t("A new taste"), "", t("Begin"));
  if (name) await create(name).catch((wrong) => toast(wrong.message, null, { bad: true }));
}

async function askRename() {
  const name = await askName(t("Rename this taste"), state.profile.name || t("My taste"), t("Rename"));
  if (name) await rename(name).catch((wrong) => toast(wrong.message, null, { bad: true }));
}

function walk(event, list, close) {
  const rows = [...list.querySelectorAll("button")];
  const at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (event.key === "Escape") close();
  else if (to === undefined) return;
  else rows[(to + rows.length) % rows.length].focus();
  event.preventDefault();
  event.stopPropagation();
}

function meter() {
  const steps = h("span", { class: "steps", role: "meter", "aria-label": t("Knows you"), "aria-valuemin": 0, "aria-valuemax": 5 },
    [1, 2, 3, 4, 5].map(() => h("i")));
  const count = h("span", { class: "count" });
  // Said aloud when a step is gained or lost, not at every answer.
  const aloud = h("span", { class: "unseen", role: "status" });
  let before = null;
  const node = h("div", { class: "meter" }, h("span", { class: "label", text: t("knows you") }), steps, count, aloud);
  const paint = () => {
    const progress = state.progress[state.medium];
    const level = progress?.level ?? 0;
    const words = `${t("Knows you: {level}.", { level: LEVELS[level] })} ${accuracyWords(progress?.known)}`;
    [...steps.children].forEach((step, n) => step.classList.toggle("on", n < level));
    steps.setAttribute("aria-valuenow", level);
    steps.setAttribute("aria-valuetext", words);
    node.title = words;
    const whose = `${state.profile?.id} ${state.medium}`;
    if (before?.whose === whose && before.level !== level) aloud.textContent = t("Knows you: {level}.", { level: LEVELS[level] });
    if (progress) before = { whose, level };
    const answers = progress?.answers ?? state.profile?.answers?.[state.medium] ?? 0;
    clear(count, number(answers), h("span", { class: "unit", text: ` ${tn("answer", "answers", answers)}` }));
  };
  for (const what of ["profile", "medium", "progress"]) on(what, paint);
  paint();
  return node;
}

/** The tuning that is on, wherever one looks; opens Keep. */
function jobChip() {
  const chip = h("button", { type: "button", class: "chip tuning", hidden: true, on: { click: () => go("keep") } });
  on("job", (job) => {
    chip.hidden = !job;
    if (!job) return;
    const going = job.state === "running" || job.state === "queued";
    const far = job.total && job.message !== "reading your answers" ? ` ${percent(share(job))}` : "";
    chip.textContent = going ? t("tuning") + far : HALTED[job.state] ?? t("tuning");
    chip.title = [job.name, lasting(job.eta)].filter(Boolean).join(": ");
    chip.classList.toggle("bad", job.state === "failed" || job.state === "interrupted");
  });
  return chip;
}

function makingChip() {
  const chip = h("span", { class: "chip making", role: "status", hidden: true });
  const paint = () => {
    chip.hidden = !state.making && state.online;
    chip.textContent = state.online ? t("making") : t("studio not reached");
    chip.classList.toggle("bad", !state.online);
  };
  on("making", paint);
  on("online", paint);
  return chip;
}

function deviceChip() {
  const word = h("span");
  const chip = h("button", { type: "button", class: "chip device", hidden: true, on: { click: toggleSettings } }, icon("chip", 16), word);
  on("system", (system) => {
    if (!system) return;
    chip.hidden = false;
    word.textContent = /cuda|gpu|mps/i.test(system.device ?? "") ? "GPU" : "CPU";
    chip.title = t("Runs on {what}: {why}", { what: word.textContent, why: said(system.reason ?? "") });
    chip.setAttribute("aria-label", chip.title);
  });
  return chip;
}

function lockChip(offline) {
  const words = [HERE ? "" : t("You look at a studio on another machine: what you see and choose travels between it and this browser."),
    t("Everything stays on the machine that the studio runs on: pictures, texts, answers, models. The studio opens no connection to anywhere else."),
    offline ? t("It was started with --offline, which also refuses every download by name.") : t("To be doubly sure, start it with --offline.")].filter(Boolean);
  const tell = () => dialog(HERE ? t("Nothing leaves this machine") : t("What leaves this machine"), () => h("div", {}, words.map((text) => h("p", { text }))));
  return h("button", { type: "button", class: "chip", title: words[0], on: { click: tell } }, icon("lock", 16), h("span", { text: HERE ? t("local") : t("network") }));
}

function gear() {
  const node = button("", toggleSettings, { kind: "quiet round", "aria-label": t("Settings"), title: t("Settings") });
  clear(node, icon("gear", 20));
  return node;
}
