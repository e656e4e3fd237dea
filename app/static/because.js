// Why this prediction? The two properties that decided, and the past answers that moved it most.

import { answered, saidWords } from "./answered.js";
import { get } from "./api.js";
import { dialog } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { state } from "./state.js";
import { nameOf } from "./thing.js";
import { fixed, listed, said, t } from "./words.js";

/** A small button that opens the reasons for one thing of a list. */
export function why(item) {
  return button(t("Why?"), () => ask(item), { kind: "quiet why-button", "aria-label": t("Why? {what}", { what: nameOf(item) }) });
}

function ask(item) {
  const body = h("div", { class: "because" }, h("p", { class: "note", text: t("Looking through your answers.") }));
  const load = async () => {
    try {
      clear(body, reasons(await get(`profiles/${state.profile.id}/why/${item.id}?medium=${state.medium}`)));
    } catch (wrong) {
      clear(body, h("p", { class: "bad", text: wrong.message }), button(t("Try again"), load));
    }
  };
  load();
  return dialog(t("Why this?"), () => body, { wide: true });
}

function reasons({ item, gap, axes, answers }) {
  const words = listed(axes.map((axis) => said(axis.word)));
  const sentence = `${rated(gap > 0, Boolean(item.media))} ${words ? t("Most of all for this: {words}.", { words }) : t("No named property says why.")}`;
  return [
    h("div", { class: "because-head" }, answered({ items: [{ ...item, picked: false }] }), h("div", {}, h("p", { class: "strong", text: sentence }),
      h("p", { class: "note", text: axes.map((axis) => t("{axis}: {part} of {all}", { axis: said(axis.name), part: signed(axis.part), all: signed(gap) })).join("; ") }))),
    answers.length ? h("h3", { text: t("Your answers that say most about it") }) : h("p", { class: "note", text: t("No answer says anything about it yet.") }),
    h("ol", {}, answers.map((row) => h("li", { class: "check" }, answered(row), h("div", {}, h("p", { class: "note", text: saidWords(row) }),
      h("p", { text: row.effect > 0 ? t("Speaks for it: without this answer it would stand {far} lower.", { far: fixed(row.effect) }) : t("Speaks against it: without this answer it would stand {far} higher.", { far: fixed(-row.effect) }) }))))),
    h("p", { class: "note", text: t("Figures are log odds of picking it over an average one: 0 is even, 1 is about 73 %.") }),
  ];
}

function rated(above, picture) {
  if (picture) return above ? t("It is rated above an average picture.") : t("It is rated below an average picture.");
  return above ? t("It is rated above an average passage.") : t("It is rated below an average passage.");
}

const signed = (value) => `${value > 0 ? "+" : "−"}${fixed(Math.abs(value))}`;
