// Choose: asks, takes the answer, keeps it safe until the studio has it, and shows the next one.

import { get, insist, key, media, notYet, post, Refused } from "./api.js";
import { Answers } from "./answers.js";
import { hideToast, shortcuts, toast, zoom } from "./dialogs.js";
import { able, button, clear, h, icon } from "./dom.js";
import { exampleLink } from "./examples.js";
import { Grid, task } from "./grid.js";
import { done, guide } from "./guide.js";
import { Pair } from "./pair.js";
import { HERE, MEDIA, ensure, keep, on, recall, setMedium, setProgress, state, tell, use } from "./state.js";
import { startOffer } from "./starting.js";
import { mediumSwitch } from "./switch.js";
import { go } from "./tabs.js";
import { Watch } from "./watch.js";
import { Why } from "./why.js";
import { foreign, t } from "./words.js";

const PENDING = "penchant.pending";
const ENOUGH = 3;
const SETTLED = 5;
const DECODE = 1500;
const SAID = { both_good: t("Both good. Saved."), both_bad: t("Both bad. Saved."), skip: t("Skipped. Saved.") };

function stepped(back, done) {
  if (back) return done ? t("Taken back. Choose again.") : t("Nothing to undo.");
  return done ? t("Put back in.") : t("Nothing to redo.");
}

export class Card {
  constructor() {
    this.watch = new Watch();
    this.busy = false;
    this.answers = new Answers(this);
    this.heading = h("h1", { tabindex: -1 });
    this.task = h("p", { class: "task" });
    this.stage = h("div", { class: "stage" });
    this.why = new Why((text, bad) => this.say(text, bad));
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.pips = h("p", { class: "pips" });
    this.guide = guide();
    this.create = button(t("Show me"), () => this.showMe(), { kind: "show" });
    this.node = h("section", { class: "page choose", "aria-label": t("Choose") },
      h("div", { class: "topline" }, h("div", { class: "asked" }, this.heading, this.task), (this.side = h("div", { class: "side" }, this.pips, this.create, mediumSwitch()))),
      this.guide.node, this.stage, this.status, this.answers.node, this.why.node, startOffer());
    on("profile", () => this.load());
    on("medium", () => this.load());
    on("progress", (medium) => medium === state.medium && this.#tellProgress());
    on("stale", () => this.load());
  }

  /** Whatever fits: the first sight, the open question, or what went wrong. */
  async load() {
    this.why.hide();
    if (!state.profile || !state.chosen) return this.#first();
    const asked = `${state.profile.id} ${state.medium}`;
    try {
      await this.#resend();
      const question = await get(`profiles/${state.profile.id}/question?medium=${state.medium}`);
      if (asked === `${state.profile.id} ${state.medium}`) await this.show(question);
    } catch (wrong) {
      this.#failed(wrong);
    }
  }

  // An answer that a reload interrupted goes out first, under its own key.
  async #resend() {
    const pending = recall(PENDING);
    if (!pending) return;
    try {
      await insist("answers", JSON.parse(pending), (wrong) => this.say(notYet(wrong), true));
      this.say(t("Your last answer is saved."));
    } catch (wrong) {
      if (!(wrong instanceof Refused)) throw wrong;
      if (wrong.status === 401) return;
    }
    keep(PENDING, null);
  }

  #first() {
    this.question = null;
    this.guide.show(null);
    this.node.dataset.view = "first";
    clear(this.heading, t("Pick what you like"));
    clear(this.task, HERE ? t("Three picks are enough. Nothing you choose leaves this machine.") : t("Three picks are enough. Nothing you choose leaves the machine the studio runs on."));
    const start = (medium) => button([icon(medium, 44), MEDIA[medium]], () => this.#begin(medium), { kind: "big" });
    clear(this.stage, h("div", { class: "doors" }, start("picture"), start("text")), state.profile?.simulated ? null : exampleLink());
    this.say("");
  }

  async #begin(medium) {
    for (const door of this.stage.querySelectorAll("button")) door.disabled = true;
    try {
      setMedium(medium);
      const fresh = !state.profile;
      await ensure();
      if (!fresh) await this.load();
    } catch (wrong) {
      this.#failed(wrong);
    }
  }

  /** Put a question on the page once its pictures can be painted. */
  async show(question) {
    const old = this.view;
    const view = question.kind === "grid" ? new Grid(question, () => this.#update()) : new Pair(question, (index, much) => this.pick(index, much));
    await Promise.race([Promise.allSettled(view.images.map((image) => image.decode())), new Promise((done) => setTimeout(done, DECODE))]);
    const focused = old?.tiles?.findIndex((tile) => tile.matches(":focus-visible")) ?? -1;
    this.view = view;
    this.question = question;
    this.node.dataset.view = question.kind;
    clear(this.heading, question.kind === "pair" ? t("Which do you like more?") : t("Pick the ones you like"));
    const english = foreign && question.medium === "text" && h("span", { class: "note" }, ` ${t("The passages are English.")}`);
    clear(this.task, h("span", { lang: "en", text: task(question) }), english);
    clear(this.stage, view.node);
    if (old && this.node.getBoundingClientRect().top < 0) scrollTo({ top: 0 });
    if (focused >= 0) view.focusLike?.(focused);
    setProgress(question.medium, question.progress);
    this.watch.start();
    this.#update();
    // Pictures of the question after this one, when the studio has it ready: the browser fetches them meanwhile.
    this.ahead = (question.ahead ?? []).map((path) => Object.assign(new Image(), { src: media({ media: path }) }));
  }

  get picks() {
    return this.view?.picks ?? [];
  }

  get enough() {
    const progress = this.question?.progress;
    return Boolean(progress && (progress.enough || (progress.picks ?? 0) + this.picks.length >= ENOUGH));
  }

  #update() {
    if (!this.question) return;
    this.answers.update({ question: this.question, picks: this.picks.length, enough: this.enough });
    this.create.hidden = this.question.kind === "grid";
    able(this.create, this.enough);
    this.node.setAttribute("aria-busy", String(this.busy));
    if (this.enough) done("pick");
    this.guide.show(this.question.kind === "pair" ? "on" : this.enough ? "show" : "pick");
    this.#tellProgress();
  }

  #tellProgress() {
    const progress = state.progress[state.medium] ?? this.question?.progress;
    if (!progress || !this.question) return;
    const picks = Math.min(ENOUGH, (progress.picks ?? 0) + this.picks.length);
    if (progress.enough || picks >= ENOUGH) clear(this.pips, this.question.kind === "grid" && progress.answers < SETTLED ? t("Enough to start.") : "");
    else clear(this.pips, h("span", { class: "dots", "aria-hidden": "true" }, [0, 1, 2].map((n) => h("i", { class: n < picks ? "on" : "" }))), picks ? t("{n} of 3 picks", { n: picks }) : t("3 picks are enough to start"));
  }

  pick(index, strength = 1) {
    const item = this.question?.kind === "pair" && this.question.items[index];
    if (item) this.answer({ picks: [item.id] }, strength);
  }

  next() {
    if (this.picks.length) return this.answer({ picks: [...this.picks] });
    return this.say(t("Pick at least one, or choose None of these."));
  }

  /** Send an answer and go on. Resolves with true once it is durable. */
  async answer(outcome, strength = 1) {
    if (this.busy || !this.question) return false;
    if (this.question.kind === "grid" && typeof outcome === "string" && outcome !== "skip") return false;
    const body = { question_id: this.question.id, outcome, strength, ms: this.watch.ms(), idempotency_key: key(), source: "choose" };
    this.#lock(true);
    hideToast();
    if (this.view.mark) this.view.mark(outcome === "skip" ? null : outcome);
    keep(PENDING, JSON.stringify(body));
    let stored = false;
    try {
      const reply = await insist("answers", body, (wrong) => this.say(notYet(wrong), true));
      stored = true;
      keep(PENDING, null);
      if (this.question.kind === "pair") done("on");
      this.say(this.#said(outcome, strength));
      if (outcome.picks && reply.next.reasons.length) this.why.ask(state.profile.id, reply.seq, reply.next.reasons);
      else this.why.hide();
      await this.show(reply.next);
    } catch (wrong) {
      // After the login page it goes out again, under the same key; it is nobody else's to send.
      if (wrong.status === 401) return false;
      keep(PENDING, null);
      await this.#refused(wrong);
    }
    this.#lock(false);
    return stored;
  }

  #said(outcome, strength) {
    if (typeof outcome === "string") return SAID[outcome];
    if (this.question.kind === "grid") return t("{n} picked. Saved.", { n: outcome.picks.length });
    const words = matchMedia("(max-width: 720px)").matches ? [t("Upper"), t("Lower")] : [t("Left"), t("Right")];
    const side = words[this.question.items[0].id === outcome.picks[0] ? 0 : 1];
    return strength > 1 ? t("{side}, much better. Saved.", { side }) : t("{side}. Saved.", { side });
  }

  async #refused(wrong) {
    toast(wrong.message, null, { bad: true });
    this.#lock(false);
    await this.load();
  }

  #lock(busy) {
    this.busy = busy;
    this.view?.lock(busy);
    if (!busy) this.view?.mark?.(null);
    this.#update();
  }

  /** undo or redo: the question in doubt comes back. */
  async step(which) {
    if (this.busy || !this.question || !this.question[`can_${which}`]) return;
    this.#lock(true);
    try {
      const body = { medium: state.medium, idempotency_key: key() };
      const reply = await post(`profiles/${state.profile.id}/${which}`, body);
      const done = reply.undone ?? reply.redone;
      if (done) this.why.hide();
      this.say(stepped(which === "undo", done));
      await this.show(reply.next);
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
    this.#lock(false);
  }

  /** A grid unlike what was shown lately, in place of this question, which comes right after it. */
  async different() {
    if (this.busy || !this.question) return;
    this.#lock(true);
    try {
      await this.show(await post(`profiles/${state.profile.id}/different`, { medium: state.medium }));
      this.say(t("Something different, still near your taste."));
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
    this.#lock(false);
  }

  /** Results in this taste; picks that were not sent yet go first. */
  async showMe() {
    if (!this.enough || this.busy) return;
    if (this.picks.length && !(await this.answer({ picks: [...this.picks] }))) return;
    done("show");
    go("create");
    tell("make", state.medium);
  }

  zoom() {
    if (this.view) zoom(this.view.looking());
  }

  help() {
    shortcuts();
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }

  #failed(wrong) {
    if (wrong instanceof Refused && wrong.status === 404 && state.profiles.length) {
      const other = state.profiles.find((row) => row.id !== state.profile?.id);
      if (other) return use(other);
    }
    this.question = null;
    this.node.dataset.view = "error";
    clear(this.heading, wrong instanceof Refused ? t("Nothing to ask just now") : t("The studio cannot be reached"));
    clear(this.task, wrong instanceof Refused ? wrong.message : t("Your answers are safe. Is the studio still running?"));
    clear(this.stage, h("div", { class: "row" },
      button(t("Try again"), () => this.load(), { kind: "primary" }),
      wrong instanceof Refused && button(t("Add your own"), () => go("keep"), {})));
  }
}
