// Can the per cents be trusted? What was said against what came true, with counts and intervals.

import { h, percent, s } from "./dom.js";
import { t, tn } from "./words.js";

const HIGH = 240;
const PAD = { left: 50, right: 18, top: 22, bottom: 40 };
const LEAST = 10;
const CLOSE = 0.04;

export function reliability(told) {
  const intro = h("p", { class: "note", text: t("Guesses about pairs, each made before your answer. On the dashed line its per cents mean exactly what they say; the bars are 90 % intervals, the numbers count the guesses.") });
  return h("section", { class: "reliability" }, h("h2", { text: t("Can its per cents be trusted?") }),
    told.n < LEAST ? h("p", { class: "note", text: t("From {least} guesses about pairs on, this is drawn. There are {n} so far.", { least: LEAST, n: told.n }) }) : [intro, chart(told), h("div", { class: "facts-box" }, h("p", { text: verdict(told) }))]);
}

function chart({ bins }) {
  const box = h("div", { class: "curve", role: "img", "aria-label": bins.map(binWords).join(" ") });
  new ResizeObserver(([entry]) => box.replaceChildren(draw(bins, Math.max(260, entry.contentRect.width)))).observe(box);
  return box;
}

const binWords = (bin) => tn("Of {n} guess it gave {from} to {to}, {p} came true, between {low} and {high}.", "Of {n} guesses it gave {from} to {to}, {p} came true, between {low} and {high}.", bin.n, { from: percent(bin.from), to: percent(bin.to), p: percent(bin.happened), low: percent(bin.low), high: percent(bin.high) });

function draw(bins, wide) {
  const x = (share) => PAD.left + ((wide - PAD.left - PAD.right) * (share - 0.5)) / 0.5;
  const y = (share) => PAD.top + (HIGH - PAD.top - PAD.bottom) * (1 - share);
  return s("svg", { viewBox: `0 0 ${wide} ${HIGH}`, width: wide, height: HIGH, "aria-hidden": "true" },
    [0, 0.5, 1].map((share) => [
      s("line", { class: "rule", x1: PAD.left, x2: wide - PAD.right, y1: y(share), y2: y(share) }),
      s("text", { x: PAD.left - 8, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`)]),
    [0.5, 0.75, 1].map((share) => s("text", { x: x(share), y: HIGH - 20, "text-anchor": share === 1 ? "end" : "middle" }, `${100 * share} %`)),
    s("text", { x: (PAD.left + wide - PAD.right) / 2, y: HIGH - 4, "text-anchor": "middle" }, t("what it said")),
    s("text", { x: PAD.left - 36, y: 12 }, t("what came true")),
    s("line", { class: "chance", x1: x(0.5), y1: y(0.5), x2: x(1), y2: y(1) }),
    bins.map((bin) => [
      s("line", { class: "whisker", x1: x(bin.said), x2: x(bin.said), y1: y(bin.low), y2: y(bin.high) }),
      s("circle", { class: "point", cx: x(bin.said), cy: y(bin.happened), r: 5 }),
      s("text", { x: x(bin.said) + 9, y: y(bin.happened) + (bin.happened > 0.9 ? 16 : -6) }, `${bin.n}`)]));
}

function verdict({ n, error, eighty }) {
  if (eighty === null) return tn("{n} guess is too few to say how to read its per cents.", "{n} guesses are too few to say how to read its per cents.", n);
  const off = tn("Over {n} guess it was off by {far} points on average.", "Over {n} guesses it was off by {far} points on average.", n, { far: Math.round(100 * error) });
  return `${off} ${reading(eighty)}`;
}

function reading(eighty) {
  if (Math.abs(eighty - 0.8) <= CLOSE) return t("Its 80 % means about that.");
  const p = percent(eighty);
  return eighty < 0.8 ? t("Where it says 80 %, read {p}: it is too sure of itself.", { p }) : t("Where it says 80 %, read {p}: it is surer than it dares to say.", { p });
}
