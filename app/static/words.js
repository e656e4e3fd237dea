// The words of the page in the language of the person. The English text is the key; other languages
// lie in app/words/LANGUAGE.json, read once before anything is drawn. What the studio itself says
// arrives in English, as programs get it, and `said` finds the template that it was made from.

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
const SAVED = "penchant.language";

/** "auto" (what the browser prefers) or a language; the choice of this browser, else of the start. */
export function chosenLanguage() {
  try {
    const kept = localStorage.getItem(SAVED);
    if (kept === "auto" || kept in LANGUAGES) return kept;
  } catch {
    // Storage is refused: the choice of the start holds.
  }
  return document.querySelector('meta[name="penchant"]')?.dataset.language ?? "auto";
}

/** Remember the choice and draw the page anew; nothing of the studio starts again. */
export function chooseLanguage(name) {
  try {
    localStorage.setItem(SAVED, name);
  } catch {
    // A private window: the choice cannot be kept.
  }
  location.reload();
}

function settle() {
  // A study may fix the language of its page: all participants then read the same words.
  const given = document.documentElement.dataset.language;
  if (given in LANGUAGES) return given;
  const chosen = chosenLanguage();
  if (chosen in LANGUAGES) return chosen;
  const known = (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2).toLowerCase());
  return known.find((tag) => tag in LANGUAGES) ?? "en";
}

export const language = settle();
/** Whether passages, and what the language model writes, are in another language than the page. */
export const foreign = language !== "en";
document.documentElement.lang = language;

async function read() {
  if (language === "en") return { page: {}, studio: {} };
  try {
    return await (await fetch(new URL(`words/${language}.json`, import.meta.url))).json();
  } catch {
    return { page: {}, studio: {} };
  }
}

const { page, studio } = await read();
const plurals = new Intl.PluralRules(language);
const HOLE = /\{(\w+)\}/g;

/** A number as this language writes it. */
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

/** With so many digits behind the point. */
export const fixed = (value, digits = 2) => number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** "a, b and c" */
export const listed = (words) => new Intl.ListFormat(language, { type: "conjunction" }).format(words);

/** A moment, given in seconds, as this language writes it. */
export const moment = (seconds, options = { dateStyle: "medium", timeStyle: "short" }) =>
  new Intl.DateTimeFormat(language, options).format(1000 * seconds);

const put = (text, values) => text.replace(HOLE, (hole, name) => (name in values ? show(values[name]) : hole));
const show = (value) => (typeof value === "number" ? number(value) : String(value));

/** `t("Kept as {name}.", { name })`: a sentence in the language of the person. */
export const t = (text, values = {}) => put(page[text] ?? text, values);

/** `tn("{n} answer", "{n} answers", n)`: by number; the catalogue keeps the forms under the second. */
export function tn(one, many, n, values = {}) {
  const forms = page[many] ?? { one, other: many };
  return put(forms[plurals.select(n)] ?? forms.other, { n, ...values });
}

/** Like `t`, for values that are elements: an array of strings and nodes, to be put into one. */
export function parts(text, values) {
  return (page[text] ?? text).split(/(\{\w+\})/).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (!name || !(name in values)) return part;
    return values[name] instanceof Node ? values[name] : show(values[name]);
  });
}

/** As a sentence of its own: errors come without a capital and a full stop, to fit into others. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?:)]$/.test(text) ? "" : ".");

// Sentences of the studio: each template once as a pattern, the longest fixed text first.
let patterns = null;

function compile() {
  const fixed = (key) => key.replace(HOLE, "").length;
  return Object.keys(studio).filter((key) => key.includes("{")).sort((a, b) => fixed(b) - fixed(a)).map((key) => {
    const names = [...key.matchAll(HOLE)].map((found) => found[1]);
    const body = key.split(HOLE).map((part, k) => (k % 2 ? "([^]*?)" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    return { key, names, pattern: new RegExp(`^${body.join("")}$`) };
  });
}

/** What the studio said, translated; what no template fits stays as it came. */
export function said(sentence) {
  if (language === "en" || typeof sentence !== "string") return sentence;
  if (sentence in studio) return studio[sentence];
  patterns ??= compile();
  for (const { key, names, pattern } of patterns) {
    const found = pattern.exec(sentence);
    if (found) return put(studio[key], Object.fromEntries(names.map((name, k) => [name, inner(name, found[k + 1])])));
  }
  return sentence;
}

// Inside a sentence: a known word or sentence is translated, a decimal number written anew. A name
// that a person gave stays, and so do names to be typed.
function inner(name, value) {
  if (name === "name" || name === "names") return value;
  if (/^-?\d+\.\d+$/.test(value)) return fixed(Number(value), value.split(".")[1].length);
  const whole = said(value);
  const words = value.split(/, | and /);
  return whole === value && words.length > 1 ? listed(words.map(said)) : whole;
}
