// A circle in the choices: three kinds, each picked over the next, drawn with its counts.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h } from "./dom.js";

/** Nothing unless chance would seldom show one as clear; where it would, one line says so. */
export function circle(told) {
  if (!told?.compared) return null;
  const title = h("h2", { text: "Do you go in a circle?" });
  if (!told.sure) return h("section", {}, title, h("p", { class: "note", text: "No circle is seen that slips of the hand would not make: a score for each kind says all there is." }));
  const [one, two, three] = told.links;
  return h("section", { class: "circle" }, title,
    h("p", { class: "note", text: `You picked ${one.over} over ${one.under}, ${two.over} over ${two.under}, and yet ${three.over} over ${three.under}. Slips alone would look like this ${often(told.p)} in a hundred. No single score can say it; what you pick depends on what it stands beside.` }),
    h("ul", { class: "ring" }, told.links.flatMap((link) => [spot(link), arrow(link)]), spot(one)));
}

function often(p) {
  const times = Math.max(1, Math.round(100 * p));
  return times === 1 ? "about once" : `about ${times} times`;
}

function spot({ over, item }) {
  const shown = item.media ? h("img", { src: media(item), alt: "" }) : null;
  return h("li", {}, h("button", { type: "button", class: "axis-end", title: `See an example of ${over}`, on: { click: () => zoom([item]) } }, shown, h("span", { text: over })));
}

function arrow({ under, for: wins, against }) {
  return h("li", { class: "arrow" }, h("span", { "aria-hidden": "true", text: "→" }), h("span", { class: "note", text: `${wins} to ${against}`, "aria-label": `over ${under}: ${wins} to ${against}` }));
}
