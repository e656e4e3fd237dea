// Delete a taste: first the list of what will go, afterwards the proof that it is gone.

import { remove } from "./api.js";
import { confirm, dialog, hideToast, toast } from "./dialogs.js";
import { button, h, plural } from "./dom.js";
import { refresh, state } from "./state.js";

const WORDS = {
  profiles: "the taste itself", questions: "questions asked", answers: "answers", shown: "things shown", effective: "answers in the sums",
  tops: "last-answer marks", open_questions: "open questions", versions: "versions", generations: "runs of Create", items: "own pictures and texts",
  embeddings: "measurements of them", media: "picture files", jobs: "jobs", events: "events", starts: "tastes it had helped to start, now without it",
};

export function removal() {
  return h("section", { class: "box" }, h("h2", { text: "Delete this taste" }),
    h("p", { class: "note", text: "Everything of it goes from this machine, at once. You see what went." }),
    h("div", { class: "row" }, button("Delete...", ask, { kind: "danger" })));
}

async function ask() {
  const profile = state.profile;
  const name = profile.name || "this unnamed taste";
  const { picture = 0, text = 0 } = profile.answers ?? {};
  const seen = { picture: state.progress.picture?.answers ?? picture, text: state.progress.text?.answers ?? text };
  const goes = [
    `${plural(seen.picture, "answer")} about pictures and ${seen.text} about words`,
    "every version of what was learned, and every question asked",
    "everything made in Create",
    "your own pictures and texts that no other taste uses",
  ];
  const sure = await confirm(`Delete ${name}?`, ["This goes:", h("ul", {}, goes.map((line) => h("li", { text: line }))),
    "There is no undo. A taste file made before on the Keep page can bring it back."], "Delete for good");
  if (!sure) return;
  hideToast();
  try {
    const proof = await remove(`profiles/${profile.id}`);
    await dialog("It is gone", () => report(proof));
    await refresh(null);
  } catch (wrong) {
    toast(wrong.message, null, { bad: true });
  }
}

function report({ removed, left, backups = [] }) {
  const rows = Object.entries(removed).filter(([, count]) => count);
  return h("div", {},
    h("table", { class: "proof" }, rows.map(([table, count]) => h("tr", {}, h("th", { scope: "row", text: WORDS[table] ?? table }), h("td", { text: count })))),
    h("p", {}, h("strong", { text: left ? `${left} rows are left. Please report this.` : "0 left. Counted again after the deletion." })),
    backups.length ? h("div", {}, h("p", { text: "Older safety copies of the whole database still hold it. Delete these files too if you want it gone everywhere:" }),
      h("ul", {}, backups.map((path) => h("li", {}, h("code", { text: path }))))) : null);
}
