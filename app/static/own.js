// Own pictures and texts: drop, paste or choose; they join what this taste is asked about.

import { post, upload } from "./api.js";
import { toast } from "./dialogs.js";
import { button, h, plural } from "./dom.js";
import { state, tell } from "./state.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const LARGEST = 10 * 2 ** 20;
const AT_ONCE = 5;

export function own() {
  const status = h("p", { class: "status", role: "status", "aria-live": "polite" });
  const file = h("input", { type: "file", accept: TYPES.join(","), multiple: true, hidden: true, "aria-label": "Pictures" });
  const text = h("textarea", { class: "field", rows: 3, maxlength: 60000, placeholder: "Or type or paste passages here, with an empty line between two.", "aria-label": "Passages" });
  const say = (words, bad = false) => ((status.textContent = words), status.classList.toggle("bad", bad));
  const pictures = (files) => addPictures([...files], say).catch((wrong) => say(wrong.message, true));
  const texts = () => addTexts(text, say).catch((wrong) => say(wrong.message, true));
  const zone = h("div", { class: "drop", on: {
    dragover: (event) => (event.preventDefault(), zone.classList.add("over")),
    dragleave: () => zone.classList.remove("over"),
    drop: (event) => (event.preventDefault(), zone.classList.remove("over"), pictures(event.dataTransfer.files)),
  } }, h("p", { text: "Drop or paste pictures here" }), h("p", { class: "note", text: "PNG, JPEG or WebP, 10 MB each at most" }), button("Choose files", () => file.click()), file);
  file.addEventListener("change", () => (pictures(file.files), (file.value = "")));
  const node = h("section", { class: "box own" }, h("h2", { text: "Your own pictures and texts" }),
    h("p", { class: "note", text: "They are compared like the rest and stay in your data folder." }), zone, text,
    h("div", { class: "row" }, button("Add passages", texts)), status);
  node.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), pictures(event.clipboardData.files)));
  return node;
}

async function addPictures(files, say) {
  const good = files.filter((file) => TYPES.includes(file.type) && file.size <= LARGEST);
  const left = files.length - good.length;
  let added = 0;
  for (let k = 0; k < good.length; k += AT_ONCE) {
    say(`Adding ${plural(good.length, "picture")}.`);
    const form = new FormData();
    good.slice(k, k + AT_ONCE).forEach((file) => form.append("files", file));
    added += (await upload(`profiles/${state.profile.id}/items`, form)).items.length;
  }
  done(say, added, "picture", left ? ` ${left} left out: only PNG, JPEG and WebP up to 10 MB.` : "");
}

async function addTexts(field, say) {
  const texts = field.value.split(/\n\s*\n/).map((part) => part.trim()).filter(Boolean);
  if (!texts.length) return field.focus();
  say("Reading.");
  const { items } = await post(`profiles/${state.profile.id}/items`, { texts });
  field.value = "";
  done(say, items.length, "passage", "");
}

function done(say, count, noun, more) {
  say(`${plural(count, noun)} added.${more}`, !count);
  if (!count) return;
  toast(`${plural(count, noun)} added. They will come up among your questions.`);
  tell("stale");
}
