// Keep: tuning and what came of it, earlier versions, files out and in, own things, delete.

import { adapterBox } from "./adapters.js";
import { get, post, upload, url } from "./api.js";
import { confirm, toast } from "./dialogs.js";
import { button, clear, h, icon, onShow } from "./dom.js";
import { jobBox } from "./job.js";
import { own } from "./own.js";
import { removal } from "./remove.js";
import { on, refresh, state, tell } from "./state.js";
import { go } from "./tabs.js";
import { tuneBox } from "./tune.js";
import { moment, said, t, tn } from "./words.js";

export function keepPage() {
  const body = h("div", { class: "keep-body" });
  const node = h("section", { class: "page keep", "aria-label": t("Keep") }, h("div", { class: "topline" }, h("h1", { text: t("Keep it, carry it, take it back") })), body);
  const versions = versionList();
  const tuning = tuneBox();
  const adapters = adapterBox();
  const job = jobBox();
  const paint = () => {
    if (!state.profile) return clear(body, empty());
    clear(body, h("div", { class: "stack" }, job, tuning.node, adapters.node), h("div", { class: "two" }, h("div", { class: "stack" }, carry(), versions.node), h("div", { class: "stack" }, own(), removal())));
    versions.paint();
    tuning.paint();
    adapters.paint();
  };
  on("profile", paint);
  on("named", paint);
  for (const what of ["medium", "progress"]) on(what, () => versions.paint());
  onShow(node, () => (versions.paint(), tuning.paint(), adapters.paint()));
  paint();
  return node;
}

function empty() {
  return h("div", { class: "nothing" }, h("p", { text: t("There is no taste to keep yet. Pick a few things, or bring a taste file from elsewhere.") }),
    h("div", { class: "row" }, button(t("Pick five things"), () => go("choose"), { kind: "primary" }), bringIn()));
}

function carry() {
  const path = `profiles/${state.profile.id}/export`;
  const link = (text, query) => h("a", { class: "button", href: url(`${path}?${query}`), download: "" }, icon("file"), text);
  const file = link(t("Taste file"), "what=bundle");
  const tuned = h("input", { type: "checkbox", on: { change: () => (file.href = url(`${path}?what=bundle${tuned.checked ? "&adapters=true" : ""}`)) } });
  return h("section", { class: "box" }, h("h2", { text: t("Files") }),
    h("p", { class: "note", text: t("The taste file holds everything of this taste: answers, versions and your own pictures. Bring it to another machine and go on there.") }),
    h("div", { class: "row" }, file, bringIn()), h("label", { class: "note" }, tuned, ` ${t("with what was tuned (about 10 MB each)")}`),
    h("p", { class: "note", text: t("Only the answers, for your own sums:") }),
    h("div", { class: "row" }, link(t("Answers as JSONL"), "what=answers&format=jsonl"), link(t("Answers as CSV"), "what=answers&format=csv")));
}

function bringIn() {
  const file = h("input", { type: "file", accept: ".penchant,application/octet-stream", hidden: true, "aria-label": t("Taste file") });
  const opener = button(t("Bring one in..."), () => file.click());
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    opener.disabled = true;
    try {
      const made = await upload("import", file.files[0]);
      await refresh(made.id);
      toast([t("{name} is here.", { name: made.name || t("The taste") }), ...(made.left_out ?? []).map((what) => t("Left out: {what}.", { what: said(what) }))].join(" "));
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
    file.value = "";
    opener.disabled = false;
  });
  return h("span", {}, file, opener);
}

function versionList() {
  const list = h("div", {});
  const node = h("section", { class: "box" }, h("h2", { text: t("Versions") }),
    h("p", { class: "note", text: t("A version is what was known at a moment. Going back takes later answers out of the sums; they stay in the record.") }), list);
  let drawn = null;
  const paint = async () => {
    const wanted = `${state.profile?.id} ${state.medium} ${state.progress[state.medium]?.answers}`;
    if (!state.profile || !node.checkVisibility() || wanted === drawn) return;
    drawn = wanted;
    try {
      const { versions } = await get(`profiles/${state.profile.id}/belief?medium=${state.medium}`);
      if (wanted === drawn) clear(list, table(versions));
    } catch (wrong) {
      drawn = null;
      clear(list, h("p", { class: "bad", text: wrong.message }), button(t("Try again"), paint));
    }
  };
  return { node, paint };
}

function table(versions) {
  if (!versions.length) return h("p", { text: t("None yet: the first one is written after a few answers.") });
  return h("ol", { class: "versions" }, versions.slice(0, 12).map((row, index) => h("li", {},
    h("span", {}, h("strong", { text: t("Version {n}", { n: versions.length - index }) }), h("span", { class: "note", text: ` ${moment(row.created)}${row.note ? `, ${said(row.note)}` : ""}` })),
    index ? button(t("Go back to this"), () => restore(row, versions.length - index)) : h("span", { class: "note", text: t("now") }))));
}


async function restore(row, number) {
  const sure = await confirm(t("Go back to version {n}?", { n: number }), [t("Answers given after it no longer count. They stay in the record and in the taste file.")], t("Go back"), "primary");
  if (!sure) return;
  try {
    const { taken_back: taken } = await post(`profiles/${state.profile.id}/restore`, { version: row.id });
    toast(taken === undefined ? t("Went back.") : tn("Went back: {n} answer taken out.", "Went back: {n} answers taken out.", taken));
    tell("stale");
    await refresh(state.profile.id);
  } catch (wrong) {
    toast(wrong.message, null, { bad: true });
  }
}
