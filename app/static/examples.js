// Examples: the tastes of simulated people, to look at every page before answering; always labelled.

import { get, post, remove } from "./api.js";
import { dialog, toast } from "./dialogs.js";
import { button, clear, h } from "./dom.js";
import { create, on, refresh, state } from "./state.js";
import { go } from "./tabs.js";
import { said, t } from "./words.js";

const LOOK = 700;
const complain = (wrong) => toast(wrong.message, null, { bad: true });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Beside a name, wherever it stands. */
export const mark = (profile) => (profile?.simulated ? h("span", { class: "simulated", text: t("simulated person") }) : null);

/** The way in, for somebody who has answered nothing. */
export const exampleLink = () => button(t("Look at an example first"), choose, { kind: "quiet example-link" });

function choose() {
  return dialog(t("Examples of simulated people"), (close) => {
    const status = h("p", { class: "note", role: "status" });
    const list = h("div", { class: "examples" });
    const enter = async (row) => {
      for (const each of list.querySelectorAll("button")) each.disabled = true;
      try {
        const ready = await answered(row.key, (now) => (status.textContent = t("The simulated person is answering: {n} of {of}.", { n: now.answers, of: now.of })), () => list.isConnected);
        if (!ready) return;
        close();
        await refresh(ready.profile);
        go("taste");
      } catch (wrong) {
        close();
        complain(wrong);
      }
    };
    get("examples").then(({ examples }) => clear(list, examples.map((row) => button(said(row.name), () => enter(row)))), complain);
    return h("div", {}, h("p", { text: t("A program answers the questions, so that every page has something to show. No person is behind it, and your own taste learns nothing from it.") }), list, status);
  });
}

/** Until the example has all its answers; null when nobody waits any more. */
async function answered(key, tell, waiting) {
  for (let now = await post("examples", { key }); ; now = (await get("examples")).examples.find((row) => row.key === key)) {
    tell(now);
    if (now.ready) return now;
    await pause(LOOK);
    if (!waiting()) return null;
  }
}

/** One line on top of every page while an example is looked at. */
export function exampleBar() {
  const node = h("aside", { class: "example-bar", "aria-label": t("Example"), hidden: true });
  const paint = () => {
    node.hidden = !state.profile?.simulated;
    if (node.hidden) return clear(node);
    clear(node, h("p", { text: t("You look at an example: a simulated person gave these answers. Answers here teach the example, not your own taste.") }),
      h("div", { class: "row" }, button(t("Begin my own"), mine, { kind: "primary" }), button(t("Remove all examples"), away)));
  };
  on("profile", paint);
  on("named", paint);
  return node;
}

async function mine() {
  const own = state.profiles.filter((row) => !row.simulated).at(-1);
  await (own ? refresh(own.id) : create("")).catch(complain);
  go("choose");
}

async function away() {
  try {
    await remove("examples");
    await refresh(state.profiles.filter((row) => !row.simulated).at(-1)?.id ?? null);
    go("choose");
    toast(t("The examples are gone."));
  } catch (wrong) {
    complain(wrong);
  }
}
