// How sure somebody is of an answer: a slider from 1 to 100 that has no value until it is touched,
// so that nobody is led to the middle.

import { able, button, h } from "./dom.js";
import { number, t } from "./words.js";

export class Sure {
  constructor(sent, reconsider) {
    this.sent = sent;
    this.reconsider = reconsider;
    this.value = h("output", { class: "sure-value", "aria-hidden": "true" });
    this.slider = h("input", { type: "range", min: 1, max: 100, step: 1, value: 50, "aria-label": t("How sure are you?"),
      on: { input: () => this.#touch(), pointerup: () => this.#touch(), keydown: (event) => this.#moved(event) } });
    this.go = button(t("Continue"), () => this.#send(), { key: "Enter", kind: "primary" });
    this.back = button(t("Change my answer"), reconsider, { key: "Esc", kind: "quiet" });
    this.node = h("div", { class: "sure", hidden: true },
      h("p", { class: "sure-ask" }, h("span", { text: t("How sure are you?") }), this.value), this.slider,
      h("div", { class: "sure-ends note" }, h("span", { text: t("not at all") }), h("span", { text: t("completely") })),
      h("div", { class: "row" }, this.go, this.back));
  }

  get open() {
    return !this.node.hidden;
  }

  show() {
    if (this.open) return;
    this.touched = false;
    this.slider.value = 50;
    this.node.hidden = false;
    this.node.classList.remove("touched");
    this.slider.setAttribute("aria-valuetext", t("not set yet"));
    this.value.textContent = "";
    able(this.go, false);
    this.slider.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "nearest" });
  }

  hide() {
    this.node.hidden = true;
  }

  #touch() {
    this.touched = true;
    this.node.classList.add("touched");
    this.value.textContent = number(Number(this.slider.value));
    this.slider.setAttribute("aria-valuetext", number(Number(this.slider.value)));
    able(this.go, true);
  }

  // A key that moves it; Home and End may find it where it is already.
  #moved(event) {
    if (["Home", "End", "PageUp", "PageDown"].includes(event.key)) setTimeout(() => this.#touch());
  }

  #send() {
    if (this.touched) this.sent(Number(this.slider.value));
  }

  /** What a key does while the slider is open; arrows are the slider's own. */
  key({ key, target }) {
    if (key === "Escape") return () => this.reconsider();
    if (key === "Enter" && !target.matches("button:focus-visible")) return () => this.#send();
    const arrow = key.startsWith("Arrow") && target !== this.slider;
    return arrow ? () => this.slider.focus() : null;
  }
}
