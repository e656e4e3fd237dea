// What comes over the page: dialogs, the toast, the shortcut sheet, the large view.

import { media } from "./api.js";
import { button, clear, h, icon } from "./dom.js";
import { nameOf } from "./thing.js";
import { t } from "./words.js";

/** A modal dialog; resolves with what `close` was given, or null on Esc. */
export function dialog(title, body, { wide = false } = {}) {
  return new Promise((done) => {
    const shut = button("", () => box.close(), { kind: "quiet round", "aria-label": t("Close") });
    clear(shut, icon("close"));
    const box = h("dialog", { class: `sheet ${wide ? "wide" : ""}`, "aria-label": title },
      h("header", {}, h("h2", { text: title }), shut));
    let result = null;
    const close = (value = null) => ((result = value), box.close());
    box.append(body(close));
    box.addEventListener("close", () => (box.remove(), done(result)));
    box.addEventListener("click", (event) => event.target === box && box.close());
    document.body.append(box);
    box.showModal();
  });
}

/** Ask for one line of text. Resolves with it, or null. */
export function askName(title, value, action) {
  return dialog(title, (close) => {
    const field = h("input", { class: "field", value, maxlength: 80, required: true, "aria-label": t("Name"), autofocus: true });
    const submit = (event) => (event.preventDefault(), field.value.trim() && close(field.value.trim()));
    const form = h("form", { on: { submit } }, field,
      h("div", { class: "row end" }, h("button", { class: "button primary", text: action })));
    requestAnimationFrame(() => field.select());
    return form;
  });
}

/** Ask before something that cannot be taken back lightly. */
export function confirm(title, lines, action, kind = "danger") {
  return dialog(title, (close) => h("div", {},
    lines.map((line) => (line instanceof Node ? line : h("p", { text: line }))),
    h("div", { class: "row end" },
      button(t("Cancel"), () => close(null), { autofocus: true }),
      button(action, () => close(true), { kind }))));
}

// There from the start: what comes into a live region is read out, a region that comes with it is not.
const toastBox = document.body.appendChild(h("div", { class: "toast", role: "status", "aria-live": "polite" }));
let toastTimer = 0;

/** A short word at the bottom, for ten seconds, with one way back. */
export function toast(text, action = null, { bad = false } = {}) {
  clearTimeout(toastTimer);
  const back = action && button(action.text, () => (hideToast(), action.run()), { kind: "quiet" });
  clear(toastBox, h("span", { text }), back);
  toastBox.classList.toggle("bad", bad);
  toastBox.classList.add("shown");
  toastTimer = setTimeout(hideToast, 10000);
}

export const hideToast = () => toastBox.classList.remove("shown");

/** Pictures or passages, large. */
export function zoom(items) {
  const open = document.querySelector("dialog.zoom");
  if (open) return open.close();
  const box = h("dialog", { class: "zoom", "aria-label": t("Large view"), on: { click: () => box.close() } },
    items.map((item) => (item.media
      ? h("figure", {}, h("img", { src: media(item), alt: nameOf(item) }), item.save && saving(item))
      : h("p", { class: "passage", lang: "en", text: item.text }))));
  box.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    box.close();
  });
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

// What was made here can be taken along; the click must not shut the view.
function saving(item) {
  return h("figcaption", {}, item.save, " ", h("a", { href: media(item), download: item.name ?? "penchant.png", text: t("Save"), on: { click: (event) => event.stopPropagation() } }));
}

const KEYS = [
  [t("Two at a time"), [["←  →", t("choose left or right")], [t("Shift + arrow"), t("much better")], ["↑", t("both good")],
    ["↓", t("both bad")], ["S", t("skip")], [t("Space"), t("large view")]]],
  [t("Several at a time"), [[t("1 to 9"), t("pick or unpick")], [t("Enter"), t("next")], [t("Shift + Enter"), t("show me")]]],
  [t("Always"), [[t("Z or Ctrl + Z"), t("undo")], [t("Shift + Z"), t("redo")], ["?", t("this sheet")]]],
  [t("Create"), [[t("Ctrl + Enter"), t("make it mine")], [t("Esc"), t("stop")]]],
];

export function shortcuts() {
  if (document.querySelector("dialog")) return;
  dialog(t("Keys"), keyList, { wide: true });
}

export const keyList = () => h("div", { class: "keys" }, KEYS.map(([title, rows]) => h("section", {},
  h("h3", { text: title }),
  h("dl", {}, rows.map(([keys, does]) => [h("dt", {}, h("kbd", { text: keys })), h("dd", { text: does })])))));
