// One picture on one seed at five strengths, drawn in one batch; a click sets the slider.

import { stream } from "./api.js";
import { clear, h } from "./dom.js";
import { said, sentence, t } from "./words.js";

const WORDS = { 0: t("plain"), 0.25: t("a quarter"), 0.5: t("half"), 0.75: t("three quarters"), 1: t("yours") };

export class Strengths {
  constructor(choose) {
    this.choose = choose;
    this.title = h("h3");
    this.status = h("p", { class: "note", role: "status", "aria-live": "polite" });
    this.row = h("div", { class: "strengths-row" });
    this.node = h("section", { class: "strengths", hidden: true, "aria-label": t("Five strengths") }, this.title, this.status, this.row);
  }

  /** Whether the strip on the page belongs to this run; then its mark moves along. */
  fits(run) {
    const same = this.of && this.of.profile === run.profile && this.of.prompt === run.prompt && this.of.seed === run.seed;
    if (same) this.#mark(run.strength);
    return Boolean(same);
  }

  hide() {
    this.control?.abort();
    this.of = null;
    this.node.hidden = true;
  }

  async show(run, number) {
    this.hide();
    this.of = run;
    const control = (this.control = new AbortController());
    this.title.textContent = t("Picture {k} at five strengths", { k: number + 1 });
    this.status.textContent = t("Drawing.");
    this.tiles = new Map(Object.keys(WORDS).sort().map((strength) => [Number(strength), this.#tile(Number(strength))]));
    clear(this.row, [...this.tiles.values()]);
    this.#mark(run.strength);
    this.node.hidden = false;
    this.node.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth" });
    const body = { prompt: run.prompt, seed: run.seed, index: number };
    if (run.depth && run.depth !== "instant") body.depth = run.depth;
    try {
      for await (const line of stream(`profiles/${run.profile}/strip`, body, control.signal)) this.#line(line);
    } catch (wrong) {
      if (!control.signal.aborted) this.status.textContent = wrong.message;
    }
  }

  #tile(strength) {
    return h("button", { type: "button", class: "strength-tile waiting", disabled: true, on: { click: () => this.choose(strength) } },
      h("span", { class: "sheet-of" }, h("img", { alt: "", draggable: "false" })), h("span", { class: "note", text: WORDS[strength] }));
  }

  #line(line) {
    const tile = this.tiles.get(line.strength);
    if (line.type === "error") this.status.textContent = sentence(said(line.error));
    if (line.type === "done") this.status.textContent = t("The same seed each time. Choose one to set the slider.");
    if (!tile) return;
    const image = tile.querySelector("img");
    tile.classList.remove("waiting");
    tile.classList.toggle("drawing", line.type === "look");
    image.src = line.image;
    tile.disabled = line.type === "look";
    if (line.type === "sample") image.alt = t("Strength {p} %", { p: Math.round(100 * line.strength) });
  }

  #mark(strength) {
    for (const [each, tile] of this.tiles ?? []) tile.setAttribute("aria-pressed", String(Math.abs(each - strength) < 0.01));
  }
}
