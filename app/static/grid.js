// Several at a time: nine pictures or three passages; picks keep their click order.

import { media } from "./api.js";
import { captions } from "./caption.js";
import { h } from "./dom.js";
import { nameOf } from "./thing.js";
import { said, t } from "./words.js";

/** What a person sees of one thing: the picture, or the passage. What it shows is told, never how it is drawn. */
export function face(item, index, of) {
  if (!item.media) return h("span", { class: "passage", lang: "en", text: item.text });
  const [k, n] = [index + 1, of];
  const what = nameOf(item);
  const alt = what ? t("picture {k} of {n}: {what}", { k, n, what }) : t("picture {k} of {n}", { k, n });
  const image = h("img", { src: media(item), alt, draggable: "false", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(h("span", { class: "lost", text: t("This picture is missing.") })));
  return item.mark ? [image, h("span", { class: "made-for", text: said(item.mark) })] : image;
}

/** The task that all passages of a question answer, when it is one and the same. */
export function task(question) {
  const prompts = new Set(question.items.map((item) => item.prompt));
  const [only] = prompts;
  return question.medium === "text" && prompts.size === 1 && only ? only : "";
}

export class Grid {
  constructor(question, changed) {
    this.question = question;
    this.picks = [];
    this.changed = changed;
    this.tiles = question.items.map((item, index) => this.#tile(item, index));
    const tiles = h("div", {
      class: `grid ${question.medium}`, role: "group", "aria-label": t("Pick the ones you like"),
      style: { "--columns": question.medium === "text" ? Math.min(3, question.items.length) : Math.ceil(Math.sqrt(question.items.length)) },
    }, this.tiles);
    this.node = h("div", {}, tiles, captions(question));
  }

  #tile(item, index) {
    const badge = h("span", { class: "badge", "aria-hidden": "true", text: index + 1 });
    const kind = item.media ? "picture" : "text";
    return h("button", { type: "button", class: `tile ${kind}`, "aria-pressed": "false", "aria-keyshortcuts": index + 1,
      on: { click: () => this.toggle(index) } }, face(item, index, this.question.items.length), badge);
  }

  get images() {
    return [...this.node.querySelectorAll("img")];
  }

  toggle(index) {
    const item = this.question.items[index];
    if (!item || this.locked) return;
    const at = this.picks.indexOf(item.id);
    if (at < 0) this.picks.push(item.id);
    else this.picks.splice(at, 1);
    this.tiles[index].setAttribute("aria-pressed", String(at < 0));
    this.changed();
  }

  /** While an answer is on its way the picks stay as they were. */
  lock(locked) {
    this.locked = locked;
    this.node.classList.toggle("sending", locked);
  }

  focusLike(index) {
    this.tiles[Math.min(index, this.tiles.length - 1)]?.focus();
  }

  /** The thing the large view should show: the focused or hovered one, else all picks, else the first. */
  looking() {
    const index = this.tiles.findIndex((tile) => tile.matches(":focus-visible, :hover"));
    return [this.question.items[Math.max(0, index)]];
  }
}

