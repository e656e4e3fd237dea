// A circle in the choices: three kinds, each picked over the next, drawn with its counts.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h } from "./dom.js";
import { said, t, tn } from "./words.js";

/** Nothing unless chance would seldom show one as clear; where it would, one line says so. */
export function circle(told) {
  if (!told?.compared) return null;
  const title = h("h2", { text: t("Do you go in a circle?") });
  if (!told.sure) return h("section", {}, title, h("p", { class: "note", text: t("No circle is seen that slips of the hand would not make: a score for each kind says all there is.") }));
  const [one, two, three] = told.links;
  return h("section", { class: "circle" }, title,
    h("p", { class: "note", text: `${t("You picked {a} over {b}, {b} over {c}, and yet {c} over {a}.", { a: said(one.over), b: said(two.over), c: said(three.over) })} ${often(told.p)} ${t("No single score can say it; what you pick depends on what it stands beside.")}` }),
    h("ul", { class: "ring" }, told.links.flatMap((link) => [spot(link), arrow(link)]), spot(one)));
}

function often(p) {
  return tn("Slips alone would look like this about once in a hundred.", "Slips alone would look like this about {n} times in a hundred.", Math.max(1, Math.round(100 * p)));
}

function spot({ over, item }) {
  const shown = item.media ? h("img", { src: media(item), alt: "" }) : null;
  return h("li", {}, h("button", { type: "button", class: "axis-end", title: t("See an example: {word}", { word: said(over) }), on: { click: () => zoom([item]) } }, shown, h("span", { text: said(over) })));
}

function arrow({ under, for: wins, against }) {
  return h("li", { class: "arrow" }, h("span", { "aria-hidden": "true", text: "→" }), h("span", { class: "note" }, h("span", { class: "unseen", text: t("over {kind}:", { kind: said(under) }) }), ` ${t("{wins} to {against}", { wins, against })}`));
}
