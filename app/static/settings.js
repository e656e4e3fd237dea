// Settings, in the sidebar that the gear opens: look, folder, models, device, privacy, keys.

import { account } from "./account.js";
import { admin } from "./admin.js";
import { get, post, root } from "./api.js";
import { shortcuts, toast } from "./dialogs.js";
import { button, clear, h, icon } from "./dom.js";
import { guideAgain } from "./guide.js";
import { helpRow } from "./report.js";
import { helping } from "./starting.js";
import { keep, on, recall, state } from "./state.js";
import { studies } from "./studies.js";
import { LANGUAGES, chooseLanguage, chosenLanguage, foreign, parts, said, t } from "./words.js";

const THEME = "penchant.theme";
const THEMES = { auto: t("System"), light: t("Light"), dark: t("Dark") };
const dark = matchMedia("(prefers-color-scheme: dark)");
let standard = "auto";

/** The choice of this browser, else what the studio was started with. */
export function startTheme(given) {
  standard = given in THEMES ? given : "auto";
  dark.addEventListener("change", applyTheme);
  applyTheme();
}

const theme = () => (recall(THEME) in THEMES ? recall(THEME) : standard);

function applyTheme() {
  const chosen = theme();
  const isDark = chosen === "dark" || (chosen === "auto" && dark.matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  document.body.classList.toggle("dark", isDark);
}

let node = null;
let opener = null;

/** Gradio's sidebar opens by its own button, the first one inside it; shut, its contents are out of reach. */
export function toggleSettings() {
  document.querySelector("#settings button")?.click();
  node.inert = !node.inert;
  if (node.inert) return opener?.focus();
  opener = document.activeElement;
  setTimeout(() => node.querySelector("button").focus({ preventScroll: true }), 60);
}

export function settings() {
  const facts = h("div", { class: "facts" });
  const paint = () => {
    clear(facts, describe(state.system));
    node.querySelector(".version").textContent = `Penchant ${state.system?.version ?? ""}`;
  };
  const shut = button("", toggleSettings, { kind: "quiet round", "aria-label": t("Close settings") });
  clear(shut, icon("close"));
  node = h("div", { class: "settings", role: "region", "aria-label": t("Settings"), inert: true, on: { keydown: (event) => event.key === "Escape" && toggleSettings() } },
    h("header", {}, h("h2", { text: t("Settings") }), shut), speech(), look(), drawing(), helping(), studies(), account(), admin(), facts, privacy(),
    h("section", {}, h("h3", { text: t("Keys and guide") }), h("div", { class: "row" }, button(t("Show the keys"), shortcuts), guideAgain())), doctor(), goodbye());
  on("system", paint);
  paint();
  return node;
}

function look() {
  const options = Object.entries(THEMES).map(([name, word]) => h("button", { type: "button", class: "option", text: word, data: { name },
    on: { click: () => (keep(THEME, name), applyTheme(), paint()) } }));
  const paint = () => options.forEach((option) => option.setAttribute("aria-pressed", String(option.dataset.name === theme())));
  paint();
  return h("section", {}, h("h3", { text: t("Look") }), h("div", { class: "switch", role: "group", "aria-label": t("Look") }, options));
}

// The language is this browser's choice; the page is read anew in it.
function speech() {
  const now = chosenLanguage();
  const options = Object.entries({ auto: t("As the browser"), ...LANGUAGES }).map(([name, word]) => h("option", { value: name, lang: LANGUAGES[name] && name, selected: name === now, text: word }));
  const pick = h("select", { class: "field", id: "language", on: { change: () => chooseLanguage(pick.value) } }, options);
  return h("section", {}, h("h3", {}, h("label", { for: "language", text: t("Language") })), pick,
    foreign && h("p", { class: "note", text: t("The passages to compare and what the language model writes are English.") }));
}

// Whether pictures are drawn ahead for this person; the studio keeps the answer.
function drawing() {
  const options = [true, false].map((yes) => h("button", { type: "button", class: "option", text: yes ? t("On") : t("Off"), on: { click: () => flip(yes) } }));
  const section = h("section", { hidden: true }, h("h3", { text: t("Drawn for you") }), h("div", { class: "switch", role: "group", "aria-label": t("Drawn for you") }, options),
    h("p", { class: "note", text: t("While the machine is idle, pairs are drawn from your taste as it is now, and asked about on Choose: at most one question in six. They count when you answer.") }));
  const paint = (told) => {
    section.hidden = !told.ships;
    options.forEach((option, k) => option.setAttribute("aria-pressed", String(told.on === (k === 0))));
  };
  const flip = (yes) => post("drawn-for-you", { on: yes }).then(paint, (wrong) => toast(wrong.message, null, { bad: true }));
  on("system", () => get("drawn-for-you").then(paint, () => (section.hidden = true)));
  return section;
}

function describe(system) {
  if (!system) return [h("section", {}, h("p", { text: t("The studio has not told its folder and models yet.") }))];
  return [
    // Where it lies is told to whoever keeps the studio.
    system.data_folder && h("section", {}, h("h3", { text: t("Your data") }), h("p", {}, h("code", { text: system.data_folder })),
      h("p", { class: "note", text: t("Answers, tastes and your own pictures live in this folder. Copy it and you have copied everything.") })),
    h("section", {}, h("h3", { text: t("Runs on") }), h("p", { text: system.device }), h("p", { class: "note", text: said(system.reason) })),
    h("section", {}, h("h3", { text: t("Models") }), h("ul", { class: "models" }, (system.models ?? []).map(model))),
  ];
}

function model(row) {
  if (typeof row === "string") return h("li", { text: said(row) });
  const ready = row.ready ?? row.present;
  return h("li", {}, h("strong", { text: row.label ?? row.name }), row.what || row.use ? ` ${said(row.what ?? row.use)}` : "",
    ready === undefined ? "" : h("span", { class: "note", text: ` ${ready ? t("ready") : t("not in place")}` }));
}

function privacy() {
  return h("section", {}, h("h3", { text: t("Privacy") }), h("p", { class: "note",
    text: t("The studio talks to no other machine: no accounts, no counting of visits, no downloads while it runs. What it learns is about pictures and texts, never about who you are.") }));
}

function doctor() {
  return h("section", {}, h("h3", { text: t("Something wrong?") }), h("p", { class: "note" },
    parts("In a terminal, {command} says what is missing and what to do. Its report holds none of your prompts or answers.", { command: h("code", { text: "python3 launch.py doctor" }) })),
    helpRow(), h("p", { class: "note version" }));
}

function goodbye() {
  const section = h("section", { hidden: true }, button(t("Log out"), async () => {
    await post("logout", {});
    location.assign(new URL("login", root));
  }));
  on("system", (system) => (section.hidden = !system?.login));
  section.hidden = !state.system?.login;
  return section;
}
