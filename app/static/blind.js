// Two texts or pictures, one of them tuned; which is which is told after the choice.

import { upload } from "./api.js";
import { dialog } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { t, tn } from "./words.js";

const PROMPTS = { picture: ["a cat", "a sailboat", "an umbrella", "a frog", "a balloon"], text: ["Invite a friend to dinner on Friday.", "Describe a quiet street in the morning.", "Thank a neighbour for their help.", "Tell a child why leaves fall.", "Write a note to leave on the fridge."] };
const SAID = {
  text: [t("Both were written for the same sentence with the same luck."), t("Write two"), t("Writing both. This takes a few seconds."), t("two fresh drafts of the tuned one")],
  picture: [t("Both were drawn for the same words with the same luck."), t("Draw two"), t("Drawing both. This takes a few seconds."), t("two fresh pictures of the tuned one")],
};
const NAMES = { tuned: t("tuned for you"), plain: t("the plain model") };

export function tallyWords(tally) {
  if (!tally) return "";
  const judged = tally.mine + tally.other;
  return judged ? t("blind, you chose your own in {mine} of {n}", { mine: tally.mine, n: judged }) : "";
}

const shown = (trial, side) => (trial.kind === "picture" ? h("img", { class: "drawing", src: trial[side], alt: side === "left" ? t("the left picture") : t("the right picture") }) : h("p", { class: "passage", lang: "en", text: trial[side] }));

export function blind(row) {
  return dialog(t("Which do you like better?"), (close) => new Round(row, close).node, { wide: true });
}

function tally(mine, other, same) {
  if (!(mine + other)) return t("No choice yet.");
  const won = t("So far you chose your own in {mine} of {n}.", { mine, n: mine + other });
  return same ? `${won} ${tn("{n} tie.", "{n} ties.", same)}` : won;
}

class Round {
  constructor(row, close) {
    this.row = row;
    this.count = 0;
    this.prompts = PROMPTS[row.kind];
    const [how, begin, , fresh] = SAID[row.kind];
    this.prompt = h("textarea", { class: "field", rows: 2, maxlength: 2000, "aria-label": t("What should it be about?"), value: this.prompts[0] });
    this.stage = h("div", { class: "stage" });
    this.against = h("select", { class: "field short", "aria-label": t("What to compare") }, h("option", { value: "plain", text: t("tuned against plain") }), h("option", { value: "itself", text: fresh }));
    this.node = h("div", { class: "blind" }, h("p", { class: "note", text: `${how} ${t("One is tuned to you. Your choice also counts as an answer; choosing among fresh ones teaches the next tuning most.")}` }),
      this.prompt, h("div", { class: "row" }, this.against, button(begin, () => this.write(), { kind: "primary" }), button(t("Done"), () => close(true), { kind: "quiet" })), this.stage);
    this.node.addEventListener("keydown", (event) => this.keys(event));
  }

  async write() {
    clear(this.stage, h("p", { class: "status", role: "status", text: SAID[this.row.kind][2] }));
    const body = new Blob([JSON.stringify({ prompt: this.prompt.value.trim() || this.prompts[0], seed: Math.floor(Math.random() * 1000000), against: this.against.value })], { type: "application/json" });
    try {
      this.trial = await upload(`adapters/${this.row.id}/blind`, body);
      const card = (side, key) => h("section", { class: "sample" }, shown(this.trial, side), button(t("This one"), () => this.pick(side), { key }));
      clear(this.stage, h("div", { class: "two" }, card("left", "1"), card("right", "2")), h("div", { class: "row middle" }, button(t("No difference"), () => this.pick("same"), { key: "0" })));
      this.stage.querySelector("button")?.focus();
    } catch (wrong) {
      clear(this.stage, h("p", { class: "bad", role: "alert", text: wrong.message }));
    }
  }

  keys(event) {
    const side = { 1: "left", 2: "right", 0: "same" }[event.key];
    if (!side || !this.trial || event.target === this.prompt) return;
    event.preventDefault();
    this.pick(side);
  }

  async pick(side) {
    const trial = this.trial;
    this.trial = null;
    if (!trial) return;
    const body = new Blob([JSON.stringify({ pick: side })], { type: "application/json" });
    try {
      const told = await upload(`adapters/${this.row.id}/blind/${trial.trial}`, body);
      this.count += 1;
      this.prompt.value = this.prompts[this.count % this.prompts.length];
      const word = (where) => h("section", { class: `sample ${where === side ? "chosen" : ""}` }, h("h3", { text: NAMES[told[where]] }), shown(trial, where));
      const { mine, other, same } = told.tally;
      const score = told.fresh ? tn("{n} choice among fresh drafts so far.", "{n} choices among fresh drafts so far.", told.fresh) : tally(mine, other, same);
      clear(this.stage, h("div", { class: "two" }, word("left"), word("right")), h("p", { class: "strong", role: "status", text: score }), h("div", { class: "row" }, button(t("Another"), () => this.write(), { kind: "primary" })));
    } catch (wrong) {
      clear(this.stage, h("p", { class: "bad", role: "alert", text: wrong.message }));
    }
  }
}
