// One picture drawn twice on the same noise, plain and bent to a taste, one over the other: a handle
// moves the border between them. The handle is a range input, so keys and fingers work as ever.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { Judge } from "./judge.js";
import { tellLiking } from "./liking.js";
import { t } from "./words.js";

const SIDES = { plain: t("Plain"), personal: t("Yours") };

export class Twin {
  /** `index` is its number among the results, `number` the picture's own, from 0. */
  constructor(run, index, number, strengths) {
    Object.assign(this, { run, index, number, shown: {} });
    this.images = Object.fromEntries(Object.keys(SIDES).map((side) => [side, h("img", { alt: "", draggable: "false" })]));
    this.handle = h("input", { type: "range", min: 0, max: 100, step: 2, value: 0, disabled: true, "aria-label": t("Picture {k}: without your taste, from the left", { k: number + 1 }),
      on: { input: () => this.#cut() } });
    this.body = h("div", { class: "twin-body waiting" }, Object.keys(SIDES).map((side) => h("span", { class: `sheet-of ${side}` }, this.images[side])),
      h("span", { class: "corner plain", "aria-hidden": "true", text: t("plain") }), h("span", { class: "corner mine", "aria-hidden": "true", text: t("yours") }),
      h("span", { class: "border", "aria-hidden": "true" }, h("i", {}, icon("sides", 16))), this.handle);
    this.score = h("span", { class: "note score" });
    this.judge = new Judge(run, "personal", index);
    this.tools = [this.#tool("steps", t("Five strengths of it"), () => strengths(number)), this.#tool("large", t("Large view"), () => zoom(this.items()))];
    this.node = h("article", { class: "twin" }, this.body,
      h("footer", {}, this.score, h("div", { class: "tools" }, this.judge.node, h("div", { class: "judge" }, this.tools))));
    this.#cut();
  }

  #tool(picture, words, click) {
    return h("button", { type: "button", class: "button quiet round", disabled: true, "aria-label": words, title: words, on: { click } }, icon(picture));
  }

  #cut() {
    const share = Number(this.handle.value) / 100;
    this.body.style.setProperty("--cut", share);
    this.body.classList.toggle("mixed", share > 0);
    this.handle.setAttribute("aria-valuetext", share ? t("{p} % plain", { p: Number(this.handle.value) }) : t("all yours"));
  }

  /** A first look while it is being drawn. */
  look(line) {
    this.body.classList.replace("waiting", "drawing");
    this.images[line.side].src = line.image;
  }

  finish(line) {
    this.shown[line.side] = line;
    this.body.classList.remove("waiting");
    const image = this.images[line.side];
    image.src = line.image;
    image.alt = line.side === "plain" ? t("A drawing of {what}, plain", { what: this.run.prompt }) : t("A drawing of {what}, yours", { what: this.run.prompt });
    if (line.side === "personal") tellLiking(this.score, line.score, line.std);
    if (Object.keys(this.shown).length < 2) return;
    this.body.classList.remove("drawing");
    this.body.classList.toggle("same", this.shown.plain.image === this.shown.personal.image || !this.run.strength);
    this.handle.disabled = this.body.classList.contains("same");
    for (const tool of this.tools) tool.disabled = false;
    this.tools[0].hidden = !this.run.personal;
    this.judge.enable();
  }

  items() {
    const sides = this.body.classList.contains("same") ? ["personal"] : ["plain", "personal"];
    return sides.map((side) => ({ media: this.images[side].src, alt: this.images[side].alt, save: sides.length > 1 ? SIDES[side] : "", name: `${this.run.prompt.slice(0, 40)}-${side}.png` }));
  }

  settle() {
    this.body.classList.remove("waiting", "drawing");
  }
}
