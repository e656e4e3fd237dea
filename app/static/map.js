// The map: the whole collection laid out by likeness, coloured by predicted liking, larger where surer.

import { media, root } from "./api.js";
import { zoom } from "./dialogs.js";
import { clear, h } from "./dom.js";
import { liking, likingWords } from "./liking.js";
import { t } from "./words.js";

// Blue to orange by way of grey: told apart with any kind of colour sight, and by shape as well.
const SCALE = { light: [[43, 98, 168], [176, 173, 167], [208, 98, 0]], dark: [[110, 165, 230], [112, 111, 116], [245, 160, 70]] };
const NEAR = 22;
const PAD = 18;

export class TasteMap {
  constructor(points, medium, known) {
    this.medium = medium;
    this.known = new Map(known.map((item) => [item.id, item]));
    const sharp = points.map((point) => point.std).sort((a, b) => a - b);
    const [least, most] = [sharp[0] ?? 0, sharp[sharp.length - 1] ?? 1];
    this.points = points.map((point) => ({ ...point, ...liking(point.score, point.std), sure: 1 - (point.std - least) / Math.max(1e-6, most - least) }));
    this.points.sort((a, b) => b.mean - a.mean);
    this.at = -1;
    this.canvas = h("canvas", { class: "map", tabindex: 0, role: "group", "aria-roledescription": t("map"), "aria-label": t("{n} of the collection, by predicted liking. Arrow keys go from the most to the least liked, Enter opens.", { n: points.length }) });
    this.card = h("div", { class: "map-card", hidden: true, "aria-live": "polite" });
    this.node = h("figure", { class: "map-figure" }, h("div", { class: "map-box" }, this.canvas, this.card), legend());
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }

  #listen() {
    this.canvas.addEventListener("pointermove", (event) => this.#point(this.#near(event)));
    this.canvas.addEventListener("pointerleave", () => this.#point(-1));
    this.canvas.addEventListener("click", (event) => (this.#point(this.#near(event)), this.#open()));
    this.canvas.addEventListener("blur", () => this.#point(-1));
    this.canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[event.key];
      const last = this.points.length - 1;
      if (event.key === "Enter") this.#open();
      else if (event.key === "Home") this.#point(0);
      else if (event.key === "End") this.#point(last);
      else if (step) this.#point(Math.min(last, Math.max(0, this.at + step)));
      else return;
      event.preventDefault();
    });
  }

  #place(point) {
    return [PAD + ((point.x + 1) / 2) * (this.wide - 2 * PAD), PAD + ((1 - point.y) / 2) * (this.high - 2 * PAD)];
  }

  #near(event) {
    let [best, found] = [NEAR * NEAR, -1];
    this.points.forEach((point, index) => {
      const [x, y] = this.#place(point);
      const gap = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2;
      if (gap < best) [best, found] = [gap, index];
    });
    return found;
  }

  draw() {
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    if (!wide) return;
    Object.assign(this, { wide, high });
    const sharp = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: wide * sharp, height: high * sharp });
    const pen = this.canvas.getContext("2d");
    pen.scale(sharp, sharp);
    const colours = SCALE[document.documentElement.dataset.theme] ?? SCALE.light;
    [...this.points].sort((a, b) => a.sure - b.sure).forEach((point) => this.#dot(pen, point, colours));
    if (this.at >= 0) this.#ring(pen, this.points[this.at]);
  }

  #dot(pen, point, colours) {
    const [x, y] = this.#place(point);
    const size = 2.4 + 4 * point.sure;
    pen.globalAlpha = 0.45 + 0.45 * point.sure;
    pen.fillStyle = tint(point.mean, colours);
    pen.beginPath();
    if (point.mean >= 0.5) pen.arc(x, y, size, 0, 7);
    else pen.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
    pen.fill();
  }

  #ring(pen, point) {
    const [x, y] = this.#place(point);
    pen.globalAlpha = 1;
    pen.lineWidth = 2.5;
    pen.strokeStyle = getComputedStyle(this.canvas).color;
    pen.beginPath();
    pen.arc(x, y, 10, 0, 7);
    pen.stroke();
  }

  #point(index) {
    if (index === this.at) return;
    this.at = index;
    this.draw();
    this.card.hidden = index < 0;
    this.canvas.classList.toggle("on", index >= 0);
    if (index >= 0) this.#tell(this.points[index]);
  }

  async #tell(point) {
    const words = h("span", { class: "note", text: likingWords(point.score, point.std) });
    const item = this.#item(point);
    clear(this.card, item.media ? h("img", { src: media(item), alt: "" }) : h("span", { class: "passage", lang: "en" }), words);
    const [x, y] = this.#place(point);
    this.card.style.left = `${Math.min(Math.max(x, 90), this.wide - 90)}px`;
    this.card.classList.toggle("below", y < this.high / 2);
    this.card.style.top = `${y}px`;
    if (item.media) return;
    const text = await this.#text(point.item);
    if (this.points[this.at] === point) this.card.firstChild.textContent = text.length > 130 ? `${text.slice(0, 130)}...` : text;
  }

  #item(point) {
    if (this.medium === "picture") return { media: `/api/v1/media/${point.item}`, alt: t("a picture of the collection") };
    return this.known.get(point.item) ?? { text: "" };
  }

  /** A passage is read when someone points at it. */
  async #text(id) {
    if (!this.known.has(id)) {
      const reply = await fetch(new URL(`api/v1/media/${id}`, root)).catch(() => null);
      if (!reply?.ok) return t("This passage cannot be read just now.");
      this.known.set(id, { text: await reply.text() });
    }
    return this.known.get(id).text;
  }

  async #open() {
    const point = this.points[this.at];
    if (!point) return;
    const item = this.#item(point);
    zoom([item.media ? item : { text: await this.#text(point.item) }]);
  }
}

function tint(mean, [low, middle, high]) {
  const share = Math.min(1, Math.abs(mean - 0.5) * 2.6);
  const far = mean >= 0.5 ? high : low;
  return `rgb(${middle.map((value, k) => Math.round(value + share * (far[k] - value))).join(" ")})`;
}

function legend() {
  return h("figcaption", { class: "legend note" },
    h("span", {}, h("i", { class: "mark less" }), t("less liked")), h("span", {}, h("i", { class: "mark more" }), t("more liked")),
    h("span", {}, h("i", { class: "mark small" }), t("unsure")), h("span", {}, h("i", { class: "mark large" }), t("surer")),
    h("span", { text: t("Near means alike.") }));
}
