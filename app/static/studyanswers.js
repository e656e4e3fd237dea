// The answers that a study allows, as buttons with their keys.

import { zoom } from "./dialogs.js";
import { able, button, clear, h } from "./dom.js";
import { t } from "./words.js";

const sides = (wide, narrow) => h("span", {}, h("span", { class: "wide-only", text: wide }), h("span", { class: "narrow-only", text: narrow }));

export class StudyAnswers {
  constructor(participant) {
    const b = (text, key, click, kind = "choice") => button(text, click, { key, kind });
    const pick = (index) => (event) => participant.pick(index, event.shiftKey ? 2 : 1);
    this.left = b(sides(t("Left"), t("Upper")), "←", pick(0));
    this.tie = b(t("Both good"), "↑", () => participant.choose("both_good"));
    this.bad = b(t("Both bad"), "↓", () => participant.choose("both_bad"));
    this.right = b(sides(t("Right"), t("Lower")), "→", pick(1));
    this.next = b(t("Next"), "Enter", () => participant.next());
    this.skip = b(t("Skip"), "S", () => participant.choose("skip"), "quiet");
    this.large = b(t("Large"), "Space", () => zoom(participant.view.looking()), "quiet");
    this.pairRow = h("div", { class: "row main", role: "group", "aria-label": t("Your answer") }, this.left, this.tie, this.bad, this.right);
    this.gridRow = h("div", { class: "row main" }, this.next);
    this.node = h("div", { class: "answers", hidden: true }, this.pairRow, this.gridRow, h("div", { class: "row small" }, this.skip, this.large));
  }

  /** For this question; what the study does not allow is not there. */
  show({ question, answers }) {
    const grid = question.kind === "grid";
    this.node.hidden = false;
    this.pairRow.hidden = grid;
    this.gridRow.hidden = !grid;
    this.tie.hidden = !answers.includes("tie");
    this.bad.hidden = !answers.includes("both bad");
    // Alone, a tie is not praise of both.
    clear(this.tie.querySelector(".word"), answers.includes("both bad") ? t("Both good") : t("No difference"));
    this.skip.hidden = !answers.includes("skip");
    clear(this.skip.querySelector(".word"), grid ? sides(t("None of these"), t("None")) : t("Skip"));
    this.update([]);
  }

  update(picks) {
    able(this.next, picks.length > 0);
    this.next.classList.toggle("primary", picks.length > 0);
    clear(this.next.querySelector(".word"), picks.length ? t("Next, {n} picked", { n: picks.length }) : t("Next"));
  }

  focus() {
    (this.pairRow.hidden ? this.next : this.left).focus({ preventScroll: true });
  }
}
