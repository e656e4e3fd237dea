// The row of answers under the cards: real buttons, each with its key printed.

import { able, button, clear, h } from "./dom.js";
import { t } from "./words.js";

/** Two words, of which the width of the page shows one: cards stand side by side or stacked. */
const sides = (wide, narrow) => h("span", {}, h("span", { class: "wide-only", text: wide }), h("span", { class: "narrow-only", text: narrow }));

export class Answers {
  constructor(card) {
    const pick = (index) => (event) => card.pick(index, event.shiftKey ? 2 : 1);
    const b = (text, key, click, kind = "") => button(text, click, { key, kind });
    this.left = b(sides(t("Left"), t("Upper")), "←", pick(0), "choice");
    this.good = b(t("Both good"), "↑", () => card.answer("both_good"), "choice");
    this.bad = b(t("Both bad"), "↓", () => card.answer("both_bad"), "choice");
    this.right = b(sides(t("Right"), t("Lower")), "→", pick(1), "choice");
    this.next = b(t("Next"), "Enter", () => card.next(), "choice");
    this.skip = b(t("Skip"), "S", () => card.answer("skip"), "quiet");
    this.undo = b(t("Undo"), "Z", () => card.step("undo"), "quiet");
    this.redo = b(t("Redo"), "⇧Z", () => card.step("redo"), "quiet");
    this.zoom = b(t("Large"), "Space", () => card.zoom(), "quiet");
    this.other = button(sides(t("Something different"), t("Different")), () => card.different(), { kind: "quiet", title: t("A grid unlike what you saw lately, still likely to your taste. It counts like any other.") });
    this.help = b(t("Keys"), "?", () => card.help(), "quiet");
    this.pairRow = h("div", { class: "row main", role: "group", "aria-label": t("Your answer") }, this.left, this.good, this.bad, this.right);
    this.gridRow = h("div", { class: "row main" }, this.next, (this.show = showMe(card)));
    this.node = h("div", { class: "answers" }, this.pairRow, this.gridRow,
      h("div", { class: "row small" }, this.skip, this.undo, this.redo, this.zoom, this.other, this.help));
  }

  /** Bring every button in line with the question. */
  update({ question, picks, enough }) {
    const grid = question.kind === "grid";
    this.pairRow.hidden = grid;
    this.gridRow.hidden = !grid;
    able(this.next, picks > 0);
    this.next.classList.toggle("primary", grid && !enough && picks > 0);
    this.next.querySelector(".word").textContent = picks ? t("Next, {n} picked", { n: picks }) : t("Next");
    clear(this.skip.querySelector(".word"), grid ? sides(t("None of these"), t("None")) : t("Skip"));
    able(this.show, enough);
    this.show.classList.toggle("primary", enough);
    able(this.undo, question.can_undo);
    able(this.redo, question.can_redo);
    this.other.hidden = !enough;
  }
}

function showMe(card) {
  return button(t("Show me"), () => card.showMe(), { kind: "show", "aria-keyshortcuts": "Shift+Enter", title: t("Results in your taste. Three picks are enough.") });
}

