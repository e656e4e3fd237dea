// Accuracy over answers beside chance: one line, its 90 % band, and where guessing would be.

import { h, s } from "./dom.js";
import { t, tn } from "./words.js";

const HIGH = 220;
const PAD = { left: 44, right: 16, top: 12, bottom: 34 };

export function curve(history) {
  if (history.length < 2) return h("p", { class: "note", text: t("The line begins after a few more answers.") });
  const box = h("div", { class: "curve", role: "img", "aria-label": summary(history) });
  new ResizeObserver(([entry]) => box.replaceChildren(draw(history, Math.max(260, entry.contentRect.width)))).observe(box);
  return box;
}

function summary(history) {
  const last = history[history.length - 1];
  const p = (share) => Math.round(100 * share);
  return t("After {n} answers {p} % of guesses were right, between {low} and {high} %. Chance is 50 %.", { n: last.n, p: p(last.accuracy), low: p(last.low), high: p(last.high) });
}

function draw(history, wide) {
  const [first, last] = [history[0].n, history[history.length - 1].n];
  const x = (n) => PAD.left + ((wide - PAD.left - PAD.right) * (n - first)) / Math.max(1, last - first);
  const y = (share) => PAD.top + (HIGH - PAD.top - PAD.bottom) * (1 - share);
  const line = (rows, key) => rows.map((row) => `${x(row.n).toFixed(1)},${y(row[key]).toFixed(1)}`).join(" L");
  const end = history[history.length - 1];
  return s("svg", { viewBox: `0 0 ${wide} ${HIGH}`, width: wide, height: HIGH, "aria-hidden": "true" },
    [0, 0.5, 1].map((share) => [
      s("line", { class: share === 0.5 ? "chance" : "rule", x1: PAD.left, x2: wide - PAD.right, y1: y(share), y2: y(share) }),
      s("text", { x: PAD.left - 8, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`),
    ]),
    s("text", { class: "chance-word", x: wide - PAD.right, y: y(0.5) + 16, "text-anchor": "end" }, t("chance")),
    s("path", { class: "band", d: `M${line(history, "high")} L${line([...history].reverse(), "low")} Z` }),
    s("path", { class: "line", d: `M${line(history, "accuracy")}` }),
    s("circle", { class: "point", cx: x(end.n), cy: y(end.accuracy), r: 4 }),
    s("text", { x: PAD.left, y: HIGH - 10 }, `${first}`),
    s("text", { x: wide - PAD.right, y: HIGH - 10, "text-anchor": "end" }, tn("{n} answer", "{n} answers", last)));
}
