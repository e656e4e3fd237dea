// The login form of a studio with accounts.

import { root } from "./api.js";

const form = document.getElementById("login");
const status = document.getElementById("status");
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
    status.textContent = (await reply.json().catch(() => ({}))).error ?? "That did not work; try again.";
  } catch {
    status.textContent = "The studio cannot be reached. Is it still running?";
  }
  field("password").select();
});
