// Pictures or Words: one choice for the whole page.

import { h } from "./dom.js";
import { MEDIA, on, setMedium, state } from "./state.js";
import { t } from "./words.js";

export function mediumSwitch() {
  const options = Object.entries(MEDIA).map(([medium, word]) => h("button", {
    type: "button", class: "option", "aria-pressed": "false", data: { medium }, text: word, on: { click: () => setMedium(medium) },
  }));
  const paint = () => options.forEach((option) => option.setAttribute("aria-pressed", String(option.dataset.medium === state.medium)));
  paint();
  on("medium", paint);
  on("profile", paint);
  return h("div", { class: "switch", role: "group", "aria-label": t("Pictures or words") }, options);
}
