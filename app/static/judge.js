// Like and dislike under a made thing: an answer, stored under its own key until it is durable.

import { insist, key, post } from "./api.js";
import { toast } from "./dialogs.js";
import { h, icon } from "./dom.js";

export class Judge {
  /** `run`: profile, medium, generation (null until it is stored), waiting: what to send then. */
  constructor(run, side, index) {
    Object.assign(this, { run, side, index });
    this.like = this.#button("thumbup", "Like", true);
    this.dislike = this.#button("thumbdown", "Not for me", false);
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
    this.like.disabled = this.dislike.disabled = true;
    (liked ? this.like : this.dislike).setAttribute("aria-pressed", "true");
    const send = () => this.#send(liked);
    if (this.run.generation === null) this.run.waiting.push(send);
    else send();
  }

  async #send(liked) {
    const { profile, medium, generation } = this.run;
    const body = { generation, side: this.side, index: this.index, liked, idempotency_key: key() };
    try {
      await insist(`profiles/${profile}/like`, body, () => toast("Not saved yet, trying again."));
      toast(liked ? "Liked. It counts as an answer." : "Noted. It counts as an answer.", { text: "Undo", run: () => this.#undo(profile, medium) });
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
