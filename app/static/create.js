// Create: one prompt, one slider, one button; plain beside personal on the same seed.

import { stream } from "./api.js";
import { toast } from "./dialogs.js";
import { button, h, percent } from "./dom.js";
import { Gallery } from "./gallery.js";
import { exampleLink } from "./examples.js";
import { done, guide } from "./guide.js";
import { ended, stored } from "./judge.js";
import { keepTaste } from "./keeptaste.js";
import { settingsOf } from "./png.js";
import { Results, count } from "./results.js";
import { ensure, on, setMedium, state } from "./state.js";
import { mediumSwitch } from "./switch.js";
import { current } from "./tabs.js";
import { foreign, said, sentence, t, tn } from "./words.js";

const EXAMPLE = { picture: "a sleepy cat", text: "Invite a friend to dinner on Friday." };
const DEPTHS = [["", t("the deepest that is ready")], ["instant", t("instant: choose among what is there")], ["guided", t("guided: pushed to your taste while it is drawn")], ["attended", t("attended: the model reads your taste itself, more gently")], ["steered", t("steered: bend the model")], ["tuned", t("tuned: the model that learned from you")]];

export class Create {
  constructor() {
    this.prompts = { ...EXAMPLE };
    this.controls();
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.results = new Results((strength) => this.#choose(strength));
    this.kept = keepTaste();
    this.guide = guide();
    on("named", () => done("keep"));
    this.gallery = new Gallery((row) => this.again(row), () => this.run());
    this.node = h("section", { class: "page create", "aria-label": t("Create") }, this.form, this.status, (this.example = exampleLink()), this.guide.node, this.results.node, this.kept.node, this.gallery.node);
    document.addEventListener("keydown", (event) => this.#keys(event));
    on("make", () => this.run());
    on("try", () => ((this.depth.value = "tuned"), this.run()));
    on("medium", () => this.#medium());
    on("profile", () => this.#empty());
    on("progress", () => this.#hint());
    on("system", () => this.#depths());
    this.#medium();
  }

  controls() {
    this.prompt = h("textarea", { class: "field prompt", rows: 2, maxlength: 2000, "aria-label": t("What should it be?") });
    this.slider = h("input", { type: "range", min: 0, max: 100, step: 5, value: 100, id: "strength", on: { input: () => this.#told(), change: () => this.shown && this.run() } });
    this.value = h("output", { for: "strength" });
    this.go = button(t("Make it mine"), () => this.run(), { kind: "primary", key: "Ctrl Enter" });
    this.stop = button(t("Stop"), () => this.abort(), { key: "Esc", hidden: true });
    this.seed = h("input", { class: "field short", type: "number", min: 0, max: 2147483647, value: 1, id: "seed" });
    this.depth = h("select", { class: "field short", id: "depth" }, DEPTHS.map(([value, text]) => h("option", { value, text })));
    this.file = h("input", { type: "file", accept: "image/png", hidden: true, "aria-label": t("A picture made here"), on: { change: () => (this.#read(this.file.files), (this.file.value = "")) } });
    this.form = h("form", { class: "ask", on: { submit: (event) => (event.preventDefault(), this.run()), ...this.#dropping() } },
      h("div", { class: "topline" }, h("h1", { text: t("Make something") }), mediumSwitch()), this.prompt, (this.english = h("p", { class: "note", hidden: !foreign })),
      h("div", { class: "ask-row" },
        h("div", { class: "strength" }, h("label", { for: "strength", text: t("Taste") }), h("span", { class: "end", text: t("plain") }), this.slider, h("span", { class: "end", text: t("yours") }), this.value),
        h("div", { class: "row" }, this.stop, this.go)),
      h("details", { class: "more" }, h("summary", { text: t("More") }), h("div", { class: "row" },
        h("label", { for: "seed", text: t("Seed") }), this.seed, button(t("Another"), () => this.reseed()),
        h("label", { for: "depth", text: t("Depth") }), this.depth, button(t("Read a picture made here"), () => this.file.click(), { title: t("Or drop it on the page: its prompt, seed and strength go into the form.") }), this.file)));
    this.prompt.addEventListener("input", () => (this.prompts[state.medium] = this.prompt.value));
    this.#told();
  }

  // Only what the models here can do: words are not guided, and another picture model knows no steering.
  #depths() {
    const here = state.medium === "picture" ? (state.system?.depths ?? []) : ["instant", "steered", "tuned"];
    for (const option of this.depth.options) option.hidden = option.disabled = Boolean(option.value) && !here.includes(option.value);
    if (this.depth.selectedOptions[0]?.disabled ?? true) this.depth.value = "";
  }

  // A picture that was made here, dropped on the form, brings its settings along.
  #dropping() {
    const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const over = (yes) => this.form.classList.toggle("over", yes);
    return {
      dragover: (event) => files(event) && (event.preventDefault(), over(true)),
      dragleave: (event) => this.form.contains(event.relatedTarget) || over(false),
      drop: (event) => files(event) && (event.preventDefault(), over(false), this.#read(event.dataTransfer.files)),
    };
  }

  async #read(files) {
    const found = files[0] && (await settingsOf(files[0]));
    if (found) this.again({ ...found, medium: "picture" });
    else if (files[0]) this.say(t("This file tells no settings. Pictures drawn here do, unless the studio was started with --disable-metadata."), true);
  }

  /** The words, seed, strength and depth of an earlier result, back in the form, where it tells them. */
  again({ medium = state.medium, prompt, seed, strength, depth = this.depth.value }) {
    this.prompts[medium] = prompt;
    setMedium(medium);
    this.prompt.value = prompt;
    this.seed.value = seed;
    this.slider.value = Math.round(100 * strength);
    this.depth.value = depth;
    this.#depths();
    this.#told();
    this.form.querySelector("details").open = true;
    this.form.scrollIntoView({ block: "start" });
    this.prompt.focus({ preventScroll: true });
    toast(t("Prompt, seed and strength are back in the form."));
  }

  #told() {
    this.value.textContent = Number(this.slider.value) ? percent(this.slider.value / 100) : t("plain");
  }

  #choose(strength) {
    this.slider.value = 100 * strength;
    this.#told();
    this.run();
  }

  reseed() {
    this.seed.value = Math.floor(Math.random() * 1000000);
    this.run();
  }

  #medium() {
    this.#depths();
    this.english.textContent = state.medium === "text" ? t("The language model that ships reads and writes English only.") : t("Say it in English: the models here know no other words.");
    this.prompt.value = this.prompts[state.medium];
    this.#empty();
  }

  #empty() {
    this.abort();
    this.shown = false;
    this.results.hide();
    this.#hint();
  }

  #hint() {
    const enough = state.progress[state.medium]?.enough;
    if (!this.shown) this.say(enough ? "" : t("Not in your taste yet: three picks change that."));
    this.kept.update(Boolean(this.shown));
    this.example.hidden = Boolean(this.shown || enough || state.profile?.simulated);
    if (!this.shown) this.guide.show(null);
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
    let profile;
    try {
      // A first taste is made before the run begins: a change of taste ends what runs.
      profile = await ensure();
    } catch (wrong) {
      return this.say(wrong.message, true);
    }
    const control = new AbortController();
    this.running = control;
    this.#busy(true);
    let run = null;
    try {
      const medium = state.medium;
      const body = { medium, prompt, n: count(medium), strength: Number(this.slider.value) / 100, seed: Number(this.seed.value) || 0 };
      if (this.depth.value) body.depth = this.depth.value;
      run = { ...body, profile: profile.id, generation: null, waiting: [], over: false };
      this.results.expect(run);
      this.shown = true;
      this.say(t("Making."));
      for await (const line of stream(`profiles/${profile.id}/generate`, body, control.signal)) this.#line(line, run);
    } catch (wrong) {
      if (this.running === control) this.say(control.signal.aborted ? t("Stopped.") : wrong.message, !control.signal.aborted);
    }
    if (run) ended(run);
    if (this.running === control) this.#ended();
  }

  #ended() {
    this.running = null;
    this.#busy(false);
    this.results.settle();
  }

  #busy(busy) {
    this.stop.hidden = !busy;
    this.node.classList.toggle("busy", busy);
  }

  #line(line, run) {
    if (line.type === "start") this.#begun(line, run);
    else if (line.type === "note") this.#note(said(line.text));
    else if (line.type === "step") this.say(t("Drawing: {step}.", { step: said(line.text) }));
    else if (line.type === "waiting") this.say(tn("{n} turn comes before yours.", "{n} turns come before yours.", line.before));
    else if (line.type === "error") this.say(sentence(said(line.error)), true);
    else if (line.type === "done") this.#done(line, run);
    else this.results.take(line);
  }

  // A model's name means nothing to a newcomer: it is a tooltip, not a headline.
  #begun(line, run) {
    this.notes = [];
    const drawn = line.model ? t("Drawn on this machine by {model}.", { model: line.model }) : t("Drawn on this machine.");
    const where = line.leads ? drawn : t("Chosen from the collection that ships with the studio.");
    this.say(run.medium === "picture" ? where : t("Written on this machine."));
    this.status.title = said(line.label ?? "");
    this.results.begin(run, line);
  }

  #note(text) {
    this.notes.push(text);
    this.say(this.notes.join(" "));
  }

  #done(line, run) {
    stored(run, line.generation);
    if (run.personal && !state.profile?.named) this.guide.show("keep");
    this.kept.update(true);
    this.gallery.mark();
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }
}

