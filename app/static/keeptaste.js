// "Keep this taste": naming the profile is what keeps it.

import { toast } from "./dialogs.js";
import { button, h } from "./dom.js";
import { on, rename, state } from "./state.js";
import { go } from "./tabs.js";
import { t } from "./words.js";

const MORE = 10;

export function keepTaste() {
  const field = h("input", { class: "field", value: t("My taste"), maxlength: 80, "aria-label": t("Name of this taste") });
  const save = async (event) => {
    event.preventDefault();
    try {
      await rename(field.value.trim() || t("My taste"));
      toast(t("Kept as {name}. {n} more answers and it knows you better.", { name: state.profile.name, n: MORE }));
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
  };
  const form = h("form", { class: "keep-taste", on: { submit: save }, hidden: true },
    h("p", { text: t("Is this you?") }), field, h("button", { class: "button", text: t("Keep this taste") }));
  const on_ = h("div", { class: "keep-taste", hidden: true }, h("p", { text: t("More answers make it more yours.") }), button(t("Go on choosing"), () => go("choose")));
  let shown = false;
  const update = (now = shown) => {
    shown = now;
    form.hidden = !shown || !state.profile || state.profile.named;
    on_.hidden = !shown || !state.profile?.named;
  };
  on("named", () => update());
  on("profile", () => update());
  return { node: h("div", {}, form, on_), update };
}
