// A tuned picture model tried: the same words and seeds, plain above and tuned below.

import { upload } from "./api.js";
import { dialog } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { t } from "./words.js";

const THINGS = ["a cat", "a sailboat", "a mushroom", "a car"];

/** A row of pictures under its name; nothing of it is stored. */
export function pictures(title, sources, alt, note = "") {
  return h("section", { class: "drawn" }, h("h3", { text: title }), note ? h("p", { class: "note", text: note }) : null,
    h("div", { class: "drawn-row" }, sources.map((src) => h("img", { src, alt, loading: "lazy" }))));
}

export function tryOut(row) {
  return dialog(t("Try “{name}”", { name: row.name }), () => {
    const prompt = h("input", { class: "field", maxlength: 200, value: THINGS[0], "aria-label": t("What should it draw?") });
    const stage = h("div", { class: "stage" });
    let seed = 0;
    const draw = async () => {
      seed += 1;
      clear(stage, h("p", { class: "status", role: "status", text: t("Drawing both. This takes a few seconds.") }));
      try {
        const body = new Blob([JSON.stringify({ prompt: prompt.value.trim() || THINGS[0], seed, n: 4 })], { type: "application/json" });
        const made = await upload(`adapters/${row.id}/try`, body);
        clear(stage, pictures(t("The plain model"), made.plain, t("{what}, plain", { what: made.prompt })), pictures(t("Tuned for you, on the same seeds"), made.tuned, t("{what}, tuned", { what: made.prompt })));
      } catch (wrong) {
        clear(stage, h("p", { class: "bad", role: "alert", text: wrong.message }));
      }
    };
    prompt.addEventListener("keydown", (event) => event.key === "Enter" && draw());
    return h("div", { class: "blind" }, prompt, h("div", { class: "row" }, button(t("Draw"), draw, { kind: "primary" })), stage);
  }, { wide: true });
}
