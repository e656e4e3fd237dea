// Delete a taste: first the list of what will go, afterwards the proof that it is gone.

import { remove } from "./api.js";
import { confirm, dialog, hideToast, toast } from "./dialogs.js";
import { button, h } from "./dom.js";
import { refresh, state } from "./state.js";
import { t, tn } from "./words.js";

const WORDS = {
  profiles: t("the taste itself"), questions: t("questions asked"), answers: t("answers given"), shown: t("things shown"), effective: t("answers in the sums"),
  tops: t("last-answer marks"), open_questions: t("open questions"), versions: t("versions"), generations: t("runs of Create"), items: t("own pictures and texts"),
  embeddings: t("measurements of them"), media: t("picture files"), jobs: t("jobs"), events: t("events"), starts: t("tastes it had helped to start, now without it"),
  studies: t("the study itself"), study_editions: t("study files"), study_sessions: t("participants"), study_questions: t("questions of their plans"), study_views: t("times of showing"),
};

export function removal() {
  return h("section", { class: "box" }, h("h2", { text: t("Delete this taste") }),
    h("p", { class: "note", text: t("Everything of it goes from this machine, at once. You see what went.") }),
    h("div", { class: "row" }, button(t("Delete..."), ask, { kind: "danger" })));
}

async function ask() {
  const profile = state.profile;
  const name = profile.name || t("this unnamed taste");
  const { picture = 0, text = 0 } = profile.answers ?? {};
  const seen = { picture: state.progress.picture?.answers ?? picture, text: state.progress.text?.answers ?? text };
  const goes = [
    tn("{n} answer about pictures and {words} about words", "{n} answers about pictures and {words} about words", seen.picture, { words: seen.text }),
    t("every version of what was learned, and every question asked"),
    t("everything made in Create"),
    t("your own pictures and texts that no other taste uses"),
  ];
  const sure = await confirm(t("Delete {name}?", { name }), [t("This goes:"), h("ul", {}, goes.map((line) => h("li", { text: line }))),
    t("There is no undo. A taste file made before on the Keep page can bring it back.")], t("Delete for good"));
  if (!sure) return;
  hideToast();
  try {
    const proof = await remove(`profiles/${profile.id}`);
    await dialog(t("It is gone"), () => report(proof));
    await refresh(null);
  } catch (wrong) {
    toast(wrong.message, null, { bad: true });
  }
}

/** What went, and that nothing is left. */
export function report({ removed, left, backups = [] }) {
  const rows = Object.entries(removed).filter(([, count]) => count);
  return h("div", {},
    h("table", { class: "proof" }, rows.map(([table, count]) => h("tr", {}, h("th", { scope: "row", text: WORDS[table] ?? table }), h("td", { text: count })))),
    h("p", {}, h("strong", { text: left ? t("{n} rows are left. Please report this.", { n: left }) : t("0 left. Counted again after the deletion.") })),
    backups.length ? h("div", {}, h("p", { text: t("Older safety copies of the whole database still hold it. Delete these files too if you want it gone everywhere:") }),
      h("ul", {}, backups.map((path) => h("li", {}, h("code", { text: path }))))) : null);
}
