// The door of a study: enters with the code of the invitation, then draws the page in the language
// that the study asks for. Nothing is kept in this browser but a cookie for this one sitting.

const root = new URL("../", import.meta.url);
const asked = new URLSearchParams(location.search);
const invitation = { code: asked.get("code") ?? "", study: asked.get("study") ?? "" };

/** {ok, status, told}: what the studio says to this code. */
async function enter(code) {
  try {
    const reply = await fetch(new URL("api/v1/study/enter", root), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code, study: invitation.study }),
    });
    return { ok: reply.ok, status: reply.status, told: await reply.json().catch(() => ({})) };
  } catch {
    return { ok: false, status: 0, told: {} };
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
dark.addEventListener("change", theme);
theme();

const first = await enter(invitation.code);
if (first.told.language) document.documentElement.dataset.language = first.told.language;
const { Participant } = await import("./participant.js");
new Participant(document.getElementById("study"), invitation, enter).come(first);
