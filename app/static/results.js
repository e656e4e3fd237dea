// What a run brings: twins that were drawn, and what was found or written, personal beside plain.

import { clear, h } from "./dom.js";
import { Result } from "./result.js";
import { Strengths } from "./strengths.js";
import { Twin } from "./twin.js";
import { t } from "./words.js";

const COUNT = { picture: 4, text: 2 };
const SIDES = { personal: t("Yours"), plain: t("Plain") };
const HINT = { personal: t("the same seed, bent to your taste"), plain: t("the same seed, without your taste") };
const LEADS = t("Drag the handle to see it without your taste: the same seed, the same noise.");
const SKETCH = t("Sketches by the small model that ships with the studio. Drag the handle to see them without your taste.");

export class Results {
  constructor(choose) {
    this.node = h("div", { class: "results", hidden: true });
    this.strengths = new Strengths(choose);
    // What the last run of a medium looked like: the places that are kept until this one is known.
    this.last = { picture: { drawn: COUNT.picture, leads: true }, text: {} };
    this.places = new Map();
  }

  /** Empty places of the size that is to be expected, so that nothing jumps when results arrive. */
  expect(run) {
    this.#lay(run, { ...this.last[run.medium], personal: true });
  }

  /** The first line of the studio says what will come. */
  begin(run, line) {
    const before = this.last[run.medium];
    Object.assign(run, { personal: line.personal, depth: line.depth });
    this.last[run.medium] = { drawn: line.drawn ?? 0, leads: line.leads };
    if (before.drawn !== line.drawn || before.leads !== line.leads || !line.personal) this.#lay(run, line);
  }

  #lay(run, { drawn = 0, leads = false, personal }) {
    this.places.clear();
    const found = this.#found(run, drawn > 0);
    const twins = drawn ? this.#twins(run, drawn, leads, personal) : null;
    clear(this.node, leads ? [twins, found] : [found, twins]);
    this.node.hidden = false;
    if (!drawn || !this.strengths.fits(run)) this.strengths.hide();
  }

  #found(run, titled) {
    const column = (side) => {
      const tiles = Array.from({ length: COUNT[run.medium] }, (_, index) => this.#place(side, index, new Result(run, side, index)));
      return h("section", { class: `side-column ${side}`, "aria-label": SIDES[side] },
        h("header", {}, h(titled ? "h3" : "h2", { text: SIDES[side] }), h("span", { class: "note", text: HINT[side] })), h("div", { class: `made ${run.medium}` }, tiles));
    };
    return h("section", { class: "found" }, titled && h("h2", { text: t("From the collection") }), h("div", { class: "columns" }, column("personal"), column("plain")));
  }

  #place(side, index, result) {
    this.places.set(`${side} ${index}`, result);
    return result.node;
  }

  #twins(run, count, leads, personal) {
    const tiles = Array.from({ length: count }, (_, k) => {
      const twin = new Twin(run, COUNT[run.medium] + k, k, (number) => this.strengths.show(run, number));
      this.#place("personal", twin.index, twin);
      return this.#place("plain", twin.index, twin);
    });
    const title = leads ? (personal ? t("Drawn for you") : t("Drawn")) : t("Sketches");
    const hint = leads ? (personal ? LEADS : t("Not in your taste yet: three picks change that.")) : SKETCH;
    return h("section", { class: "drawn", "aria-label": title }, h("header", {}, h("h2", { text: title }), h("p", { class: "note", text: hint })),
      h("div", { class: "twins" }, tiles), this.strengths.node);
  }

  take(line) {
    const place = this.places.get(`${line.side} ${line.index}`);
    if (line.type === "piece") place?.grow(line.delta);
    else if (line.type === "look") place?.look(line);
    else if (line.type === "sample") place?.finish(line);
  }

  settle() {
    for (const place of new Set(this.places.values())) place.settle();
  }

  hide() {
    this.node.hidden = true;
    this.strengths.hide();
  }
}

export const count = (medium) => COUNT[medium];
