// One past answer as it was given: what was shown, with a mark on what was picked.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h } from "./dom.js";
import { nameOf } from "./thing.js";
import { moment, t } from "./words.js";

export function answered(answer) {
  const kind = answer.items[0]?.media ? "picture" : "text";
  return h("ul", { class: `answered ${kind}` }, answer.items.map(shown));
}

function shown(item) {
  const look = item.media
    ? h("img", { src: media(item), alt: "", loading: "lazy" })
    : h("span", { class: "passage", lang: "en", text: item.text });
  const what = nameOf(item);
  const label = item.picked ? t("Large view: {what}, your pick", { what }) : t("Large view: {what}", { what });
  return h("li", { class: item.picked ? "picked" : "" },
    h("button", { type: "button", class: item.media ? "look-tile" : "look-tile text", "aria-label": label, on: { click: () => zoom([item]) } }, look),
    h("span", { class: "note", text: item.picked ? t("your pick") : "" }));
}

/** "You picked out of 9; some of the rest beside it. 4 May" */
export function saidWords(answer) {
  const when = answer.created ? ` ${moment(answer.created, { day: "numeric", month: "long" })}` : "";
  return told(answer) + when;
}

function told(answer) {
  if (answer.said === "both_good") return t("You said that both are good.");
  if (answer.said === "both_bad") return t("You said that both are bad.");
  return answer.of === 2 ? t("You picked one of two.") : t("You picked out of {n}; some of the rest beside it.", { n: answer.of });
}
