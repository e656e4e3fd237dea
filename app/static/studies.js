// Studies of a researcher, in Settings: who took part, the data as files, deletion with proof.

import { get, remove, root, url } from "./api.js";
import { confirm, dialog, toast } from "./dialogs.js";
import { button, clear, h, icon, onShow } from "./dom.js";
import { report } from "./remove.js";
import { number, t, tn } from "./words.js";

/** Nothing at all until there is a study: it runs, or somebody took part in one. */
export function studies() {
  const list = h("div", { class: "studies" });
  const section = h("section", { hidden: true }, h("h3", { text: t("Studies") }), list);
  const load = async () => {
    const told = await get("studies").catch(() => null);
    if (!told) return;
    section.hidden = !told.studies.length;
    clear(list, told.studies.map((study) => one(study, load)));
  };
  load();
  onShow(section, load);
  return section;
}

function one(study, load) {
  const minutes = study.median_minutes === null ? "" : `, ${t("{minutes} minutes each (median)", { minutes: number(study.median_minutes) })}`;
  return h("article", { class: "study-row" }, h("h4", { text: study.title }),
    h("p", {}, `${tn("{n} began", "{n} began", study.started)}, ${tn("{n} finished", "{n} finished", study.completed)}${minutes}`),
    study.attention_failed ? h("p", { class: "note", text: tn("{n} failed an attention question.", "{n} failed an attention question.", study.attention_failed) }) : null,
    study.running ? invitation(study) : h("p", { class: "note", text: t("Not running now: start the studio with --study to let participants in.") }),
    study.started ? h("details", {}, h("summary", { text: t("Participants") }), people(study, load)) : null,
    study.started ? h("div", { class: "row" },
      h("a", { class: "button", href: url(`studies/${study.id}/export`), download: "" }, icon("file"), t("Data with codebook")),
      button(t("Delete..."), () => erase(study, load), { kind: "quiet" })) : null);
}

function invitation({ link, open, codes }) {
  const address = new URL(link, root).href;
  return [h("p", { class: "note", text: open ? t("Open to everybody who has this link:") : tn("{n} code; give each participant the link with a code of their own:", "{n} codes; give each participant the link with a code of their own:", codes) }),
    h("p", {}, h("code", { text: open ? address : `${address}&code=...` }))];
}

function people({ id, participants }, load) {
  const out = (p) => button(icon("trash"), () => withdraw(id, p.participant, load), { kind: "quiet round", "aria-label": t("Remove {name}", { name: p.participant }) });
  const row = (p) => h("tr", {}, h("th", { scope: "row", text: p.participant }), h("td", { text: t("{done} of {of}", { done: p.answered, of: p.of }) }),
    h("td", { text: p.attention_of ? t("attention {ok} of {of}", { ok: p.attention_ok, of: p.attention_of }) : "" }), h("td", {}, out(p)));
  return h("table", { class: "proof" }, participants.map(row));
}

async function erase(study, load) {
  const lines = [tn("Everything of {n} participant goes: answers, consent, the plan they were shown.", "Everything of {n} participants goes: answers, consent, the plans they were shown.", study.started),
    t("There is no undo. Take the data home first if you need it.")];
  if (await confirm(t("Delete {name}?", { name: study.title }), lines, t("Delete for good"))) await gone(`studies/${study.id}`, load);
}

async function withdraw(study, name, load) {
  const lines = [t("Their answers, consent and plan go, as if they had never come. Their code lets them in anew.")];
  if (await confirm(t("Remove {name}?", { name }), lines, t("Delete for good"))) await gone(`studies/${study}?participant=${name}`, load);
}

async function gone(path, load) {
  try {
    const proof = await remove(path);
    await dialog(t("It is gone"), () => report(proof));
    await load();
  } catch (wrong) {
    toast(wrong.message, null, { bad: true });
  }
}
