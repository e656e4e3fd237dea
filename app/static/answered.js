// One past answer as it was given: what was shown, with a mark on what was picked.

import { media } from "./api.js";
import { zoom } from "./dialogs.js";
import { h } from "./dom.js";

export function answered(answer) {
  const kind = answer.items[0]?.media ? "picture" : "text";
  return h("ul", { class: `answered ${kind}` }, answer.items.map(shown));
}

function shown(item) {
  const look = item.media
    ? h("img", { src: media(item), alt: "", loading: "lazy" })
    : h("span", { class: "passage", text: item.text });
  const name = item.alt ?? item.prompt ?? "";
  return h("li", { class: item.picked ? "picked" : "" },
    h("button", { type: "button", class: item.media ? "look-tile" : "look-tile text", "aria-label": `Large view: ${name}${item.picked ? ", your pick" : ""}`, on: { click: () => zoom([item]) } }, look),
    h("span", { class: "note", text: item.picked ? "your pick" : "" }));
}

/** "Out of 9 you picked 3, on 4 May" */
export function saidWords(answer) {
  const when = answer.created ? `, ${new Date(1000 * answer.created).toLocaleDateString(undefined, { day: "numeric", month: "long" })}` : "";
  if (answer.said === "both_good") return `You said that both are good${when}.`;
  if (answer.said === "both_bad") return `You said that both are bad${when}.`;
  return answer.of === 2 ? `You picked one of two${when}.` : `You picked out of ${answer.of}${when}; some of the rest beside it.`;
}
