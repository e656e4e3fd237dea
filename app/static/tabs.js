// Moving between the four pages. Gradio draws the tabs; their buttons carry our ids.

const PAGES = ["choose", "taste", "create", "keep"];

export function go(page) {
  document.getElementById(`${page}-button`)?.click();
  scrollTo({ top: 0 });
}

export function current() {
  return PAGES.find((page) => document.getElementById(`${page}-mount`)?.checkVisibility?.()) ?? null;
}
