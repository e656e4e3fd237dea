// Two at a time. A click, an arrow or a swipe chooses; a long swipe or Shift means much better.

import { captions } from "./caption.js";
import { h } from "./dom.js";
import { face } from "./grid.js";
import { t } from "./words.js";

const SHORT = 56;
const LONG = 0.55;

export class Pair {
  constructor(question, choose) {
    this.question = question;
    this.choose = choose;
    this.cards = question.items.map((item, index) => this.#card(item, index));
    const cards = h("div", { class: `pair ${question.medium}`, role: "group", "aria-label": t("Which do you like more?") }, this.cards);
    this.node = h("div", {}, cards, captions(question));
  }

  #card(item, index) {
    const kind = item.media ? "picture" : "text";
    const tag = h("span", { class: "swiped", "aria-hidden": "true" });
    const node = h("div", { class: `card ${kind}`, on: { click: (event) => node.moved || this.choose(index, event.shiftKey ? 2 : 1) } },
      face(item, index, this.question.items.length), tag);
    this.#swipe(node, tag, index);
    return node;
  }

  // Touch only: a mouse has buttons and keys. `moved` keeps the click after a drag from counting.
  #swipe(node, tag, index) {
    let start = null;
    const strength = (dx) => (Math.abs(dx) > LONG * node.clientWidth ? 2 : Math.abs(dx) > SHORT ? 1 : 0);
    const put = (dx) => {
      node.style.setProperty("--dx", `${dx}px`);
      const much = strength(dx);
      node.dataset.swipe = much;
      tag.textContent = ["", t("This one"), t("Much better")][much];
    };
    node.addEventListener("pointerdown", (event) => {
      node.moved = false;
      start = event.pointerType === "touch" && !this.locked ? { x: event.clientX, id: event.pointerId } : null;
    });
    node.addEventListener("pointermove", (event) => {
      if (event.pointerId !== start?.id) return;
      const dx = event.clientX - start.x;
      if (Math.abs(dx) > 8) node.moved = true;
      put(dx);
    });
    const end = (event) => {
      if (event.pointerId !== start?.id) return;
      const much = event.type === "pointerup" ? strength(event.clientX - start.x) : 0;
      start = null;
      put(0);
      if (much) this.choose(index, much);
    };
    node.addEventListener("pointerup", end);
    node.addEventListener("pointercancel", end);
  }

  get images() {
    return [...this.node.querySelectorAll("img")];
  }

  /** Show which side was chosen while the answer is on its way; null takes the mark away. */
  mark(outcome) {
    const picked = outcome?.picks?.[0];
    this.question.items.forEach((item, index) => {
      const good = outcome === "both_good" || item.id === picked;
      this.cards[index].classList.toggle("chosen", Boolean(outcome) && good);
      this.cards[index].classList.toggle("passed", Boolean(outcome) && !good);
    });
  }

  lock(locked) {
    this.locked = locked;
  }

  looking() {
    return this.question.items;
  }
}
