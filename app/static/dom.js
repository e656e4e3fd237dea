// Small tools to build the page: elements, icons, waiting for Gradio's mount points.

import { number, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element. Keys: class, text, on (events), data, style (CSS properties), else attributes. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props)) set(node, key, value);
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function set(node, key, value) {
  if (value === undefined || value === null || value === false) return;
  if (key === "class") node.setAttribute("class", value);
  else if (key === "text") node.textContent = value;
  else if (key === "value") node.value = value;
  else if (key === "on") for (const [name, fn] of Object.entries(value)) node.addEventListener(name, fn);
  else if (key === "data") Object.assign(node.dataset, value);
  else if (key === "style") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
  else node.setAttribute(key, value === true ? "" : value);
}

// Drawn on a 24 by 24 field with a line of 1.8; words stand beside them wherever there is room.
const PATHS = {
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
  gear: "M4 7h9M19 7h1M4 17h1M11 17h9M16 7m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0M8 17m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0",
  chip: "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  down: "M6 9l6 6 6-6",
  up: "M12 20V5M6 11l6-6 6 6",
  left: "M20 12H5M11 6l-6 6 6 6",
  right: "M4 12h15M13 6l6 6-6 6",
  downward: "M12 4v15M6 13l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  heart: "M12 20s-7.5-4.6-7.5-10.2A4.3 4.3 0 0 1 12 7.2a4.3 4.3 0 0 1 7.5 2.6C19.5 15.4 12 20 12 20z",
  thumbup: "M7 11v9H4v-9zM7 11l4-8a2 2 0 0 1 2.6 2.4L12.8 9H18a2 2 0 0 1 2 2.3l-1.2 7A2 2 0 0 1 16.8 20H7",
  thumbdown: "M7 13V4H4v9zM7 13l4 8a2 2 0 0 0 2.6-2.4L12.8 15H18a2 2 0 0 0 2-2.3l-1.2-7A2 2 0 0 0 16.8 4H7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5m-1.2 0a1.2 1.2 0 1 0 2.4 0a1.2 1.2 0 1 0-2.4 0",
  text: "M5 6h14M5 10h14M5 14h14M5 18h8",
  steps: "M3 19h18M5 19v-3M9.7 19v-6M14.3 19v-9M19 19V5",
  large: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  again: "M4 12a8 8 0 1 0 2.4-5.7M4 4v4.5h4.5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  sides: "M9 7l-5 5 5 5M15 7l5 5-5 5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
};

export function icon(name, size = 18) {
  return s("svg", { viewBox: "0 0 24 24", width: size, height: size, class: "icon", "aria-hidden": "true" },
    s("path", { d: PATHS[name] }));
}

/** A button with words; `kind` is "", "primary", "quiet" or "danger". */
export function button(text, click, { kind = "", key = "", ...rest } = {}) {
  const keycap = key ? h("kbd", { text: CAPS[key] ?? key, "aria-hidden": "true" }) : null;
  const props = { type: "button", class: `button ${kind}`, on: { click }, "aria-keyshortcuts": ariaKey(key), ...rest };
  return h("button", props, Array.isArray(text) ? text : h("span", { class: "word" }, text), keycap);
}

/** Not available just now. Kept focusable, so that the keyboard does not lose its place. */
export const able = (node, yes) => node.setAttribute("aria-disabled", String(!yes));

const ARIA = { "←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown", "⇧Z": "Shift+Z", "Ctrl Enter": "Control+Enter", Esc: "Escape" };
// What stands on the key itself.
const CAPS = { Enter: t("Enter"), Space: t("Space"), "Ctrl Enter": t("Ctrl Enter"), Esc: t("Esc") };
const ariaKey = (key) => (key ? ARIA[key] ?? key : undefined);

/** Put `node` into the element with this id whenever Gradio draws it: at once, or when its tab opens. */
export function mount(id, node) {
  const look = () => {
    const place = document.getElementById(id);
    if (place && node.parentNode !== place) place.replaceChildren(node);
  };
  look();
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
}

/** Call `shown()` whenever the element becomes visible. */
export function onShow(element, shown) {
  new IntersectionObserver((rows) => rows.some((row) => row.isIntersecting) && shown()).observe(element);
}

export const clear = (node, ...children) => (node.replaceChildren(...children.flat(3).filter(Boolean)), node);
export const percent = (share) => `${number(Math.round(100 * share))} %`;
