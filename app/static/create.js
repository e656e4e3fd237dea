// Create: one prompt, one slider, one button; plain beside personal on the same seed.

import { Refused, stream } from "./api.js";
import { button, clear, h } from "./dom.js";
import { keepTaste } from "./keeptaste.js";
import { Result } from "./result.js";
import { ensure, on, state } from "./state.js";
import { mediumSwitch } from "./switch.js";
import { current } from "./tabs.js";

const EXAMPLE = { picture: "a day at the sea", text: "Invite a friend to dinner on Friday." };
const COUNT = { picture: 4, text: 2 };
const SIDES = { personal: "Yours", plain: "Plain" };
const HINT = { personal: "the same seed, bent to your taste", plain: "the same seed, without your taste" };

export class Create {
  constructor() {
    this.prompts = { ...EXAMPLE };
    this.controls();
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.results = h("div", { class: "results", hidden: true });
    this.kept = keepTaste();
    this.node = h("section", { class: "page create", "aria-label": "Create" }, this.form, this.status, this.results, this.kept.node);
    document.addEventListener("keydown", (event) => this.#keys(event));
    on("make", () => this.run());
    on("try", () => ((this.depth.value = "tuned"), this.run()));
    on("medium", () => this.#medium());
    on("profile", () => this.#empty());
    on("progress", () => this.#hint());
    this.#medium();
  }

  controls() {
    this.prompt = h("textarea", { class: "field prompt", rows: 2, maxlength: 2000, "aria-label": "What should it be?" });
    this.slider = h("input", { type: "range", min: 0, max: 100, step: 5, value: 100, id: "strength", on: { input: () => this.#told(), change: () => this.shown && this.run() } });
    this.value = h("output", { for: "strength" });
    this.go = button("Make it mine", () => this.run(), { kind: "primary", key: "Ctrl Enter" });
    this.stop = button("Stop", () => this.abort(), { key: "Esc", hidden: true });
    this.seed = h("input", { class: "field short", type: "number", min: 0, max: 2147483647, value: 1, id: "seed" });
    this.depth = h("select", { class: "field short", id: "depth" },
      [["", "the deepest that is ready"], ["instant", "instant: choose among drafts"], ["steered", "steered: bend the model"], ["tuned", "tuned: the model that learned from you"]].map(([value, text]) => h("option", { value, text })));
    this.form = h("form", { class: "ask", on: { submit: (event) => (event.preventDefault(), this.run()) } },
      h("div", { class: "topline" }, h("h1", { text: "Make something" }), mediumSwitch()), this.prompt,
      h("div", { class: "ask-row" },
        h("div", { class: "strength" }, h("label", { for: "strength", text: "Taste" }), h("span", { class: "end", text: "plain" }), this.slider, h("span", { class: "end", text: "yours" }), this.value),
        h("div", { class: "row" }, this.stop, this.go)),
      h("details", { class: "more" }, h("summary", { text: "More" }), h("div", { class: "row" },
        h("label", { for: "seed", text: "Seed" }), this.seed, button("Another", () => this.reseed()),
        h("label", { for: "depth", text: "Depth" }), this.depth)));
    this.prompt.addEventListener("input", () => (this.prompts[state.medium] = this.prompt.value));
    this.#told();
  }

  #told() {
    this.value.textContent = Number(this.slider.value) ? `${this.slider.value} %` : "plain";
  }

  reseed() {
    this.seed.value = Math.floor(Math.random() * 1000000);
    this.run();
  }

  #medium() {
    this.prompt.value = this.prompts[state.medium];
    this.#empty();
  }

  #empty() {
    this.abort();
    this.shown = false;
    this.results.hidden = true;
    this.#hint();
  }

  #hint() {
    const progress = state.progress[state.medium];
    const enough = progress?.enough;
    if (!this.shown) this.say(enough ? "" : "Not in your taste yet: three picks change that.");
    this.kept.update(Boolean(this.shown));
  }

  #keys(event) {
    if (current() !== "create" || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && this.running) this.abort();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.run();
    else return;
    event.preventDefault();
  }

  abort() {
    this.running?.abort();
  }

  /** Ask for results and fill the tiles as lines come in. A new run ends the one before. */
  async run() {
    this.abort();
    const prompt = this.prompt.value.trim();
    if (!prompt) return this.prompt.focus();
    const control = new AbortController();
    this.running = control;
    this.#busy(true);
    try {
      const profile = await ensure();
      const medium = state.medium;
      const run = { medium, profile: profile.id, generation: null, waiting: [], prompt };
      this.#lay(run);
      const body = { medium, prompt, n: COUNT[medium], strength: Number(this.slider.value) / 100, seed: Number(this.seed.value) || 0 };
      if (this.depth.value) body.depth = this.depth.value;
      for await (const line of stream(`profiles/${profile.id}/generate`, body, control.signal)) this.#line(line, run);
    } catch (wrong) {
      if (this.running === control) this.say(control.signal.aborted ? "Stopped." : why(wrong), !control.signal.aborted);
    }
    if (this.running === control) this.#ended();
  }

  #ended() {
    this.running = null;
    this.#busy(false);
    for (const result of this.tiles.values()) result.settle();
  }

  #busy(busy) {
    this.stop.hidden = !busy;
    this.node.classList.toggle("busy", busy);
  }

  /** Empty places of the final size, so that nothing jumps when results arrive. */
  #lay(run) {
    this.tiles = new Map();
    const column = (side) => {
      const tiles = Array.from({ length: COUNT[run.medium] }, (_, index) => {
        const result = new Result(run, side, index);
        this.tiles.set(`${side} ${index}`, result);
        return result.node;
      });
      const label = h("span", { class: "note", text: HINT[side] });
      return h("section", { class: `side-column ${side}`, "aria-label": SIDES[side] }, h("header", {}, h("h2", { text: SIDES[side] }), label), h("div", { class: `made ${run.medium}` }, tiles));
    };
    clear(this.results, column("personal"), column("plain"));
    this.results.hidden = false;
    this.shown = true;
    this.say("Making.");
  }

  // What the small model draws comes below what was found: it is a sketch.
  #sketches(run, count) {
    if (!count) return;
    for (const side of Object.keys(SIDES)) {
      const tiles = Array.from({ length: count }, (_, k) => {
        const result = new Result(run, side, COUNT[run.medium] + k);
        this.tiles.set(`${side} ${COUNT[run.medium] + k}`, result);
        return result.node;
      });
      const about = h("p", { class: "note", text: "Sketches, drawn just now by the small model that ships with the studio." });
      this.results.querySelector(`.side-column.${side}`).append(h("section", { class: "sketches", "aria-label": `${SIDES[side]}: drawn` }, h("h3", { text: "Drawn" }), about, h("div", { class: `made ${run.medium}` }, tiles)));
    }
  }

  #line(line, run) {
    const tile = this.tiles.get(`${line.side} ${line.index}`);
    if (line.type === "start") this.#begun(line, run);
    else if (line.type === "note") this.say(line.text);
    else if (line.type === "error") this.say(line.error, true);
    else if (line.type === "piece") tile?.grow(line.delta);
    else if (line.type === "look") tile?.look(line.image);
    else if (line.type === "sample") tile?.finish(line);
    else if (line.type === "done") this.#done(line, run);
  }

  // A model's name means nothing to a newcomer: it is a tooltip, not a headline.
  #begun(line, run) {
    this.say(run.medium === "picture" ? "Chosen from the collection that ships with the studio." : "Written on this machine.");
    this.status.title = line.label ?? "";
    this.#sketches(run, line.drawn ?? 0);
  }

  #done(line, run) {
    run.generation = line.generation;
    run.waiting.splice(0).forEach((send) => send());
    this.kept.update(true);
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }
}

const why = (wrong) => (wrong instanceof Refused ? wrong.message : "The studio cannot be reached. Is it still running?");
