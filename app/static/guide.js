// The guide of the first visit: one hint at a time, in the page beside what it is about, never over it.
// A hint goes when its step is done or when it is put away, and does not come again unless asked for.

import { button, clear, h, icon } from "./dom.js";
import { keep, on, recall, state, tell } from "./state.js";
import { t } from "./words.js";

const SEEN = "penchant.guide";
// Who has answered more often than this knows the way.
const NEW = 6;
const HINTS = {
  pick: t("Press what you like, as many as you want. Three are enough to start."),
  show: t("Enough to start: “Show me” brings results in your taste. Or go on picking, and it knows you better."),
  keep: t("Drag a handle to see the same without your taste. Is this you? Then keep it, at the end of the page."),
  on: t("Now two at a time: choose the one you like more. “My taste” says what was learned and how sure it is."),
};
const ALL = Object.keys(HINTS);

function told() {
  try {
    return { done: [], again: false, ...JSON.parse(recall(SEEN) ?? "{}") };
  } catch {
    return { done: [], again: false };
  }
}

const store = (what) => (keep(SEEN, JSON.stringify(what)), tell("guide"));

/** A step was taken, or its hint put away: it is not shown again. */
export function done(...steps) {
  const before = told();
  if (steps.some((step) => !before.done.includes(step))) store({ ...before, done: [...new Set([...before.done, ...steps])] });
}

/** The place for hints on a page; `show(step)` puts that one there, `show(null)` none. */
export function guide() {
  const words = h("p", { role: "status" });
  const shut = button("", () => done(now), { kind: "quiet round", "aria-label": t("Put this hint away") });
  clear(shut, icon("close", 16));
  const node = h("aside", { class: "hint", hidden: true, "aria-label": t("Guide") }, words, button(t("No more hints"), () => done(...ALL), { kind: "quiet" }), shut);
  let now = null;
  const paint = () => {
    const { done: gone, again } = told();
    const shown = now && !gone.includes(now) && (again || answers() <= NEW);
    node.hidden = !shown;
    words.textContent = shown ? HINTS[now] : "";
  };
  on("guide", paint);
  return { node, show: (step) => ((now = step), paint()) };
}

const answers = () => ["picture", "text"].reduce((sum, medium) => sum + (state.progress[medium]?.answers ?? state.profile?.answers?.[medium] ?? 0), 0);

/** For Settings: from the start, also for somebody who knows the way. */
export function guideAgain() {
  return button(t("Show the guide again"), () => store({ done: [], again: true }));
}
