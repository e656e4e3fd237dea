// A participant of a study: consent, instructions, questions, the end. No feedback, no result.

import { insist, key, media, post, Refused } from "./api.js";
import { zoom } from "./dialogs.js";
import { able, button, clear, h, icon } from "./dom.js";
import { Grid, task } from "./grid.js";
import { Pair } from "./pair.js";
import { StudyAnswers } from "./studyanswers.js";
import { Sure } from "./sure.js";
import { Watch } from "./watch.js";
import { parts, said, t } from "./words.js";

const DECODE = 1500;
const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
const TYPING = "input:not([type=range]), textarea";

export class Participant {
  constructor(node, invitation, enter) {
    this.node = node;
    this.invitation = invitation;
    this.enter = enter;
    this.watch = new Watch();
    this.heading = h("h1", { tabindex: -1 });
    this.task = h("p", { class: "task" });
    this.progress = h("div", { class: "study-progress" });
    this.stage = h("div", { class: "stage" });
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.answers = new StudyAnswers(this);
    this.sure = new Sure((sure) => this.send(sure), () => this.reconsider());
    this.foot = h("p", { class: "note study-foot" });
    clear(node, h("div", { class: "topline" }, h("div", { class: "asked" }, this.heading, this.task), this.progress),
      this.stage, this.sure.node, this.answers.node, this.status, this.foot);
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** What the door said: in, or why not. */
  come({ ok, status, told }) {
    if (ok) {
      this.code = told.code;
      this.#remember();
      return this.show(told);
    }
    const reason = status ? sentence(said(told.error ?? "")) : t("The study cannot be reached just now. Try again in a moment.");
    return this.#ask(this.invitation.code || !status || status === 429 ? reason : "");
  }

  #view(name, title, ...body) {
    this.node.dataset.stage = name;
    this.question = null;
    this.sure.hide();
    this.answers.node.hidden = true;
    clear(this.heading, title);
    clear(this.task);
    clear(this.progress);
    clear(this.foot);
    this.say("");
    clear(this.stage, h("div", { class: "study-text" }, body));
    scrollTo({ top: 0 });
    this.heading.focus({ preventScroll: true });
  }

  // Whoever came without a code was given one: the address carries it from here on.
  #remember() {
    const where = new URL(location.href);
    if (where.searchParams.get("code") === this.code) return;
    where.searchParams.set("code", this.code);
    history.replaceState(null, "", where);
  }

  // A code by hand; the address then carries it, so that a reload comes back to the same place.
  #ask(reason) {
    const field = h("input", { class: "field", id: "code", value: this.invitation.code, maxlength: 80, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", required: true });
    const submit = (event) => {
      event.preventDefault();
      const where = new URL(location.href);
      where.searchParams.set("code", field.value.trim());
      location.assign(where);
    };
    this.#view("code", t("Take part in a study"), reason && h("p", { class: "bad", role: "alert", text: reason }),
      h("form", { class: "study-code", on: { submit } }, h("label", { for: "code", text: t("The code of your invitation") }), field,
        h("button", { class: "button primary", type: "submit", text: t("Continue") })));
  }

  /** Whatever is due. */
  show(told) {
    document.title = told.title;
    this.told = told;
    if (told.stage === "consent") return this.#consent(told);
    if (told.stage === "instructions") return this.#instructions(told);
    if (told.stage === "done") return this.#done(told);
    return this.#question(told);
  }

  #consent(told) {
    const agree = button(t("I agree and take part"), () => this.#act(agree, () => post("study/consent", { code: this.code, consent: told.consent, language: document.documentElement.lang })), { kind: "primary" });
    const decline = button(t("I do not take part"), () => this.#decline(told), { kind: "quiet" });
    this.#view("consent", told.title, told.paragraphs.map((text) => h("p", { text })), h("div", { class: "row" }, agree, decline));
  }

  async #decline(told) {
    await post("study/leave", {}).catch(() => null);
    this.#view("declined", told.title, h("p", { text: t("You are not taking part, and nothing of your visit was kept. You can close this page.") }));
  }

  #instructions(told) {
    const begin = button(t("Begin"), () => this.#act(begin, () => post("study/begin", {})), { kind: "primary" });
    this.#view("instructions", told.block.of > 1 ? t("Part {n} of {of}", { n: told.block.number, of: told.block.of }) : told.title,
      told.block.instructions.map((text) => h("p", { text })), h("div", { class: "row" }, begin));
    this.#tellProgress(told);
    this.#tellCode();
    begin.focus({ preventScroll: true });
  }

  #done(told) {
    const copy = button(t("Copy"), async () => {
      await navigator.clipboard?.writeText(told.completion_code);
      this.say(t("Copied."));
    });
    copy.hidden = !navigator.clipboard;
    this.#view("done", t("Thank you. That was all."), h("p", { text: t("Your answers are saved. This is your completion code:") }),
      h("div", { class: "row study-done" }, icon("check", 28), h("code", { text: told.completion_code }), copy),
      h("p", { class: "note", text: t("Give it to whoever invited you, if they asked for it. Opening your link again shows it again.") }));
  }

  async #act(pressed, work) {
    if (this.busy) return;
    this.busy = true;
    able(pressed, false);
    try {
      await this.show(await work());
    } catch (wrong) {
      able(pressed, true);
      await this.#again(wrong);
    }
    this.busy = false;
  }

  async #question(told) {
    const { question } = told;
    const view = question.kind === "grid" ? new Grid(question, () => this.answers.update(this.view?.picks ?? [])) : new Pair(question, (index, much) => this.pick(index, much));
    // The pool is in English; a study's own texts are in its language, where it names one.
    view.node.querySelectorAll(".passage").forEach((passage, k) => question.items[k]?.own && (passage.lang = told.language));
    await Promise.race([Promise.allSettled(view.images.map((image) => image.decode())), new Promise((done) => setTimeout(done, DECODE))]);
    this.node.dataset.stage = "question";
    this.node.dataset.view = question.kind;
    this.view = view;
    this.question = question;
    this.choice = null;
    clear(this.heading, question.ask || (question.kind === "pair" ? t("Which do you like more?") : t("Pick the ones you like")));
    clear(this.task, task(question));
    clear(this.stage, view.node);
    this.stage.classList.toggle("own", question.items.some((item) => item.own));
    this.sure.hide();
    this.answers.show(told);
    this.#tellProgress(told);
    this.#tellCode();
    if (this.node.getBoundingClientRect().top < 0) scrollTo({ top: 0 });
    this.watch.start();
    this.ahead = told.ahead.map((path) => Object.assign(new Image(), { src: media({ media: path }) }));
  }

  #tellProgress({ block }) {
    const bars = Array.from({ length: block.of }, (_, k) => (k + 1 < block.number ? 1 : k + 1 > block.number ? 0 : block.done / block.questions));
    const asking = this.node.dataset.stage === "question" && block.of > 1;
    clear(this.progress, asking && h("span", { class: "note", text: t("Part {n} of {of}", { n: block.number, of: block.of }) }),
      h("span", { class: "study-bars", role: "img", "aria-label": t("{done} of {of} in this part", { done: block.done, of: block.questions }) },
        bars.map((share) => h("i", { style: { "--done": `${Math.round(100 * share)}%` } }))));
  }

  #tellCode() {
    clear(this.foot, ...parts("You can stop at any time and go on later with your code {code}", { code: h("code", { text: this.code }) }));
  }

  get allowed() {
    return this.told.answers;
  }

  /** A side of a pair; without "much better" every strength is plain. */
  pick(index, strength = 1) {
    const item = this.question?.kind === "pair" && this.question.items[index];
    if (item) this.choose({ picks: [item.id] }, this.allowed.includes("much better") ? strength : 1);
  }

  next() {
    if (!this.view?.picks.length) return this.say(this.allowed.includes("skip") ? t("Pick at least one, or choose None of these.") : t("Pick at least one."));
    return this.choose({ picks: [...this.view.picks] });
  }

  /** Said; where the study asks how sure, that comes before it is sent. */
  choose(outcome, strength = 1) {
    const word = { both_good: "tie", both_bad: "both bad", skip: "skip" }[outcome];
    if (this.busy || !this.question || (word && !this.allowed.includes(word))) return;
    if (this.question.kind === "grid" && (outcome === "both_good" || outcome === "both_bad")) return;
    // The time is that of the first choice that was not taken back.
    this.choice = { outcome, strength, ms: this.watch.ms() };
    this.view.mark?.(outcome === "skip" ? null : outcome);
    if (!this.told.confidence || outcome === "skip") return void this.send();
    this.since = performance.now();
    this.view.locked = this.question.kind === "grid";
    this.answers.node.hidden = true;
    this.sure.show();
  }

  reconsider() {
    this.choice = null;
    this.view.mark?.(null);
    this.view.locked = false;
    this.sure.hide();
    this.answers.node.hidden = false;
    this.answers.focus();
  }

  /** Durable before the next question is drawn. */
  async send(sure = null) {
    if (this.busy || !this.choice) return;
    const about = sure === null ? {} : { confidence: sure, confidence_ms: Math.min(86400000, Math.round(performance.now() - this.since)) };
    const body = { question_id: this.question.id, ...this.choice, ...about, idempotency_key: key() };
    this.busy = true;
    this.view.lock(true);
    try {
      const told = await insist("study/answers", body, () => this.say(t("Not saved yet, trying again."), true));
      this.say("");
      // Busy until the next question can be answered: a key pressed meanwhile is not meant for it.
      await this.show(told);
    } catch (wrong) {
      this.view.lock(false);
      if (!(wrong instanceof Refused && wrong.status === 403 && (await this.#sentAnew(body)))) {
        this.reconsider();
        await this.#again(wrong);
      }
    }
    this.busy = false;
  }

  // The studio was started anew, or the pass has run out: the same answer goes out by a new one.
  async #sentAnew(body) {
    const back = await this.enter(this.code);
    if (!back.ok || back.told.question?.id !== body.question_id) return false;
    const told = await post("study/answers", body).catch(() => null);
    if (told) await this.show(told);
    return Boolean(told);
  }

  // The pass has run out, or this page is not where the study is: enter anew, by the same code.
  async #again(wrong) {
    this.say(sentence(wrong.message), true);
    if (!(wrong instanceof Refused) || ![403, 404, 409, 422].includes(wrong.status)) return;
    const back = await this.enter(this.code);
    if (!back.ok) return this.say(sentence(said(back.told.error ?? wrong.message)), true);
    await this.show(back.told);
  }

  say(text, bad = false) {
    clear(this.status, text);
    this.status.classList.toggle("bad", bad);
  }

  #key(event) {
    if (event.defaultPrevented || event.isComposing || event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if (!this.question || this.busy || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    const act = this.sure.open ? this.sure.key(event) : this.#questionKey(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #questionKey({ key: pressed, shiftKey, target }) {
    const free = !target.closest?.("button, a") || !target.matches(":focus-visible");
    if (pressed.toLowerCase() === "s") return () => this.choose("skip");
    if (pressed === " " && free) return () => zoom(this.view.looking());
    if (this.question.kind === "pair") {
      const much = shiftKey ? 2 : 1;
      return { ArrowLeft: () => this.pick(0, much), ArrowRight: () => this.pick(1, much), ArrowUp: () => this.choose("both_good"), ArrowDown: () => this.choose("both_bad") }[pressed];
    }
    if (pressed === "Enter" && free) return () => this.next();
    const number = Number(pressed);
    return number >= 1 && number <= this.question.items.length ? () => this.view.toggle(number - 1) : null;
  }
}
