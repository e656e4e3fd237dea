// One made thing: an empty place, then a picture or growing text, with like and dislike under it.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { clear, h } from "./dom.js";
import { Judge } from "./judge.js";
import { tellLiking } from "./liking.js";
import { nameOf } from "./thing.js";
import { said, t } from "./words.js";

const WAITING = { plain: t("Writing."), personal: t("Several drafts are written and weighed; the first time takes longest.") };

export class Result {
  constructor(run, side, index) {
    Object.assign(this, { run, side, index, text: "", item: null });
    this.body = h("div", { class: "made-body waiting" }, run.medium === "text" && h("span", { class: "note", text: WAITING[side] }));
    this.label = h("span", { class: "note label" });
    this.score = h("span", { class: "note score" });
    this.judge = new Judge(run, side, index);
    this.node = h("article", { class: `result ${run.medium}` }, this.body,
      h("footer", {}, h("div", { class: "told" }, this.score, this.label), this.judge.node));
  }

  /** A piece of streamed text. */
  grow(delta) {
    this.text += delta;
    this.body.lang = "en";
    this.body.classList.remove("waiting");
    this.body.textContent = this.text;
  }

  finish(line) {
    this.done = true;
    this.body.classList.remove("waiting");
    this.item = line.item ?? { text: line.text };
    if (this.item.media) clear(this.body, this.#picture());
    else this.body.textContent = this.item.text ?? line.text ?? "";
    this.label.textContent = said(line.label ?? "");
    tellLiking(this.score, line.score ?? this.item.score, line.std ?? this.item.std);
    this.judge.enable();
  }

  #picture() {
    const image = h("img", { src: media(this.item), alt: nameOf(this.item) });
    return h("button", { type: "button", class: "look", "aria-label": t("Large view: {what}", { what: image.alt }), on: { click: () => zoom([this.item]) } }, image);
  }

  /** The run is over: a place that stayed empty says so. */
  settle() {
    this.body.classList.remove("waiting");
    if (!this.done && !this.text) this.body.replaceChildren();
  }
}
