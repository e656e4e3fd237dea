// What drives the choices: each property with the others held fixed, its share and its interval.

import { h } from "./dom.js";

export function drivers({ drivers: rows, gamed }) {
  const reach = Math.max(0.5, ...rows.flatMap((row) => [Math.abs(row.low), Math.abs(row.high)]));
  return h("section", { class: "drivers" }, h("h2", { text: "What drives your choices" }),
    h("p", { class: "note", text: "Each property by itself, all others held equal, in the order of how much it said in your own choices. The band is where it may be, 90 % of the time." }),
    gamed ? h("p", { class: "warning", text: warning(gamed) }) : null,
    h("ul", { class: "axes" }, rows.map((row) => driver(row, reach))));
}

function driver(row, reach) {
  const word = row.mean > 0 ? row.high_word : row.low_word;
  const share = `${Math.round(100 * row.share)} % of what decided`;
  const verdict = row.sure ? `${share}, for ${word}` : `${share}, not sure which way`;
  const figures = `${row.mean.toFixed(2)}, between ${row.low.toFixed(2)} and ${row.high.toFixed(2)}`;
  const place = (value) => `${50 + (50 * value) / reach}%`;
  const bar = h("div", { class: "axis-bar", role: "img", "aria-label": `${row.low_word} to ${row.high_word}: ${verdict}, ${figures}`, title: `${figures} in log odds a deviation (0 says nothing; 90 % interval)` },
    h("i", { class: "axis-band", style: { left: place(row.low), width: `${(50 * (row.high - row.low)) / reach}%` } }),
    h("i", { class: "axis-dot", style: { left: place(row.mean) } }));
  return h("li", { class: row.sure ? "axis sure" : "axis" },
    h("div", { class: "axis-head" }, h("strong", { text: row.name }), h("span", { class: "note", text: verdict })),
    h("div", { class: "axis-line plain" }, h("span", { class: "note", text: row.low_word }), bar, h("span", { class: "note", text: row.high_word })));
}

function warning({ name, swing, mean, high_word, low_word }) {
  const word = mean > 0 ? high_word : low_word;
  return `One property could fool it: making things ${word} (${name}) would be enough to turn around ${Math.round(100 * swing)} % of what it guesses. A few answers where that is the same on both sides would help.`;
}
