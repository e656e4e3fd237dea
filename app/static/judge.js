// Like and dislike under a made thing: an answer, stored under its own key until it is durable.

import { insist, key, notYet, post } from "./api.js";
import { toast } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { t } from "./words.js";

const LOST = t("This run ended before it was stored, so likes of it are not kept. Make it again to like it.");

/** The run is stored: what was judged while it was being made goes out under its number. */
export function stored(run, generation) {
  run.generation = generation;
  for (const { send } of run.waiting.splice(0)) send();
}

/** The run is over. Without a number nothing about it can be kept: that is said, and buttons come free. */
export function ended(run) {
  if (run.generation !== null) return;
  run.over = true;
  if (run.waiting.length) toast(LOST, null, { bad: true });
  for (const { free } of run.waiting.splice(0)) free();
}

export class Judge {
  /** `run`: profile, medium, generation (null until it is stored), waiting: judged until then, over. */
  constructor(run, side, index) {
    Object.assign(this, { run, side, index });
    this.like = this.#button("thumbup", t("Like"), true);
    this.dislike = this.#button("thumbdown", t("Not for me"), false);
    this.node = h("div", { class: "judge" }, this.like, this.dislike);
  }

  enable() {
    this.like.disabled = this.dislike.disabled = false;
  }

  #button(picture, words, liked) {
    return h("button", { type: "button", class: "button quiet round", disabled: true, "aria-pressed": "false", "aria-label": words, title: words,
      on: { click: () => this.#vote(liked) } }, icon(picture));
  }

  #vote(liked) {
    if (this.run.over) return toast(LOST, null, { bad: true });
    this.like.disabled = this.dislike.disabled = true;
    (liked ? this.like : this.dislike).setAttribute("aria-pressed", "true");
    const send = () => this.#send(liked);
    if (this.run.generation === null) this.run.waiting.push({ send, free: () => this.#free() });
    else send();
  }

  async #send(liked) {
    const { profile, medium, generation } = this.run;
    const body = { generation, side: this.side, index: this.index, liked, idempotency_key: key() };
    try {
      await insist(`profiles/${profile}/like`, body, (wrong) => toast(notYet(wrong)));
      toast(liked ? t("Liked. It counts as an answer.") : t("Noted. It counts as an answer."), { text: t("Undo"), run: () => this.#undo(profile, medium) });
    } catch (wrong) {
      this.#free();
      toast(wrong.message, null, { bad: true });
    }
  }

  async #undo(profile, medium) {
    try {
      await post(`profiles/${profile}/undo`, { medium, idempotency_key: key() });
      this.#free();
    } catch (wrong) {
      toast(wrong.message, null, { bad: true });
    }
  }

  #free() {
    this.enable();
    for (const each of [this.like, this.dislike]) each.setAttribute("aria-pressed", "false");
  }
}
