// What was tuned: try it, compare it blind, carry it away, bring one in, let it go.

import { get, patch, remove, stream, upload, url } from "./api.js";
import { askName, confirm, dialog, toast } from "./dialogs.js";
import { button, clear, h, icon, percent } from "./dom.js";
import { blind, tallyWords } from "./blind.js";
import { on, setMedium, state, tell } from "./state.js";
import { go } from "./tabs.js";
import { tryOut } from "./trying.js";
import { copyable } from "./tune.js";
import { moment, said, t, tn } from "./words.js";

export function adapterBox() {
  const list = h("div", { class: "stack" });
  const node = h("section", { class: "box adapters" }, h("div", { class: "topline" }, h("h2", { text: t("Tuned for you") }), bringIn(() => paint())), list);
  const paint = async () => {
    if (!state.profile) return;
    try {
      const { adapters } = await get(`profiles/${state.profile.id}/adapters`);
      clear(list, adapters.length ? adapters.map((row) => one(row, paint)) : h("p", { class: "note", text: t("Nothing yet. What you tune is kept here: try it, compare it blind, take it to other programs.") }));
    } catch (wrong) {
      clear(list, h("p", { class: "bad", text: wrong.message }), h("div", { class: "row" }, button(t("Try again"), paint)));
    }
  };
  for (const what of ["profile", "tuned"]) on(what, paint);
  return { node, paint };
}

function one(row, paint) {
  const act = (work) => work.then(paint, (wrong) => toast(wrong.message, null, { bad: true }));
  const rename = async () => {
    const name = await askName(t("Rename"), row.name, t("Rename"));
    if (name) act(patch(`adapters/${row.id}`, { name }));
  };
  const drop = async () => (await confirm(t("Delete “{name}”?", { name: row.name }), [t("The tuned numbers and its exports are deleted. Your answers stay, and you can tune again.")], t("Delete"))) && act(remove(`adapters/${row.id}`));
  const used = button("", () => act(patch(`adapters/${row.id}`, { chosen: !row.chosen })), { "aria-pressed": String(row.chosen) });
  clear(used, row.chosen ? icon("check", 16) : null, h("span", { class: "word", text: row.chosen ? t("Used in Create") : t("Use in Create") }));
  const drawn = row.kind === "picture";
  const attempt = () => (drawn ? row.fits && tryOut(row) : (setMedium("text"), go("create"), tell("try", row)));
  return h("article", { class: "adapter" },
    h("div", { class: "topline" }, h("h3", { text: row.name }), used),
    h("p", { class: "note", text: facts(row) }),
    row.fits ? null : h("p", { class: "bad", text: t("Tuned on another model ({model}); start the studio with that one to use it.", { model: row.base }) }),
    h("div", { class: "row" }, button(t("Try it"), attempt, { kind: "primary", "aria-disabled": String(!row.fits) }), button(t("Compare blind"), () => row.fits && blind(row).then(paint)),
      button(t("Take it away..."), () => away(row)), button(t("Rename"), rename, { kind: "quiet" }), button(t("Delete"), drop, { kind: "quiet" })));
}

function facts(row) {
  const { card } = row;
  const seen = card.measured?.agreement;
  const won = card.measured?.win;
  return [row.kind === "picture" ? t("pictures") : t("words"), moment(row.created),
    card.answers ? tn("from {n} answer", "from {n} answers", card.answers) : t("brought in"), card.steps ? tn("{n} step", "{n} steps", card.steps) : "",
    seen === undefined || seen === null ? "" : tn("guesses {p} of {n} answer it was not shown", "guesses {p} of {n} answers it was not shown", card.measured.held ?? 0, { p: percent(seen) }),
    won === undefined ? "" : t("{p} of its pictures liked more than plain, by what is known of you", { p: percent(won) }),
    said(card.verdict), tallyWords(card.blind)].filter(Boolean).join(" · ");
}

function bringIn(done) {
  const file = h("input", { type: "file", accept: ".zip,application/zip", hidden: true, "aria-label": t("Adapter file") });
  const opener = button(t("Bring one in..."), () => state.profile && file.click());
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    opener.disabled = true;
    try {
      const made = await upload(`profiles/${state.profile.id}/adapters/import`, file.files[0]);
      toast(t("{name} is here.", { name: made.name }));
      done();
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
    file.value = "";
    opener.disabled = false;
  });
  return h("span", {}, file, opener);
}

/** Every target with its tick; each is loaded again by its own tool before it is offered. */
function away(row) {
  return dialog(t("Take “{name}” away", { name: row.name }), () => {
    const list = h("div", { class: "stack" }, h("p", { text: t("Looking.") }));
    const own = h("section", { class: "target" }, h("div", { class: "topline" }, h("h3", { text: t("Another Penchant") }), h("a", { class: "button", href: url(`adapters/${row.id}/file`), download: "" }, icon("file"), t("Download"))), h("p", { class: "note", text: t("Every byte is checked when it is brought in.") }));
    get(`adapters/${row.id}/exports`).then(({ targets, unfit }) => clear(list, own, targets.filter((told) => !told.words).map((told) => target(row, told)), unfit.map((told) => h("p", { class: "note", text: said(told.why) })), answersOf(row, targets.filter((told) => told.words))), (wrong) => clear(list, h("p", { class: "bad", text: wrong.message })));
    return h("div", {}, h("p", { text: t("Each file is written, then loaded again by the program it is for, and compared with what you see here. What does not match is not offered.") }), list);
  }, { wide: true });
}

/** Targets that hold texts: how much of them may leave is asked once, above them all. */
function answersOf(row, targets) {
  const privacy = h("select", { class: "field", id: "export-privacy", "aria-label": t("Which answers may leave") },
    h("option", { value: "pseudonymous", text: t("leave out what I wrote or had written") }), h("option", { value: "full", text: t("everything, my own words and the title too") }));
  const box = h("div", { class: "stack" });
  const fill = () => clear(box, targets.map((told) => target(row, told, privacy.value)));
  privacy.addEventListener("change", fill);
  fill();
  return [h("section", { class: "target" }, h("h3", { text: t("Your answers") }), h("p", { class: "note", text: t("These files hold texts you judged, not the tuned numbers.") }), privacy), box];
}

function target(row, told, privacy = "vector only") {
  const node = h("section", { class: "target" });
  const path = `adapters/${row.id}/exports/${told.name}`;
  const make = async () => {
    paint(told, t("Writing it and loading it again. This takes up to a minute."));
    try {
      for await (const line of stream(path, { privacy })) {
        if (line.type === "done") Object.assign(told, line.target);
        if (line.type === "error") throw new Error(line.error);
      }
      paint(told);
    } catch (wrong) {
      paint({ ...told, state: "refused", why: wrong.message });
    }
  };
  const here = (now) => now.state === "made" && now.privacy === privacy;
  const paint = (now, busy = "") => clear(node,
    h("div", { class: "topline" }, h("h3", { text: said(now.label) }), busy ? null : tick(now), busy ? null : here(now) ? h("a", { class: "button", href: url(`${path}/file`), download: "" }, icon("file"), t("Download")) : button(t("Make it"), make)),
    busy ? h("p", { class: "note", role: "status", text: busy }) : null,
    now.why && !busy ? h("p", { class: now.state === "refused" ? "bad" : "note", text: sentence(said(now.why)) }) : null,
    here(now) && now.snippet ? used(said(now.snippet)) : null);
  paint(told);
  return node;
}

/** The words of use: what stands between backticks is to be copied, the rest is to be read. */
function used(text) {
  const parts = text.split("`");
  const code = parts.filter((_, n) => n % 2 === 1).join("\n");
  const words = parts.filter((_, n) => n % 2 === 0).join("").replace(/^[\s,.;]+|\s+(?=\.)/g, "").trim();
  return h("div", { class: "usage" }, code ? copyable(h("code", { text: code })) : null, words.length > 24 ? h("p", { class: "note", text: sentence(words) }) : null);
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function tick(told) {
  if (told.state !== "made") return told.state === "refused" ? h("span", { class: "tick no", text: t("refused") }) : null;
  const good = told.tick === "loaded there";
  return h("span", { class: `tick ${good ? "yes" : ""}`, title: told.words ? t("{k} of {n} rows came back as written", { k: told.matched, n: told.total }) : t("{k} of {n} names found their place", { k: told.matched, n: told.total }) }, good ? icon("check", 16) : null, said(told.tick));
}

