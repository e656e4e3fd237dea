// Why? A few words about the last pick, one tap each, or some of one's own; never in the way of the next.

import { insist, key, Refused } from "./api.js";
import { button, clear, h } from "./dom.js";
import { said, t } from "./words.js";

export class Why {
  constructor(say) {
    this.say = say;
    this.chips = h("div", { class: "row", role: "group", "aria-label": t("Reasons") });
    this.words = h("input", { class: "field", maxlength: 200, placeholder: t("or in your own words"), "aria-label": t("The reason in your own words") });
    this.words.addEventListener("change", () => this.#give());
    this.words.addEventListener("keydown", (event) => event.key === "Enter" && this.words.blur());
    this.node = h("section", { class: "why row middle", hidden: true, "aria-label": t("Why?") },
      h("p", { class: "note" }, t("Why the last pick? One tap, if you like."), " ", h("kbd", { text: "C" })), this.chips, this.words);
  }

  /** Ask about the answer that was just stored. */
  ask(profile, seq, chips) {
    this.about = { profile, seq, taken: new Set(), words: "" };
    this.words.value = "";
    clear(this.chips, chips.map((chip) => {
      const tap = button(said(chip), () => this.#tap(chip, tap), { "aria-pressed": "false" });
      return tap;
    }));
    this.node.hidden = !chips.length;
  }

  hide() {
    this.about = null;
    this.node.hidden = true;
  }

  /** The key C: to the first of them. */
  focus() {
    this.chips.querySelector("button")?.focus();
  }

  #tap(chip, tap) {
    const { taken } = this.about;
    if (!taken.delete(chip)) taken.add(chip);
    tap.setAttribute("aria-pressed", String(taken.has(chip)));
    this.#give();
  }

  // All of it every time: the last one that arrives is what holds, so they go one after another.
  #give() {
    const about = this.about;
    if (!about) return;
    const body = { chips: [...about.taken], words: this.words.value, idempotency_key: key() };
    const send = () => insist(`profiles/${about.profile}/answers/${about.seq}/reason`, body, () => this.say(t("The reason is not saved yet, trying again."), true));
    about.sent = (about.sent ?? Promise.resolve()).then(send).then(
      () => this.say(body.chips.length || body.words.trim() ? t("Reason saved.") : t("Reason taken back.")),
      (wrong) => this.say(wrong instanceof Refused ? wrong.message : t("The reason could not be saved; try again."), true));
  }
}
