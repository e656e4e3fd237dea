// The login form of a studio with accounts.

import { root } from "./api.js";
import { said, t } from "./words.js";

const form = document.getElementById("login");
const status = document.getElementById("status");
const field = (id) => document.getElementById(id);
const token = () => field("token").value.trim();
// An address that was given to somebody carries their token behind the #, where no server sees it.
field("token").value = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

function paint() {
  const joining = !field("token-part").hidden;
  const words = { title: t("Penchant: log in"), h1: joining ? t("Set your account up") : t("Log in"),
    ".note": joining ? t("Choose a name and a password. Whoever is the first here takes over the tastes that are here already.") : t("This studio was started with accounts. Yours keeps your tastes apart from others'."),
    "label[for=token]": t("Token"), "label[for=name]": t("Name"), "label[for=password]": joining ? t("A password, at least 8 characters") : t("Password"),
    "button[type=submit]": joining ? t("Set it up") : t("Log in"), "#other": joining ? t("I have an account") : t("I have a token") };
  for (const [place, text] of Object.entries(words)) document.querySelector(place).textContent = text;
  field("name").required = !joining;
  field("password").autocomplete = joining ? "new-password" : "current-password";
}

field("token-part").hidden = !token();
field("other").addEventListener("click", () => {
  field("token-part").hidden = !field("token-part").hidden;
  paint();
});
paint();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  status.textContent = "";
  try {
    const joining = !field("token-part").hidden;
    const given = { name: field("name").value, password: field("password").value, ...(joining ? { token: token() } : {}) };
    const reply = await fetch(new URL(joining ? "api/v1/join" : "api/v1/login", root), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(given),
    });
    if (reply.ok) return location.assign(root);
    status.textContent = said((await reply.json().catch(() => ({}))).error) ?? t("That did not work; try again.");
  } catch {
    status.textContent = t("The studio cannot be reached. Is it still running?");
  }
  field("password").select();
});
