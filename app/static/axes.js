// Axes: what the person leans to, each as a bar with its interval and an example at either end.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h } from "./dom.js";
import { fixed, said, t } from "./words.js";

export function axes(rows) {
  const reach = Math.max(1, ...rows.flatMap((row) => [Math.abs(row.low), Math.abs(row.high)]));
  return h("ul", { class: "axes" }, rows.map((row) => axis(row, reach)));
}

function axis(row, reach) {
  const sure = row.sure ?? row.low * row.high > 0;
  const [lowWord, highWord] = [said(row.low_word), said(row.high_word)];
  const verdict = !sure ? t("not sure yet") : row.mean > 0 ? highWord : lowWord;
  const figures = t("{value}, between {low} and {high}", { value: fixed(row.mean, 1), low: fixed(row.low, 1), high: fixed(row.high, 1) });
  const place = (value) => `${50 + (50 * value) / reach}%`;
  const bar = h("div", { class: "axis-bar", role: "img", "aria-label": t("{low} to {high}: {verdict}, {figures}", { low: lowWord, high: highWord, verdict, figures }),
    title: t("{figures} (0 is no lean; 90 % interval)", { figures }) },
    h("i", { class: "axis-band", style: { left: place(row.low), width: `${(50 * (row.high - row.low)) / reach}%` } }),
    h("i", { class: "axis-dot", style: { left: place(row.mean) } }));
  const [low, high] = row.examples ?? [];
  return h("li", { class: sure ? "axis sure" : "axis" },
    h("div", { class: "axis-head" }, h("strong", { text: said(row.name) }), h("span", { class: "note", text: verdict })),
    h("div", { class: "axis-line" }, end(lowWord, low, [low, high]), bar, end(highWord, high, [low, high])));
}

/** The word at one end, with its example: a small picture, or a passage behind the word. */
function end(word, item, both) {
  if (!item) return h("span", { class: "axis-end", text: word });
  const image = item.media && h("img", { src: media(item), alt: "", loading: "lazy" });
  return h("button", { type: "button", class: "axis-end", title: t("See an example: {word}", { word }), on: { click: () => zoom(both) } }, image, h("span", { text: word }));
}
