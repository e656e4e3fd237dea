// For who keeps the studio, in Settings: who is there and how much they keep, never what; the log.

import { get, post, root } from "./api.js";
import { once } from "./account.js";
import { confirm, dialog, toast } from "./dialogs.js";
import { button, clear, h, onShow } from "./dom.js";
import { on, state } from "./state.js";
import { moment, number, t, tn } from "./words.js";

const complain = (wrong) => toast(wrong.message, null, { bad: true });
const ACTS = { login: t("logged in"), "login-failed": t("wrong password or name"), logout: t("logged out"), joined: t("set an account up"), password: t("changed the password"),
  "session-ended": t("ended a session or token"), token: t("made a token"), invite: t("let somebody in"), reset: t("let somebody choose a password"), lock: t("locked"), unlock: t("let in again"), restored: t("put a safety copy back"),
  limits: t("set limits"), export: t("took a taste home"), import: t("brought a taste in"), delete: t("deleted a taste"), "adapter-export": t("exported what was tuned"),
  "adapter-file": t("took what was tuned home"), "adapter-import": t("brought something tuned in"), "adapter-delete": t("deleted what was tuned"), "adapter-push": t("sent what was tuned to the hub"),
  "study-export": t("took a study home"), "study-delete": t("deleted of a study") };

/** Nothing at all for everybody else, and where nobody logs in. */
export function admin() {
  const list = h("div", { class: "people" });
  const section = h("section", { hidden: true }, h("h3", { text: t("People of this studio") }), list, h("div", { class: "row" },
    button(t("Let somebody in"), () => invite().catch(complain)), button(t("The log"), () => log().catch(complain)), button(t("Jobs"), () => jobs().catch(complain))));
  const load = async () => {
    if (!state.system?.login || !state.system.admin) return;
    const told = await get("admin/users").catch(() => null);
    if (!told) return;
    section.hidden = false;
    clear(list, told.users.map((one) => person(one, load)));
  };
  on("system", load);
  onShow(section, load);
  return section;
}

function person(one, load) {
  const keeps = [tn("{n} taste", "{n} tastes", one.profiles), tn("{n} answer", "{n} answers", one.answers), tn("{n} own thing", "{n} own things", one.items),
    t("{mb} MB made", { mb: number(one.made_bytes / 1e6, { maximumFractionDigits: 1 }) })].join(", ");
  const last = one.seen ? t("last here {when}", { when: moment(one.seen) }) : t("never here");
  return h("article", {}, h("h4", { text: one.locked ? t("{name} (locked)", { name: one.name }) : one.name }),
    h("p", { class: "note", text: `${keeps}; ${last}` }),
    one.admin ? null : h("div", { class: "row" },
      button(one.locked ? t("Let in again") : t("Lock"), () => lock(one).then(load, complain), { kind: "quiet" }),
      button(t("New password"), () => reset(one).catch(complain), { kind: "quiet" }),
      button(t("Limits"), () => limits(one).then(load, complain), { kind: "quiet" })));
}

async function lock(one) {
  const lines = [t("Their browsers and programs are out at once. Nothing of theirs is deleted.")];
  if (!one.locked && !(await confirm(t("Lock {name}?", { name: one.name }), lines, t("Lock")))) return;
  await post(`admin/users/${one.id}/lock`, { locked: !one.locked });
}

async function reset(one) {
  const { token } = await post(`admin/users/${one.id}/reset`, {});
  await once(t("A new password for {name}", { name: one.name }), link(token), t("Give them this address; it works once, for a day."));
}

async function invite() {
  const { token } = await post("admin/invites", {});
  await once(t("Let somebody in"), link(token), t("Give one person this address; it works once, for a day."));
}

const link = (token) => `${new URL("login", root).href}#${token}`;

async function limits(one) {
  const names = { comparisons: t("answers a minute"), acts: t("exports, imports and deletions a minute"), making: t("things made at once"), profiles: t("tastes"), items: t("own things") };
  const given = await dialog(t("Limits of {name}", { name: one.name }), (close) => {
    const fields = Object.entries(names).map(([name, words]) => [name, words, h("input", { class: "field short", type: "number", min: 0, max: 999999999, value: one.limits[name], id: `limit-${name}` })]);
    const submit = (event) => (event.preventDefault(), close(Object.fromEntries(fields.map(([name, , field]) => [name, Number(field.value)]))));
    return h("form", { on: { submit } }, fields.map(([name, words, field]) => h("div", { class: "row" }, h("label", { for: `limit-${name}`, text: words }), field)),
      h("p", { class: "note", text: t("0 is no limit.") }), h("div", { class: "row end" }, h("button", { class: "button primary", text: t("Set") })));
  });
  if (given) await post(`admin/users/${one.id}/limits`, { limits: given });
}

async function log() {
  const told = await get("admin/audit?limit=200");
  const rows = told.rows.map((row) => h("tr", {}, h("td", { text: moment(row.created) }), h("td", { text: row.name || "-" }), h("td", { text: ACTS[row.what] ?? row.what }),
    h("td", { text: Object.entries(row.about).map(([key, value]) => `${key} ${value}`).join(", ") })));
  await dialog(t("The log"), () => h("div", {}, h("p", { class: told.intact ? "note" : "status bad", text: told.intact ? tn("{n} row, none changed.", "{n} rows, none changed.", told.count) : t("The log was changed: {what}", { what: told.wrong }) }),
    h("table", { class: "proof" }, rows)), { wide: true });
}

async function jobs() {
  const told = await get("admin/jobs");
  const rows = told.jobs.map((row) => h("tr", {}, h("td", { text: moment(row.created) }), h("td", { text: row.name }), h("td", { text: row.what }), h("td", { text: row.state })));
  await dialog(t("Jobs"), () => (rows.length ? h("table", { class: "proof" }, rows) : h("p", { text: t("Nobody tunes anything.") })), { wide: true });
}
