// A few words about the person: suggested by the answers, the person's to change.

import { get, post } from "./api.js";
import { button, clear, h } from "./dom.js";
import { t } from "./words.js";

let kept = null;

/** A page drawn again keeps the words that are being written. */
export function describe(profile, medium) {
  if (kept?.profile !== profile || kept.medium !== medium || !kept.changed()) kept = { profile, medium, ...made(profile, medium) };
  return kept.node;
}

function made(profile, medium) {
  let field = null;
  let shown = "";
  const node = h("section", { class: "describe", "aria-label": t("In your own words") });
  const path = `profiles/${profile}/description`;
  const load = () => get(`${path}?medium=${medium}`).then(paint).catch((wrong) => clear(node, h("p", { class: "bad", text: wrong.message }), button(t("Try again"), load)));

  function paint({ written, suggested, most }, done = "") {
    field = h("textarea", { class: "field", rows: 3, maxlength: most, "aria-label": t("About this person"),
      placeholder: t("Nothing is sure enough yet. Write it yourself: how should things be written for you?") });
    shown = field.value = written || suggested;
    const status = h("p", { class: "status", role: "status", "aria-live": "polite", text: done });
    const send = (text, words) => post(path, { medium, text }).then((told) => paint(told, words)).catch((wrong) => ((status.textContent = wrong.message), status.classList.add("bad")));
    clear(node, h("h2", { text: t("In your own words") }),
      h("p", { class: "note", text: written ? t("As you wrote it. It stands before the examples where your taste leaves as text with everything in it: the system prompt on Keep. The small model that ships does not read it well enough, so Create does not use it.")
        : t("As your answers suggest it. Change it, and it goes with your taste where that leaves as text with everything in it: the system prompt on Keep.") }),
      field, h("div", { class: "row" },
        button(t("Save these words"), () => send(field.value, t("Saved.")), { kind: "primary" }),
        written ? button(t("Back to what my answers say"), () => send("", t("Back to what your answers say."))) : null), status);
  }

  load();
  return { node, changed: () => field !== null && field.value !== shown };
}
