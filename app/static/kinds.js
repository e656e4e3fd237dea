// The kinds a taste is a mixture of, and the ways the answers are read, each with its evidence.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h, plural } from "./dom.js";

const SHOWN = 5;
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const place = (share) => `${100 * share}%`;

/** Shares of the kinds; every share with its 90 % interval, and its kind to look at. */
export function kinds(rows, medium) {
  if (!rows?.length) return null;
  const even = 1 / rows.length;
  const what = medium === "picture" ? "ways of drawing" : "voices";
  const lead = rows.filter((row) => row.sure && row.share > even).map((row) => row.name);
  const said = lead.length ? `Nearest to ${lead.slice(0, 3).join(" and ")}.` : "None stands out yet.";
  return h("section", {}, h("h2", { text: "A mixture of kinds" }),
    h("p", { class: "note", text: `Your taste as shares of the ${rows.length} ${what} in the collection. ${said} The line marks an even share, the band where the share may be.` }),
    h("ul", { class: "kinds" }, rows.slice(0, SHOWN).map((row) => kind(row, even))));
}

function kind({ name, item, share, low, high, sure }, even) {
  const shown = item.media ? h("img", { src: media(item), alt: "", loading: "lazy" }) : null;
  const figures = `${percent(share)}, between ${percent(low)} and ${percent(high)}`;
  return h("li", { class: sure ? "kind sure" : "kind" },
    h("button", { type: "button", class: "axis-end", title: `See an example of ${name}`, on: { click: () => zoom([item]) } }, shown, h("span", { text: name })),
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
    ? `${plural(held, "answer")} of yours ${held === 1 ? "was" : "were"} guessed from the others. What you did was given ${percent(blend)} by the blend; of two things, a coin gives 50 %.`
    : "From ten answers on, they are compared on answers of yours that each has not seen.";
  return h("details", { class: "methods" }, h("summary", { text: "How your answers are read" }),
    h("p", { class: "note", text: why }),
    h("ul", {}, used.map((one) => h("li", {}, h("strong", { text: percent(one.share) }), ` ${one.words}`,
      one.guess === null ? null : h("span", { class: "note", text: `; alone it gave what you did ${percent(one.guess)}` })))));
}
