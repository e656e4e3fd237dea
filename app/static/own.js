// Own pictures and texts: drop, paste or choose; they join what this taste is asked about.

import { post, upload } from "./api.js";
import { toast } from "./dialogs.js";
import { button, h } from "./dom.js";
import { state, tell } from "./state.js";
import { t, tn } from "./words.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const LARGEST = 10 * 2 ** 20;
const AT_ONCE = 5;

export function own() {
  const status = h("p", { class: "status", role: "status", "aria-live": "polite" });
  const file = h("input", { type: "file", accept: TYPES.join(","), multiple: true, hidden: true, "aria-label": t("Pictures") });
  const text = h("textarea", { class: "field", rows: 3, maxlength: 60000, placeholder: t("Or type or paste passages here, with an empty line between two."), "aria-label": t("Passages") });
  const say = (words, bad = false) => ((status.textContent = words), status.classList.toggle("bad", bad));
  const pictures = (files) => addPictures([...files], say).catch((wrong) => say(wrong.message, true));
  const texts = () => addTexts(text, say).catch((wrong) => say(wrong.message, true));
  const zone = h("div", { class: "drop", on: {
    dragover: (event) => (event.preventDefault(), zone.classList.add("over")),
    dragleave: () => zone.classList.remove("over"),
    drop: (event) => (event.preventDefault(), zone.classList.remove("over"), pictures(event.dataTransfer.files)),
  } }, h("p", { text: t("Drop or paste pictures here") }), h("p", { class: "note", text: t("PNG, JPEG or WebP, 10 MB each at most") }), button(t("Choose files"), () => file.click()), file);
  file.addEventListener("change", () => (pictures(file.files), (file.value = "")));
  const node = h("section", { class: "box own" }, h("h2", { text: t("Your own pictures and texts") }),
    h("p", { class: "note", text: t("They are compared like the rest and stay in your data folder.") }), zone, text,
    h("div", { class: "row" }, button(t("Add passages"), texts)), status);
  node.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), pictures(event.clipboardData.files)));
  return node;
}

async function addPictures(files, say) {
  const good = files.filter((file) => TYPES.includes(file.type) && file.size <= LARGEST);
  const left = files.length - good.length;
  let added = 0;
  for (let k = 0; k < good.length; k += AT_ONCE) {
    say(tn("Adding {n} picture.", "Adding {n} pictures.", good.length));
    const form = new FormData();
    good.slice(k, k + AT_ONCE).forEach((file) => form.append("files", file));
    added += (await upload(`profiles/${state.profile.id}/items`, form)).items.length;
  }
  done(say, added, tn("{n} picture added.", "{n} pictures added.", added), left ? ` ${t("{n} left out: only PNG, JPEG and WebP up to 10 MB.", { n: left })}` : "");
}

async function addTexts(field, say) {
  const texts = field.value.split(/\n\s*\n/).map((part) => part.trim()).filter(Boolean);
  if (!texts.length) return field.focus();
  say(t("Reading."));
  const { items } = await post(`profiles/${state.profile.id}/items`, { texts });
  field.value = "";
  done(say, items.length, tn("{n} passage added.", "{n} passages added.", items.length), "");
}

function done(say, count, words, more) {
  say(words + more, !count);
  if (!count) return;
  toast(`${words} ${t("They will come up among your questions.")}`);
  tell("stale");
}
