// Three cards that start a tuning, and a drawer with every setting and the same as a command.

import { get, post } from "./api.js";
import { toast } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { MEDIA, on, setMedium, state, tell } from "./state.js";
import { go } from "./tabs.js";
import { said, t, tn } from "./words.js";

const MORE = { quick: t("a first try"), good: t("the usual"), best: t("when you have time") };
const LABELS = { steps: t("Steps"), batch: t("Answers a step"), rate: t("Learning rate"), rank: t("Rank"), seed: t("Seed"), held_out: t("Share kept aside for the check"), mirror: t("Share of steps with pairs mirrored"), smooth: t("Weight of even steps between pictures") };

const WHAT = {
  text: {
    offer: t("A small add-on for the language model, trained on your answers, on this machine, in minutes. It runs on its own and can be paused."),
    from: (n) => tn("A small add-on for the language model, trained on {n} answer about words, on this machine. You can close the page meanwhile.", "A small add-on for the language model, trained on {n} answers about words, on this machine. You can close the page meanwhile.", n),
    answer: t("Answer about words"),
  },
  picture: {
    offer: t("A small add-on for the picture model, trained on your answers, on this machine, in minutes. It runs on its own and can be paused."),
    from: (n) => tn("A small add-on for the picture model, trained on {n} answer about pictures, on this machine. You can close the page meanwhile.", "A small add-on for the picture model, trained on {n} answers about pictures, on this machine. You can close the page meanwhile.", n),
    answer: t("Answer about pictures"),
  },
};

export function tuneBox() {
  const body = h("div", { class: "stack" });
  let drawn = null;
  let picked = null;
  const options = Object.entries(MEDIA).map(([medium, word]) => h("button", { type: "button", class: "option", "aria-pressed": "false", data: { medium }, text: word, on: { click: () => ((picked = medium), paint()) } }));
  const node = h("section", { class: "box tune" }, h("div", { class: "topline" }, h("h2", { text: t("Tune a model") }), h("div", { class: "switch", role: "group", "aria-label": t("What to tune") }, options)), body);
  const count = (medium) => state.progress[medium]?.answers ?? state.profile.answers[medium];
  const paint = async () => {
    node.hidden = Boolean(state.job);
    if (!state.profile || node.hidden || !node.isConnected) return;
    const leads = count("picture") - count("text");
    const medium = picked ?? (leads ? (leads > 0 ? "picture" : "text") : state.medium);
    options.forEach((option) => option.setAttribute("aria-pressed", String(option.dataset.medium === medium)));
    const wanted = `${state.profile.id} ${medium} ${count(medium)}`;
    if (wanted === drawn) return;
    drawn = wanted;
    try {
      const offer = await get(`profiles/${state.profile.id}/tune?medium=${medium}`);
      if (wanted === drawn) clear(body, offer.ready ? ready(offer, () => (drawn = null)) : notYet(offer));
    } catch (wrong) {
      drawn = null;
      clear(body, h("p", { class: "bad", text: wrong.message }), h("div", { class: "row" }, button(t("Try again"), paint)));
    }
  };
  on("profile", () => (picked = null));
  for (const what of ["profile", "progress", "job", "tuned"]) on(what, paint);
  return { node, paint };
}

function notYet(offer) {
  const choose = () => (setMedium(offer.medium), go("choose"));
  return [h("p", { text: WHAT[offer.medium].offer }),
    h("p", { class: "strong", text: said(offer.why) }), h("div", { class: "row" }, button(WHAT[offer.medium].answer, choose, { kind: "primary" }))];
}

function ready(offer, again) {
  const drawer = settings(offer);
  const start = async (preset) => {
    try {
      const job = await post(`profiles/${state.profile.id}/tune`, { preset, medium: offer.medium, ...drawer.given() });
      again();
      state.job = job;
      tell("job", job);
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
  };
  return [h("p", { text: WHAT[offer.medium].from(offer.answers) }),
    h("div", { class: "presets" }, offer.presets.map((preset) => card(preset, start))), drawer.node];
}

function card(preset, start) {
  const label = said(preset.label);
  const minutes = preset.minutes < 1 ? t("under a minute") : t("about {n} min", { n: Math.round(preset.minutes) });
  const go = button(preset.name === "quick" ? t("Tune") : t("Tune longer"), () => preset.fits && start(preset.name), { kind: preset.name === "quick" ? "primary" : "", "aria-disabled": String(!preset.fits), "aria-label": t("Tune: {what}", { what: label }) });
  return h("section", { class: `preset ${preset.fits ? "" : "no"}` }, h("h3", { text: label }), h("p", { class: "note", text: MORE[preset.name] }),
    h("p", { class: "big", text: minutes }), h("p", { text: t("{n} GB of memory", { n: preset.memory_gb }) }),
    preset.gain ? h("p", { class: "note", text: said(preset.gain) }) : null,
    h("p", { class: preset.fits ? "fits" : "bad", text: preset.fits ? t("Fits on this machine") : t("Does not fit: {why}", { why: said(preset.why) }) }), go);
}

/** Only what was changed is sent; the command line says the same. */
function settings(offer) {
  const numbers = Object.fromEntries(Object.entries(offer.settings).map(([name, value]) => [name, h("input", { class: "field short", type: "number", step: "any", placeholder: String(value), id: `tune-${name}` })]));
  const method = h("select", { class: "field", id: "tune-objective" }, offer.objectives.map((row) => h("option", { value: row.name, disabled: !row.usable }, row.usable ? said(row.label) : `${said(row.label)} (${said(row.why)})`)));
  const from = h("select", { class: "field", id: "tune-from" }, h("option", { value: "", text: t("the base model") }), (offer.from ?? []).map((row) => h("option", { value: row.id, text: row.name })));
  const knobs = h("div", { class: "fields" });
  const command = h("code");
  let inputs = {};
  const given = () => {
    const filled = (fields) => Object.fromEntries(Object.entries(fields).filter(([, field]) => field.value !== "").map(([name, field]) => [name, Number(field.value)]));
    return { objective: method.value, knobs: filled(inputs), settings: filled(numbers), ...(from.value && { start: Number(from.value) }) };
  };
  const tellCommand = () => {
    const { objective, knobs: set, settings: changed, start } = given();
    const words = [offer.command, ...(start ? [`--from ${start}`] : []), ...Object.entries(changed).filter(([name]) => name !== "held_out").map(([name, value]) => `--${name} ${value}`), ...Object.entries(set).map(([name, value]) => `--set ${name}=${value}`)];
    command.textContent = (objective === offer.objectives[0].name ? words : [...words, `--objective ${objective}`]).join(" ");
  };
  const pick = () => {
    const found = offer.objectives.find((row) => row.name === method.value);
    inputs = Object.fromEntries(found.knobs.map((knob) => [knob.name, h("input", { class: "field short", type: "number", min: knob.low, max: knob.high, step: "any", placeholder: String(knob.default), id: `knob-${knob.name}` })]));
    clear(knobs, found.knobs.map((knob) => h("label", { for: `knob-${knob.name}` }, h("span", { text: `${knob.name}: ${said(knob.help)}` }), inputs[knob.name])));
    tellCommand();
  };
  method.addEventListener("change", pick);
  pick();
  const fields = h("div", { class: "fields" }, Object.entries(numbers).map(([name, field]) => h("label", { for: field.id }, h("span", { text: LABELS[name] ?? name }), field)));
  const node = h("details", { class: "more", on: { input: tellCommand } }, h("summary", { text: t("All settings") }),
    offer.from?.length ? h("label", { for: "tune-from" }, h("span", { text: t("Go on from") }), from) : "",
    h("label", { for: "tune-objective" }, h("span", { text: t("Method") }), method), knobs, fields,
    h("p", { class: "note", text: t("The same as a command:") }), copyable(command));
  return { node, given };
}

/** A block of code with a button that copies it. */
export function copyable(code) {
  const copy = button(t("Copy"), async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      toast(t("Copied."));
    } catch {
      getSelection().selectAllChildren(code);
      toast(t("Selected: press Ctrl C."));
    }
  });
  return h("div", { class: "command" }, h("pre", {}, code), copy);
}
