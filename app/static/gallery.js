// Made earlier: pages of results with the words they came from; use again, or delete.

import { get, media, remove } from "./api.js";
import { confirm, toast, zoom } from "./dialogs.js";
import { button, clear, h, icon, onShow } from "./dom.js";
import { on, state } from "./state.js";
import { language, t } from "./words.js";

const AGO = [[86400, "day"], [3600, "hour"], [60, "minute"]];

export class Gallery {
  /** `use(row)` puts prompt, seed and strength of a row into the form; `begin()` makes the first. */
  constructor(use, begin) {
    Object.assign(this, { use, begin });
    this.list = h("div", { class: "gallery-list" });
    this.more = button(t("Show more"), () => this.#load(this.next), { hidden: true });
    this.empty = h("div", { class: "gallery-empty", hidden: true }, h("p", { class: "note", text: t("Nothing made yet. What you make here is kept in your data folder, with its words, seed and strength.") }),
      button(t("Make the first one"), () => this.begin()));
    this.node = h("section", { class: "gallery", "aria-label": t("Made earlier") }, h("h2", { text: t("Made earlier") }), this.empty, this.list, h("div", { class: "row" }, this.more));
    this.stale = true;
    onShow(this.node, () => this.stale && this.refresh());
    for (const what of ["profile", "medium"]) on(what, () => this.mark());
  }

  /** Something changed: read again, at once if it is looked at. */
  mark() {
    this.stale = true;
    if (this.node.offsetParent) this.refresh();
  }

  async refresh() {
    this.stale = false;
    await this.#load(null);
  }

  async #load(before) {
    const { profile, medium } = state;
    if (!profile) return this.#fill([], null, before);
    const from = before ? `&before=${before}` : "";
    try {
      const page = await get(`profiles/${profile.id}/made?medium=${medium}${from}`);
      if (state.profile?.id === profile.id && state.medium === medium) this.#fill(page.made, page.more, before);
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
  }

  #fill(rows, more, before) {
    const cards = rows.map((row) => this.#card(row));
    if (before) this.list.append(...cards);
    else clear(this.list, cards);
    this.next = more;
    this.more.hidden = !more;
    this.#settle();
  }

  #settle() {
    this.empty.hidden = this.list.childElementCount > 0;
  }

  #card(row) {
    const gone = () => (card.remove(), this.#settle());
    const bin = h("button", { type: "button", class: "button quiet round", "aria-label": t("Delete: {what}", { what: row.prompt }), title: t("Delete"), on: { click: () => this.#delete(row, gone) } }, icon("trash"));
    const again = button([icon("again"), t("Use again")], () => this.use(row), { kind: "quiet", "aria-label": t("Use again: {what}", { what: row.prompt }) });
    const card = h("article", { class: "gallery-card" }, this.#look(row), h("p", { class: "gallery-words", text: row.prompt, title: row.prompt }),
      h("p", { class: "note", text: `${told(row)}, ${ago(row.created)}` }), h("footer", {}, again, bin));
    return card;
  }

  #look(row) {
    const pictures = row.results.filter((result) => result.media);
    if (!pictures.length) return h("p", { class: "gallery-text passage", lang: "en", text: row.results[0]?.text ?? "" });
    const items = pictures.map((item) => ({ ...item, save: item.label?.startsWith("drawn") ? t("Yours") : "" }));
    return h("button", { type: "button", class: "gallery-look", "aria-label": t("Large view: {what}", { what: row.prompt }), on: { click: () => zoom(items) } },
      pictures.map((item) => h("span", { class: "sheet-of" }, h("img", { src: media(item), alt: "", loading: "lazy", draggable: "false" }))));
  }

  async #delete(row, gone) {
    const words = [t("The results of this run are deleted from your data folder."), t("What you liked or disliked among them stays an answer.")];
    if (!(await confirm(t("Delete it?"), words, t("Delete")))) return;
    try {
      await remove(`profiles/${state.profile.id}/made/${row.id}`);
      gone();
      toast(t("Deleted."));
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
  }
}

const told = (row) => (row.strength ? t("{p} % yours, seed {seed}", { p: Math.round(100 * row.strength), seed: String(row.seed) }) : t("plain, seed {seed}", { seed: String(row.seed) }));

function ago(created) {
  const past = Date.now() / 1000 - created;
  const [size, word] = AGO.find(([seconds]) => past >= seconds) ?? [0, ""];
  if (!size) return t("just now");
  return new Intl.RelativeTimeFormat(language, { style: "short" }).format(-Math.floor(past / size), word);
}
