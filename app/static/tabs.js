// Moving between the four pages. Gradio draws the tabs; their buttons carry our ids.

import { t } from "./words.js";

const PAGES = ["choose", "taste", "create", "keep"];

export function go(page) {
  (document.getElementById(`${page}-button`) ?? folded(page))?.click();
  scrollTo({ top: 0 });
}

// Where the tabs do not fit, Gradio puts the last ones into a menu, without their ids.
function folded(page) {
  const rows = [...document.querySelectorAll("#pages .overflow-dropdown button")];
  return rows[PAGES.indexOf(page) - (PAGES.length - rows.length)];
}

export function current() {
  return PAGES.find((page) => document.getElementById(`${page}-mount`)?.checkVisibility?.()) ?? null;
}

/** Gradio names its tabs in the language of the browser; another one that was chosen holds here too. */
export function nameTabs() {
  const names = { choose: t("Choose"), taste: t("My taste"), create: t("Create"), keep: t("Keep") };
  const rest = t("More pages");
  const look = () => {
    for (const [page, name] of Object.entries(names)) {
      const tab = document.getElementById(`${page}-button`);
      if (tab && tab.textContent.trim() !== name) tab.textContent = name;
    }
    const more = document.querySelector("#pages .overflow-menu > button");
    if (more && more.ariaLabel !== rest) more.ariaLabel = rest;
  };
  look();
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
}
