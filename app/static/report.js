// Something wrong: where help is, and a report to paste that holds nothing of anybody.

import { get, root } from "./api.js";
import { dialog, toast } from "./dialogs.js";
import { button, h } from "./dom.js";
import { on, state } from "./state.js";
import { t } from "./words.js";

export function helpRow() {
  const copy = button(t("Copy a report"), report);
  const paint = () => (copy.hidden = state.system?.admin === false);
  on("system", paint);
  paint();
  return h("div", { class: "row" }, h("a", { class: "button", href: new URL("help", root), target: "_blank", text: t("Help") }), copy);
}

async function report() {
  let text;
  try {
    ({ report: text } = await get("report"));
  } catch (wrong) {
    return toast(wrong.message, null, { bad: true });
  }
  const taken = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  await dialog(t("A report to paste"), () => h("div", {},
    h("p", { class: "note", text: taken ? t("It is on your clipboard. Read it before you send it: versions, sizes and counts, none of your words.") : t("Mark it and copy it. Read it before you send it: versions, sizes and counts, none of your words.") }),
    h("textarea", { class: "field report", readonly: true, value: text, "aria-label": t("A report to paste") })), { wide: true });
}
