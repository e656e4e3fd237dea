// A second look: the answers that the rest speaks against, to keep, flip or drop; below it what
// drives the choices, and whether the per cents can be trusted.

import { answered, saidWords } from "./answered.js";
import { get, insist, key, notYet, Refused } from "./api.js";
import { circle } from "./circle.js";
import { button, clear, h } from "./dom.js";
import { drivers } from "./drivers.js";
import { reliability } from "./reliability.js";
import { tell } from "./state.js";
import { t, tn } from "./words.js";

const OWN = 20000;
const SETTLE = 1200;
const DONE = {
  keep: t("Kept. It will not be asked about again."),
  flip: t("Turned around: the opposite counts now."),
  drop: t("Dropped: it teaches nothing any more."),
};

let kept = null;

/** The second look of a taste. A page drawn again because of a verdict keeps the list it had. */
export function checks(profile, medium) {
  const own = kept && kept.profile === profile && kept.medium === medium && Date.now() - kept.touched < OWN;
  if (!own) kept = new Checks(profile, medium);
  else requestAnimationFrame(() => kept.refocus());
  return kept.node;
}

class Checks {
  constructor(profile, medium) {
    Object.assign(this, { profile, medium, touched: 0, last: null, sent: Promise.resolve() });
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.node = h("div", { class: "second-look" }, h("p", { class: "note", text: t("Reading your answers.") }));
    this.#load();
  }

  async #load() {
    try {
      const told = await get(`profiles/${this.profile}/checks?medium=${this.medium}`);
      clear(this.node, this.#list(told), told.answers < told.enough ? null : h("div", { class: "two" }, drivers(told), h("div", {}, reliability(told.reliability), circle(told.circle))));
    } catch (wrong) {
      clear(this.node, h("p", { class: "bad", text: wrong.message }), button(t("Try again"), () => this.#load()));
    }
  }

  #list(told) {
    const { answers, enough, picks, judged } = told;
    const title = h("h2", { text: t("Check these picks") });
    if (answers < enough) return h("section", {}, title, h("p", { class: "note", text: t("From {enough} answers on, those that do not fit the rest are listed here. There are {n} so far.", { enough, n: answers }) }));
    const hint = picks.length
      ? t("The rest of your answers speaks against these, the strongest first. None is wrong because of that: nothing changes until you say so.")
      : t("No answer stands against the rest. There is nothing to check.");
    return h("section", { class: "checks", "aria-label": t("Check these picks") }, title, h("p", { class: "note", text: hint }),
      h("p", { class: "note", text: slips(told.flips) }),
      h("ol", {}, picks.map((row) => this.#card(row, null))), this.status,
      judged.length ? h("details", {}, h("summary", { text: t("Looked at already: {n}", { n: judged.length }) }), h("ol", {}, judged.map((row) => this.#card(row, row.act)))) : null);
  }

  #card(row, act) {
    const doing = h("div", { class: "row" });
    const words = h("p", { class: "verdict" });
    const paint = (now) => {
      const give = (next) => () => this.#give(row.seq, next).then((fine) => fine && (paint(next === "open" ? null : next), doing.querySelector("button")?.focus({ preventScroll: true })));
      words.textContent = now ? DONE[now] : odds(row);
      card.className = now ? "check done" : "check";
      const b = (text, next) => button(text, give(next), { "aria-label": t("{act}: answer {seq}", { act: text, seq: row.seq }) });
      clear(doing, now ? b(t("Take back"), "open") : [b(t("Keep it"), "keep"), row.can_flip ? b(t("Flip"), "flip") : null, b(t("Drop"), "drop")]);
    };
    const card = h("li", { class: "check", data: { seq: row.seq } }, answered(row), h("div", {}, h("p", { class: "note", text: saidWords(row) }), words, doing));
    paint(act);
    return card;
  }

  /** Sent until it is stored, one after another. True when it was. */
  #give(seq, act) {
    this.touched = Date.now();
    const body = { act, idempotency_key: key() };
    const say = (text) => (this.status.textContent = text);
    const send = () => insist(`profiles/${this.profile}/answers/${seq}/verdict`, body, (wrong) => say(notYet(wrong)));
    const done = this.sent.catch(() => null).then(send).then(
      () => (say(act === "open" ? t("Taken back: the answer counts as you gave it.") : t("Saved.")), this.#settle(), true),
      (wrong) => (say(wrong instanceof Refused ? wrong.message : t("That could not be saved; try again.")), false));
    this.sent = done;
    return done;
  }

  // What was learned changed: the page is drawn again once the taps have ended.
  #settle() {
    this.touched = Date.now();
    this.last = document.activeElement;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => ((this.last = this.node.contains(document.activeElement) ? document.activeElement : null), tell("judged")), SETTLE);
  }

  /** Drawn again, the node was out of the page for a moment: the keyboard keeps its place. */
  refocus() {
    if (this.last?.isConnected && this.node.contains(this.last)) this.last.focus({ preventScroll: true });
  }
}

function odds({ chance, said }) {
  if (chance === undefined) return "";
  const p = Math.round(100 * chance);
  if (said !== "pick") return t("Going by your other answers, the chance of that was {p} %.", { p });
  return p < 1 ? t("Going by your other answers, you would hardly ever pick this way.") : t("Going by your other answers, you would pick this way {p} % of the time.", { p });
}

function slips(flips) {
  if (!flips) return "";
  const p = (share) => Math.round(100 * share);
  const found = { rate: p(flips.rate), low: p(flips.low), high: p(flips.high) };
  if (flips.of === "repeats") return tn("From {n} pair that came back swapped: about {rate} in a hundred of your answers would turn out the other way if asked again (between {low} and {high}).", "From {n} pairs that came back swapped: about {rate} in a hundred of your answers would turn out the other way if asked again (between {low} and {high}).", flips.n, found);
  if (flips.low < 0.01) return t("Going by how well your answers fit together, at most {most} in a hundred are slips.", { most: Math.max(1, found.high) });
  return t("Going by how well your answers fit together, about {rate} in a hundred are slips (between {low} and {high}).", found);
}
