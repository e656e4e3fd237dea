// One made thing: an empty place, then a picture or growing text, with like and dislike under it.

import { insist, key, media, post } from "./api.js";
import { toast, zoom } from "./dialogs.js";
import { clear, h, icon } from "./dom.js";
import { LIKING_HELP, likingWords } from "./liking.js";

const WAITING = { plain: "Writing.", personal: "Several drafts are written and weighed; the first time takes longest." };

export class Result {
  constructor(run, side, index) {
    Object.assign(this, { run, side, index, text: "", item: null });
    this.body = h("div", { class: "made-body waiting" }, run.medium === "text" && h("span", { class: "note", text: WAITING[side] }));
    this.label = h("span", { class: "note label" });
    this.score = h("span", { class: "note score" });
    this.like = this.#judge("thumbup", "Like", true);
    this.dislike = this.#judge("thumbdown", "Not for me", false);
    this.node = h("article", { class: `result ${run.medium}` }, this.body,
      h("footer", {}, h("div", { class: "told" }, this.score, this.label), h("div", { class: "judge" }, this.like, this.dislike)));
  }

  #judge(picture, words, liked) {
    return h("button", { type: "button", class: "button quiet round", disabled: true, "aria-pressed": "false", "aria-label": words, title: words,
      on: { click: () => this.#vote(liked) } }, icon(picture));
  }

  /** A piece of streamed text. */
  grow(delta) {
    this.text += delta;
    this.body.classList.remove("waiting");
    this.body.textContent = this.text;
  }

  /** A first look at a picture that is still being drawn. */
  look(source) {
    this.body.classList.remove("waiting");
    this.body.classList.add("drawing");
    const image = this.body.querySelector("img") ?? this.body.appendChild(h("img", { class: "draft", alt: "" }));
    image.src = source;
  }

  finish(line) {
    this.done = true;
    this.body.classList.remove("waiting", "drawing");
    this.item = line.item ?? (line.image ? { media: line.image, alt: `A drawing of ${this.run.prompt}` } : { text: line.text });
    if (this.item.media) clear(this.body, this.#picture());
    else this.body.textContent = this.item.text ?? line.text ?? "";
    this.label.textContent = line.label ?? "";
    const score = line.score ?? this.item.score;
    if (score !== undefined && score !== null) {
      this.score.textContent = likingWords(score, line.std ?? this.item.std ?? 0);
      this.score.title = LIKING_HELP;
    }
    this.like.disabled = this.dislike.disabled = false;
  }

  #picture() {
    const image = h("img", { src: media(this.item), alt: this.item.alt ?? this.item.prompt ?? "" });
    return h("button", { type: "button", class: "look", "aria-label": `Large view: ${image.alt}`, on: { click: () => zoom([this.item]) } }, image);
  }

  /** The run is over: a place that stayed empty says so. */
  settle() {
    this.body.classList.remove("waiting");
    if (!this.done && !this.text) this.body.replaceChildren();
  }

  #vote(liked) {
    this.like.disabled = this.dislike.disabled = true;
    (liked ? this.like : this.dislike).setAttribute("aria-pressed", "true");
    const send = () => this.#send(liked);
    if (this.run.generation === null) this.run.waiting.push(send);
    else send();
  }

  // A like is an answer: stored under its own key, repeated until it is durable.
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
    for (const each of [this.like, this.dislike]) {
      each.disabled = false;
      each.setAttribute("aria-pressed", "false");
    }
  }
}
