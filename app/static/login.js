// The login form of a studio with accounts.

import { root } from "./api.js";
import { said, t } from "./words.js";

const form = document.getElementById("login");
const status = document.getElementById("status");
const WORDS = [["title", t("Penchant: log in")], ["h1", t("Log in")], [".note", t("This studio was started with accounts. Yours keeps your tastes apart from others'.")],
  ["label[for=name]", t("Name")], ["label[for=password]", t("Password")], ["button", t("Log in")]];
for (const [place, words] of WORDS) document.querySelector(place).textContent = words;
const field = (id) => document.getElementById(id);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  status.textContent = "";
  try {
    const reply = await fetch(new URL("api/v1/login", root), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: field("name").value, password: field("password").value }),
    });
    if (reply.ok) return location.assign(root);
    status.textContent = said((await reply.json().catch(() => ({}))).error) ?? t("That did not work; try again.");
  } catch {
    status.textContent = t("The studio cannot be reached. Is it still running?");
  }
  field("password").select();
});
