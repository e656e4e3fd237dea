// The compass: two named axes as a circle, where the answers point, and where the hand points.

import { get, media, post } from "./api.js";
import { zoom } from "./dialogs.js";
import { able, button, clear, h, s } from "./dom.js";
import { nameOf } from "./thing.js";
import { listed, said, t } from "./words.js";

const [RIM, HALF] = [100, 126];
const KEYS = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5, PageUp: 30, PageDown: -30 };
const QUIET = 400;
const FOLLOWS = { text: t("What Create writes follows it."), picture: t("What Create finds and draws follows it; a tuned model does not.") };
// Measured (docs/evidence.md): of the axes of words only this one hardly reaches what is written, r = .36.
const DEAF = { axis: "warmth", note: t("Warmth hardly moves the small model.") };

/** Angles are degrees from the first axis (right) towards the second (up). */
const turn = (angle) => ((((angle + 180) % 360) + 360) % 360) - 180;
const ray = (angle, length = RIM) => [length * Math.cos((angle * Math.PI) / 180), -length * Math.sin((angle * Math.PI) / 180)];
const share = (place) => `${(50 + (50 * place) / HALF).toFixed(2)}%`;

export class Compass {
  constructor(profile, medium) {
    Object.assign(this, { profile, medium, sent: Promise.resolve(), tiles: new Map() });
    this.body = h("div", { class: "compass" });
    this.node = h("section", { "aria-label": t("Compass") }, h("h2", { text: t("Compass") }),
      h("p", { class: "note", text: t("Where your answers point between two properties. Turn the handle to point elsewhere: what fits stands beside it at once.") }), this.body);
    this.#load();
  }

  async #load(plane = null) {
    const asked = plane ? plane.map((name) => `&plane=${name}`).join("") : "";
    try {
      this.told = await get(`profiles/${this.profile}/compass?medium=${this.medium}${asked}`);
    } catch (wrong) {
      return clear(this.body, h("p", { class: "bad", text: wrong.message }), button(t("Try again"), () => this.#load(plane)));
    }
    const { hand, plane: seen } = this.told;
    this.axes = seen.map((name) => this.told.axes.find((axis) => axis.name === name));
    // What was set between two other properties is not drawn here, but holds until it is taken back.
    this.elsewhere = hand && hand.plane.join() !== seen.join();
    this.hand = hand && !this.elsewhere ? hand.angle : null;
    this.tiles.clear();
    this.#build();
    this.#show();
  }

  #build() {
    const [x, y] = this.axes;
    this.hint = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.back = button(t("Back to what my answers say"), () => this.#release());
    this.list = h("ul", { class: this.medium === "picture" ? "tiles compass-fits" : "tiles text compass-fits" });
    clear(this.body,
      h("div", { class: "compass-left" }, h("div", { class: "compass-axes" }, this.#select(0, t("Across")), this.#select(1, t("Up"))),
        h("div", { class: "compass-face" }, h("span", { class: "north", text: said(y.high_word) }), h("span", { class: "west", text: said(x.low_word) }),
          this.#dial(), h("span", { class: "east", text: said(x.high_word) }), h("span", { class: "south", text: said(y.low_word) })),
        this.hint, h("div", { class: "row" }, this.back)),
      h("div", { class: "compass-right" }, h("h3", { text: t("Fits this direction best") }), this.list));
  }

  /** Which property lies along this line; choosing the other one's swaps the two. */
  #select(side, word) {
    const options = this.told.axes.map((axis) => h("option", { value: axis.name, selected: axis.name === this.axes[side].name }, said(axis.label)));
    const pick = h("select", { class: "field", on: { change: () => {
      const names = this.axes.map((axis) => axis.name);
      if (names[1 - side] === pick.value) names.reverse();
      else names[side] = pick.value;
      this.#load(names);
    } } }, options);
    const axis = this.axes[side];
    return h("label", {}, h("span", { class: "note", text: word }), pick, h("span", { class: "note", title: t("In {unit}", { unit: said(axis.unit) }), text: said(axis.definition) }));
  }

  #dial() {
    const { low, high } = this.told.fitted;
    this.arrow = s("path", { class: "fitted" });
    this.needle = s("path", { class: "needle" });
    // Not a part of the drawing: a finger on it must turn and not scroll, which browsers only allow outside one.
    this.handle = h("div", { class: "handle", tabindex: 0, role: "slider", "aria-label": t("Direction, clockwise from the top"), "aria-valuemin": 0, "aria-valuemax": 359 }, h("i", { class: "knob" }));
    this.face = s("svg", { viewBox: `${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}`, class: "dial", "aria-hidden": "true" },
      s("circle", { class: "rim", r: RIM }), s("path", { class: "cross", d: `M${-RIM} 0H${RIM}M0 ${-RIM}V${RIM}` }),
      s("path", { class: "doubt", d: sector(low, high) }), this.arrow, this.needle);
    this.#listen();
    this.dial = h("div", { class: "dial-box" }, this.face, this.handle);
    return this.dial;
  }

  #listen() {
    const { face, handle } = this;
    const aim = (event) => {
      const box = face.getBoundingClientRect();
      const [dx, dy] = [event.clientX - box.left - box.width / 2, box.top + box.height / 2 - event.clientY];
      if (Math.hypot(dx, dy) > 6) this.#point((Math.atan2(dy, dx) * 180) / Math.PI);
    };
    const drop = () => this.dragging && ((this.dragging = false), this.#keep());
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.dragging = true;
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => this.dragging && aim(event));
    handle.addEventListener("pointerup", drop);
    handle.addEventListener("pointercancel", drop);
    face.addEventListener("click", (event) => (aim(event), this.#keep()));
    handle.addEventListener("keydown", (event) => {
      const step = KEYS[event.key];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.#point(Math.round(this.#angle()) - (event.shiftKey ? Math.sign(step) : step));
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#keep(), QUIET);
    });
  }

  #angle() {
    return this.hand ?? this.told.fitted.angle;
  }

  #point(angle) {
    this.hand = turn(Math.round(angle));
    this.#show();
  }

  /** One after another, so that the last one that was set is the one that holds. */
  #keep() {
    clearTimeout(this.timer);
    if (this.hand === null) return;
    const set = { medium: this.medium, plane: this.axes.map((axis) => axis.name), angle: this.hand };
    this.#send("compass", set, () => (this.elsewhere = false));
  }

  #release() {
    if (this.hand === null && !this.elsewhere) return;
    clearTimeout(this.timer);
    this.hand = null;
    this.#send("compass/release", { medium: this.medium }, () => (this.elsewhere = false));
    this.#show();
    this.handle.focus();
  }

  #send(door, body, done) {
    this.sent = this.sent.then(() => post(`profiles/${this.profile}/${door}`, body)).then(() => (done(), this.#say()), (wrong) => {
      this.hint.textContent = t("Not kept: {why}", { why: wrong.message });
      this.hint.classList.add("bad");
    });
  }

  #show() {
    const angle = this.#angle();
    const [hx, hy] = ray(angle);
    Object.assign(this.handle.style, { left: share(hx), top: share(hy) });
    this.handle.setAttribute("aria-valuenow", String(Math.round((450 - angle) % 360)));
    this.handle.setAttribute("aria-valuetext", this.hand === null ? t("{where}, as your answers say", { where: this.#words(angle) }) : t("{where}, set by hand", { where: this.#words(angle) }));
    this.needle.setAttribute("d", arrow(angle, RIM - 13));
    this.arrow.setAttribute("d", this.hand === null ? "" : arrow(this.told.fitted.angle, RIM - 22));
    this.dial.classList.toggle("by-hand", this.hand !== null);
    this.#say();
    this.#fits(angle);
  }

  #say() {
    const { low, high, angle } = this.told.fitted;
    able(this.back, this.hand !== null || this.elsewhere);
    this.hint.classList.remove("bad");
    const answers = high - low > 300 ? t("Your answers do not point anywhere yet.") : t("Your answers say: {where}; 90 % sure within {n} degrees.", { where: this.#words(angle), n: Math.round(high - low) });
    const other = this.elsewhere ? t("Set by hand elsewhere: {axes}.", { axes: this.#elsewhere() }) : "";
    const deaf = this.medium === "text" && this.axes.some((axis) => axis.name === DEAF.axis);
    const by = () => [t("Set by hand: {where}.", { where: this.#words(this.hand) }), FOLLOWS[this.medium], deaf ? DEAF.note : ""];
    this.hint.textContent = (this.hand === null ? [answers, other] : by()).filter(Boolean).join(" ");
  }

  #elsewhere() {
    return listed(this.told.hand.plane.map((name) => said(this.told.axes.find((axis) => axis.name === name).label)));
  }

  /** "warm 82, short 57": hundredths of the direction, the stronger first. */
  #words(angle) {
    const [x, y] = ray(angle, 100);
    return [[Math.round(x), this.axes[0]], [Math.round(-y), this.axes[1]]].filter(([part]) => part)
      .sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]))
      .map(([part, axis]) => `${said(part > 0 ? axis.high_word : axis.low_word)} ${Math.abs(part)}`).join(", ");
  }

  #fits(angle) {
    const [x, y] = ray(angle, 1);
    const groups = new Set();
    const score = (item) => item.x * x - item.y * y;
    const fits = this.told.items.map((item) => [score(item), item]).sort((a, b) => b[0] - a[0])
      .filter(([, item]) => groups.size < this.told.shown && !groups.has(item.group) && groups.add(item.group)).map(([, item]) => item);
    const nodes = fits.map((item) => this.#tile(item));
    if (nodes.some((node, k) => this.list.children[k] !== node)) this.list.replaceChildren(...nodes);
  }

  /** Made once per thing: turning moves tiles about and loads nothing twice. */
  #tile(item) {
    if (!this.tiles.has(item.id)) {
      const shown = item.media ? h("img", { src: media(item), alt: nameOf(item) }) : h("span", { class: "passage", lang: "en", text: item.text });
      this.tiles.set(item.id, h("li", {}, h("button", { type: "button", class: item.media ? "look-tile" : "look-tile text",
        "aria-label": t("Large view: {what}", { what: nameOf(item) }), on: { click: () => zoom([item]) } }, shown)));
    }
    return this.tiles.get(item.id);
  }
}

function arrow(angle, length) {
  const [x, y] = ray(angle, length);
  const [left, right] = [ray(angle + 172, 14), ray(angle - 172, 14)];
  const to = (dx, dy) => `${(x + dx).toFixed(1)} ${(y + dy).toFixed(1)}`;
  return `M0 0L${to(0, 0)}M${to(...left)}L${to(0, 0)}L${to(...right)}`;
}

/** The band along the rim in which the direction of the answers lies. */
function sector(low, high) {
  const span = Math.min(high - low, 359.9);
  const [[x0, y0], [x1, y1]] = [ray(low), ray(low + span)];
  return `M${x0.toFixed(2)} ${y0.toFixed(2)}A${RIM} ${RIM} 0 ${span > 180 ? 1 : 0} 0 ${x1.toFixed(2)} ${y1.toFixed(2)}`;
}
