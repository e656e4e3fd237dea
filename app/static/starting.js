// Start from other tastes of yours: offered on Choose before the first answer; whether a taste helps is set in Settings.

import { get, post } from "./api.js";
import { toast } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { on, state, tell } from "./state.js";
import { t, tn } from "./words.js";

const complain = (wrong) => toast(wrong.message, null, { bad: true });

/** One line under the question; hidden as soon as there is an answer, or where too few tastes may help. */
export function startOffer() {
  const node = h("div", { class: "keep-taste start-offer", hidden: true });
  const answers = () => state.progress[state.medium]?.answers ?? state.profile?.answers?.[state.medium] ?? 0;
  const paint = (told) => {
    const about = told.media[state.medium];
    node.hidden = !about.offered || answers() > 0;
    clear(node,
      h("p", { text: about.on ? tn("Started from what {n} taste here says; your first answers tell whether it is like you.", "Started from what {n} tastes here have in common; your first answers tell which are like you.", about.from) : tn("{n} taste here may help you start.", "{n} tastes here may help you start.", about.others) }),
      button(about.on ? t("Start from nothing") : t("Start from people like you"), () => choose(!about.on)));
  };
  const look = async () => {
    node.hidden = true;
    const asked = state.profile?.id;
    if (!asked || answers() > 0) return;
    const told = await get(`profiles/${asked}/start`).catch(() => null);
    if (told && asked === state.profile?.id) paint(told);
  };
  const choose = async (yes) => {
    try {
      paint(await post(`profiles/${state.profile.id}/start`, { medium: state.medium, on: yes }));
      tell("stale");
    } catch (wrong) {
      complain(wrong);
    }
  };
  for (const what of ["profile", "medium"]) on(what, look);
  on("progress", () => (node.hidden ||= answers() > 0));
  return node;
}

/** Whether this taste may help others of the same person to start: off until switched on. */
export function helping() {
  const options = [true, false].map((yes) => h("button", { type: "button", class: "option", text: yes ? t("On") : t("Off"), on: { click: () => flip(yes) } }));
  const section = h("section", { hidden: true }, h("h3", { text: t("Let this taste help other profiles here start") }),
    h("div", { class: "switch", role: "group", "aria-label": t("Let this taste help other profiles here start") }, options),
    h("p", { class: "note", text: t("From five such tastes on, a new one can start from what they have in common. Only your own profiles. Off: it helps no new one. Deleted: it is taken out of those it helped.") }));
  const paint = (told) => {
    section.hidden = false;
    options.forEach((option, k) => option.setAttribute("aria-pressed", String(told.helps === (k === 0))));
  };
  const flip = (yes) => post(`profiles/${state.profile.id}/helps`, { on: yes }).then(paint, complain);
  on("profile", (profile) => {
    section.hidden = true;
    if (profile) get(`profiles/${profile.id}/start`).then((told) => profile.id === state.profile?.id && paint(told), () => {});
  });
  return section;
}
