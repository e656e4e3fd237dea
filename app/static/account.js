// One's own account, in Settings: the password, where one is logged in, tokens for programs.

import { get, post, remove } from "./api.js";
import { dialog, toast } from "./dialogs.js";
import { button, clear, h, icon, onShow } from "./dom.js";
import { on, state } from "./state.js";
import { moment, t } from "./words.js";

const complain = (wrong) => toast(wrong.message, null, { bad: true });

/** Nothing at all where nobody logs in. */
export function account() {
  const who = h("p", { class: "note" });
  const list = h("ul", { class: "held" });
  const section = h("section", { hidden: true }, h("h3", { text: t("Your account") }), who, list, h("div", { class: "row" },
    button(t("Change the password"), () => password()),
    button(t("Log out everywhere else"), () => post("account/end-others", {}).then(load, complain)),
    button(t("A token for a program"), () => token(load))));
  const load = async () => {
    if (!state.system?.login) return;
    const told = await get("account").catch(() => null);
    if (!told) return;
    section.hidden = false;
    who.textContent = told.admin ? t("You are {name}, and you keep this studio.", { name: told.name }) : t("You are {name}.", { name: told.name });
    clear(list, told.held.map((one) => held(one, load)));
  };
  on("system", load);
  onShow(section, load);
  return section;
}

function held(one, load) {
  const what = one.kind === "program" ? t("Program: {label}", { label: one.label }) : one.here ? t("This browser") : browser(one);
  const end = () => remove(`account/held/${one.id}`).then(load, complain);
  return h("li", {}, h("span", { text: what }), h("span", { class: "note", text: ` ${t("since {when}", { when: moment(one.created) })}` }),
    one.here ? null : button(icon("trash"), end, { kind: "quiet round", "aria-label": t("End {what}", { what }) }));
}

function browser({ agent = "", address = "" }) {
  const name = /(Firefox|Edg|Chrome|Safari)/.exec(agent)?.[1] ?? t("A browser");
  return address ? t("{name} at {address}", { name: name.replace("Edg", "Edge"), address }) : name;
}

async function password() {
  const done = await dialog(t("Change the password"), (close) => {
    const old = h("input", { class: "field", type: "password", autocomplete: "current-password", required: true, maxlength: 200, id: "old-password" });
    const fresh = h("input", { class: "field", type: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 200, id: "new-password" });
    const status = h("p", { class: "status bad", role: "alert" });
    const submit = async (event) => {
      event.preventDefault();
      try {
        await post("account/password", { old: old.value, new: fresh.value });
        close(true);
      } catch (wrong) {
        status.textContent = wrong.message;
        old.select();
      }
    };
    return h("form", { on: { submit } }, h("label", { for: "old-password", text: t("The password you have now") }), old,
      h("label", { for: "new-password", text: t("The new one, at least 8 characters") }), fresh, status,
      h("p", { class: "note", text: t("Every other browser of yours is logged out. Tokens of programs stay; end those you do not trust.") }),
      h("div", { class: "row end" }, h("button", { class: "button primary", text: t("Change it") })));
  });
  if (done) toast(t("The new password holds."));
}

async function token(load) {
  const label = await dialog(t("A token for a program"), (close) => {
    const field = h("input", { class: "field", maxlength: 80, "aria-label": t("What it is for"), placeholder: t("What it is for"), autofocus: true });
    return h("form", { on: { submit: (event) => (event.preventDefault(), close(field.value.trim() || " ")) } }, field,
      h("p", { class: "note", text: t("It may do on /api/v1 what you may, but not change your account.") }),
      h("div", { class: "row end" }, h("button", { class: "button primary", text: t("Make it") })));
  });
  if (label === null) return;
  try {
    const made = await post("account/tokens", { label: label.trim() });
    await once(t("Your token"), made.token, t("Shown only now. Send it as Authorization: Bearer TOKEN."));
    await load();
  } catch (wrong) {
    complain(wrong);
  }
}

/** Something that is shown one time and never again. */
export const once = (title, secret, note) => dialog(title, () => h("div", {}, h("p", {}, h("code", { class: "secret", text: secret })), h("p", { class: "note", text: note })));
