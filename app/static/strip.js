// A row of things with what the studio thinks of each.

import { media } from "./api.js";
import { why } from "./because.js";
import { zoom } from "./dialogs.js";
import { h } from "./dom.js";
import { LIKING_HELP, likingWords } from "./liking.js";
import { nameOf } from "./thing.js";
import { t } from "./words.js";

export function strip(title, hint, items) {
  return h("section", { class: "strip" }, h("h2", { text: title }), h("p", { class: "note", text: hint }),
    h("ul", { class: items[0]?.media ? "tiles" : "tiles text" }, items.map(tile)));
}

function tile(item) {
  const shown = item.media
    ? h("img", { src: media(item), alt: nameOf(item) })
    : h("span", { class: "passage", lang: "en", text: item.text });
  return h("li", {},
    h("button", { type: "button", class: item.media ? "look-tile" : "look-tile text", "aria-label": t("Large view: {what}", { what: nameOf(item) }), on: { click: () => zoom([item]) } }, shown),
    h("span", { class: "note", title: LIKING_HELP, text: likingWords(item.score, item.std) }), why(item));
}
