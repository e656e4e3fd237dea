// My taste: what was learned, in words, bars, a map and lists; every figure with its doubt.

import { get } from "./api.js";
import { axes } from "./axes.js";
import { checks } from "./checks.js";
import { Compass } from "./compass.js";
import { curve } from "./curve.js";
import { describe } from "./describe.js";
import { button, clear, h, onShow } from "./dom.js";
import { exampleLink, mark } from "./examples.js";
import { kinds, methods } from "./kinds.js";
import { accuracyWords } from "./liking.js";
import { TasteMap } from "./map.js";
import { on, state } from "./state.js";
import { strip } from "./strip.js";
import { mediumSwitch } from "./switch.js";
import { go } from "./tabs.js";
import { fixed, said, t, tn } from "./words.js";

const ENOUGH = 5;

export function taste() {
  const body = h("div", { class: "taste-body", "aria-live": "off" });
  const node = h("section", { class: "page taste", "aria-label": t("My taste") }, body);
  const medium = mediumSwitch();
  let drawn = null;

  async function paint() {
    if (!node.checkVisibility()) return;
    const wanted = `${state.profile?.id} ${state.medium} ${state.progress[state.medium]?.answers}`;
    if (wanted === drawn) return;
    drawn = wanted;
    if (!state.profile) return clear(body, empty(0, medium));
    try {
      const belief = await get(`profiles/${state.profile.id}/belief?medium=${state.medium}`);
      if (wanted === drawn) clear(body, belief.answers < ENOUGH ? empty(belief.answers, medium) : full(belief, medium));
    } catch (wrong) {
      drawn = null;
      clear(body, h("p", { class: "bad", text: wrong.message }), button(t("Try again"), paint));
    }
  }

  onShow(node, paint);
  for (const what of ["profile", "medium", "progress"]) on(what, paint);
  on("judged", () => ((drawn = null), paint()));
  return node;
}

function empty(answers, medium) {
  return h("div", { class: "nothing" }, medium, h("h1", { text: answers ? t("A little more, please") : t("Nothing to see yet") }),
    h("p", { text: answers ? tn("{n} answer so far. From {enough} on, this page says what you like.", "{n} answers so far. From {enough} on, this page says what you like.", answers, { enough: ENOUGH }) : t("After five answers this page says what you like: in words, in bars and on a map.") }),
    button(t("Pick five things"), () => go("choose"), { kind: "primary" }), state.profile?.simulated || exampleLink());
}

function full(belief, medium) {
  return [
    h("div", { class: "topline" }, h("h1", { class: "sentence" }, said(belief.sentence), " ", mark(state.profile)), medium),
    h("p", { class: "note lead", text: `${tn("From {n} answer.", "From {n} answers.", belief.answers)} ${accuracyWords(belief.accuracy)}` }),
    h("div", { class: "two" },
      h("section", {}, h("h2", { text: t("What you lean to") }), h("p", { class: "note", text: t("The dot is the best guess, the band is where it may be. Grey: not sure yet.") }), axes(belief.axes)),
      h("section", {}, h("h2", { text: t("How well it knows you") }), h("p", { class: "note", text: t("Each answer is guessed before it is learned. The line is the share guessed right, the band its doubt.") }),
        curve(belief.history), h("div", { class: "facts-box" }, h("p", { text: agreement(belief.self_agreement) }), h("p", { text: side(belief.side_bias) })), methods(belief.methods))),
    kinds(belief.kinds, belief.medium),
    new Compass(state.profile.id, belief.medium).node,
    belief.medium === "text" ? describe(state.profile.id, belief.medium) : null,
    checks(state.profile.id, belief.medium),
    belief.reasons?.of ? reasons(belief.reasons) : null,
    h("section", {}, h("h2", { text: t("Map of the collection") }), h("p", { class: "note", text: t("Point at a mark to see what it is; press it for a large view.") }),
      new TasteMap(belief.map, belief.medium, [...belief.best, ...belief.worst, ...belief.unsure]).node),
    strip(t("You would like most"), t("How likely you are to pick each over an average one, with a 90 % interval."), belief.best),
    strip(t("You would like least"), t("The same figure, from the other end."), belief.worst),
    strip(t("Least sure about"), t("An answer about these teaches most."), belief.unsure),
  ];
}

function reasons({ of, taps, words }) {
  return h("section", {}, h("h2", { text: t("What you gave as reasons") }), h("p", { class: "note", text: tn("With {n} pick about words.", "With {n} picks about words.", of) }),
    h("p", { text: taps.map(({ word, times }) => `${said(word)} ${times}`).join(", ") }), words.map((own) => h("blockquote", { text: own })));
}

function agreement({ agreed, of }) {
  if (!of) return t("About every twelfth pair comes back with sides swapped, to see whether you agree with yourself. None has yet.");
  return tn("When a pair came back with sides swapped, you agreed with yourself {agreed} of {n} time.", "When a pair came back with sides swapped, you agreed with yourself {agreed} of {n} times.", of, { agreed });
}

function side({ mean, low, high }) {
  const range = t("{value}, between {low} and {high}", { value: fixed(mean), low: fixed(low), high: fixed(high) });
  if (low <= 0 && high >= 0) return t("No habit of picking one side is seen ({range}).", { range });
  return mean > 0 ? t("You pick the left side a little more often than taste explains ({range}); it is taken out of the sums.", { range }) : t("You pick the right side a little more often than taste explains ({range}); it is taken out of the sums.", { range });
}
