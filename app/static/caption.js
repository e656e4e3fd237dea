// What a person calls the pictures of a question, in their own words: folded away until wanted.

import { post } from "./api.js";
import { toast } from "./dialogs.js";
import { h } from "./dom.js";
import { keep, recall, state } from "./state.js";
import { t } from "./words.js";

const OPEN = "penchant.captions";
const SETTLED = 5;

/** Fields under the pictures of a question, or null: not for words, not on the first path. */
export function captions(question) {
  if (question.medium !== "picture" || (question.progress?.answers ?? 0) < SETTLED) return null;
  const fields = question.items.map((item, index) => field(item, index));
  const node = h("details", { class: `captions ${question.kind}-kind`, open: recall(OPEN) === "yes" },
    h("summary", { text: t("Captions") }), h("p", { class: "note", text: t("Your own words for what a picture shows. A picture model that you tune with captions learns each picture under its own.") }),
    h("div", { class: "caption-fields" }, fields));
  node.addEventListener("toggle", () => keep(OPEN, node.open ? "yes" : null));
  return node;
}

function field(item, index) {
  const input = h("input", { class: "field", maxlength: 200, value: item.caption ?? item.prompt ?? "", "aria-label": t("Caption of picture {k}", { k: index + 1 }),
    on: { change: () => save(item, input), keydown: (event) => event.key === "Enter" && (event.preventDefault(), input.blur()) } });
  return h("label", { class: "caption-field" }, h("span", { class: "note", "aria-hidden": "true", text: index + 1 }), input);
}

async function save(item, input) {
  try {
    const kept = await post(`profiles/${state.profile.id}/captions`, { item: item.id, words: input.value });
    item.caption = input.value = kept.caption;
    toast(t("Caption kept."));
  } catch (wrong) {
    toast(wrong.message, null, { bad: true });
  }
}
