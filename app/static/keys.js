// The keyboard of Choose and the few keys that work everywhere. Never while someone is typing.

import { shortcuts } from "./dialogs.js";
import { current } from "./tabs.js";

const TYPING = "input, textarea, select, [contenteditable], [contenteditable] *";
const PRESSABLE = "button, a, summary, [role=button], [role=tab]";

export function listenKeys(card) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey || event.target.closest?.(TYPING)) return;
    if (document.querySelector("dialog[open]") || document.querySelector("[data-menu-open]")) return;
    if (event.key === "?") return take(event, shortcuts);
    if (current() !== "choose" || !card.question) return;
    const act = action(event, card);
    if (act) take(event, act);
  });
}

function take(event, act) {
  event.preventDefault();
  act();
}

function action(event, card) {
  const { key, shiftKey } = event;
  if (key.toLowerCase() === "z") return () => card.step(shiftKey ? "redo" : "undo");
  if (event.ctrlKey || event.metaKey || event.repeat) return null;
  if (key.toLowerCase() === "c" && !card.why.node.hidden) return () => card.why.focus();
  if (key.toLowerCase() === "s") return () => card.answer("skip");
  const free = !event.target.closest?.(PRESSABLE) || !event.target.matches(":focus-visible");
  if (key === " " && free) return () => card.zoom();
  return card.question.kind === "pair" ? inPair(event, card) : inGrid(event, card, free);
}

function inPair({ key, shiftKey, target }, card) {
  if (target.closest?.("[role=tab]")) return null;
  const strength = shiftKey ? 2 : 1;
  return {
    ArrowLeft: () => card.pick(0, strength),
    ArrowRight: () => card.pick(1, strength),
    ArrowUp: () => card.answer("both_good"),
    ArrowDown: () => card.answer("both_bad"),
  }[key];
}

function inGrid({ key, shiftKey }, card, free) {
  if (key === "Enter" && shiftKey) return () => card.showMe();
  if (key === "Enter" && free) return () => card.next();
  const number = Number(key);
  return number >= 1 && number <= card.question.items.length ? () => card.view.toggle(number - 1) : null;
}
