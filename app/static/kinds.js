// The kinds a taste is a mixture of, and the ways the answers are read, each with its evidence.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h, percent } from "./dom.js";
import { listed, said, t, tn } from "./words.js";

const SHOWN = 5;

const place = (share) => `${100 * share}%`;

/** Shares of the kinds; every share with its 90 % interval, and its kind to look at. */
export function kinds(rows, medium) {
  if (!rows?.length) return null;
  const even = 1 / rows.length;
  const n = rows.length;
  const shares = medium === "picture" ? t("Your taste as shares of the {n} ways of drawing in the collection.", { n }) : t("Your taste as shares of the {n} voices in the collection.", { n });
  const lead = rows.filter((row) => row.sure && row.share > even).map((row) => said(row.name));
  const nearest = lead.length ? t("Nearest to {kinds}.", { kinds: listed(lead.slice(0, 3)) }) : t("None stands out yet.");
  return h("section", {}, h("h2", { text: t("A mixture of kinds") }),
    h("p", { class: "note", text: `${shares} ${nearest} ${t("The line marks an even share, the band where the share may be.")}` }),
    h("ul", { class: "kinds" }, rows.slice(0, SHOWN).map((row) => kind(row, even))));
}

function kind({ name: given, item, share, low, high, sure }, even) {
  const name = said(given);
  const shown = item.media ? h("img", { src: media(item), alt: "", loading: "lazy" }) : null;
  const figures = t("{value}, between {low} and {high}", { value: percent(share), low: percent(low), high: percent(high) });
  return h("li", { class: sure ? "kind sure" : "kind" },
    h("button", { type: "button", class: "axis-end", title: t("See an example: {word}", { word: name }), on: { click: () => zoom([item]) } }, shown, h("span", { text: name })),
    h("div", { class: "axis-bar", role: "img", "aria-label": `${name}: ${figures}`, title: figures },
      h("i", { class: "kind-even", style: { left: place(even) } }),
      h("i", { class: "axis-band", style: { left: place(low), width: place(high - low) } }),
      h("i", { class: "axis-dot", style: { left: place(share) } })),
    h("span", { class: "note", text: percent(share) }));
}

/** Which readings of the answers are blended, how much of each, and what each foretold. */
export function methods({ held_out: held, blend, used }) {
  if (!used?.length) return null;
  const why = held
    ? tn("{n} answer of yours was guessed from the others. What you did was given {p} by the blend; of two things, a coin gives 50 %.", "{n} answers of yours were guessed from the others. What you did was given {p} by the blend; of two things, a coin gives 50 %.", held, { p: percent(blend) })
    : t("From ten answers on, they are compared on answers of yours that each has not seen.");
  return h("details", { class: "methods" }, h("summary", { text: t("How your answers are read") }),
    h("p", { class: "note", text: why }),
    h("ul", {}, used.map((one) => h("li", {}, h("strong", { text: percent(one.share) }), ` ${said(one.words)}`,
      one.guess === null ? null : h("span", { class: "note", text: t("; alone it gave what you did {p}", { p: percent(one.guess) }) })))));
}
