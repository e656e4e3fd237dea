// Why this prediction? The two properties that decided, and the past answers that moved it most.

import { answered, saidWords } from "./answered.js";
import { get } from "./api.js";
import { dialog } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { state } from "./state.js";

/** A small button that opens the reasons for one thing of a list. */
export function why(item) {
  const name = item.alt ?? item.prompt ?? "";
  return button("Why?", () => ask(item), { kind: "quiet why-button", "aria-label": `Why? ${name}` });
}

function ask(item) {
  const body = h("div", { class: "because" }, h("p", { class: "note", text: "Looking through your answers." }));
  const load = async () => {
    try {
      clear(body, reasons(await get(`profiles/${state.profile.id}/why/${item.id}?medium=${state.medium}`)));
    } catch (wrong) {
      clear(body, h("p", { class: "bad", text: wrong.message }), button("Try again", load));
    }
  };
  load();
  return dialog("Why this?", () => body, { wide: true });
}

function reasons({ item, gap, axes, answers }) {
  const above = gap > 0;
  const noun = item.media ? "picture" : "passage";
  const words = axes.map((axis) => axis.word);
  const sentence = words.length
    ? `It is rated ${above ? "above" : "below"} an average ${noun}, most of all for being ${words.join(" and ")}.`
    : `It is rated ${above ? "above" : "below"} an average ${noun}; no named property says why.`;
  return [
    h("div", { class: "because-head" }, answered({ items: [{ ...item, picked: false }] }), h("div", {}, h("p", { class: "strong", text: sentence }),
      h("p", { class: "note", text: axes.map((axis) => `${axis.name}: ${signed(axis.part)} of ${signed(gap)}`).join("; ") }))),
    answers.length ? h("h3", { text: "Your answers that say most about it" }) : h("p", { class: "note", text: "No answer says anything about it yet." }),
    h("ol", {}, answers.map((row) => h("li", { class: "check" }, answered(row), h("div", {}, h("p", { class: "note", text: saidWords(row) }),
      h("p", { text: `${row.effect > 0 ? "Speaks for it" : "Speaks against it"}: without this answer it would stand ${Math.abs(row.effect).toFixed(2)} ${row.effect > 0 ? "lower" : "higher"}.` }))))),
    h("p", { class: "note", text: "Figures are log odds of picking it over an average one: 0 is even, 1 is about 73 %." }),
  ];
}

const signed = (value) => `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`;
