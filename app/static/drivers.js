// What drives the choices: each property with the others held fixed, its share and its interval.

import { h } from "./dom.js";
import { fixed, said, t } from "./words.js";

export function drivers({ drivers: rows, gamed }) {
  const reach = Math.max(0.5, ...rows.flatMap((row) => [Math.abs(row.low), Math.abs(row.high)]));
  return h("section", { class: "drivers" }, h("h2", { text: t("What drives your choices") }),
    h("p", { class: "note", text: t("Each property by itself, all others held equal, in the order of how much it said in your own choices. The band is where it may be, 90 % of the time.") }),
    gamed ? h("p", { class: "warning", text: warning(gamed) }) : null,
    h("ul", { class: "axes" }, rows.map((row) => driver(row, reach))));
}

function driver(row, reach) {
  const [lowWord, highWord] = [said(row.low_word), said(row.high_word)];
  const p = Math.round(100 * row.share);
  const verdict = row.sure ? t("{p} % of what decided: {word}", { p, word: row.mean > 0 ? highWord : lowWord }) : t("{p} % of what decided, not sure which way", { p });
  const figures = t("{value}, between {low} and {high}", { value: fixed(row.mean), low: fixed(row.low), high: fixed(row.high) });
  const place = (value) => `${50 + (50 * value) / reach}%`;
  const bar = h("div", { class: "axis-bar", role: "img", "aria-label": t("{low} to {high}: {verdict}, {figures}", { low: lowWord, high: highWord, verdict, figures }), title: t("{figures} in log odds a deviation (0 says nothing; 90 % interval)", { figures }) },
    h("i", { class: "axis-band", style: { left: place(row.low), width: `${(50 * (row.high - row.low)) / reach}%` } }),
    h("i", { class: "axis-dot", style: { left: place(row.mean) } }));
  return h("li", { class: row.sure ? "axis sure" : "axis" },
    h("div", { class: "axis-head" }, h("strong", { text: said(row.name) }), h("span", { class: "note", text: verdict })),
    h("div", { class: "axis-line plain" }, h("span", { class: "note", text: lowWord }), bar, h("span", { class: "note", text: highWord })));
}

function warning({ name, swing, mean, high_word, low_word }) {
  const word = mean > 0 ? high_word : low_word;
  return t("One property could fool it: {axis}. More towards “{word}” would be enough to turn around {p} % of what it guesses. A few answers where that is the same on both sides would help.", { axis: said(name), word: said(word), p: Math.round(100 * swing) });
}
