// What the page knows: whose taste, which medium, how far along. Ids only; truth is in the studio.

import { get, patch, post, url } from "./api.js";
import { t } from "./words.js";

/** Whether this browser runs on the machine that the studio runs on. */
export const HERE = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
export const MEDIA = { picture: t("Pictures"), text: t("Words") };
const SAVED = { profile: "penchant.profile", medium: "penchant.medium" };

export const state = {
  profile: null,
  profiles: [],
  medium: "picture",
  chosen: false,
  progress: { picture: null, text: null },
  making: false,
  job: null,
  system: null,
  online: true,
};

const bus = new EventTarget();
export const on = (what, fn) => bus.addEventListener(what, (event) => fn(event.detail));
export const tell = (what, detail) => bus.dispatchEvent(new CustomEvent(what, { detail }));

/** Load profiles and machine facts; the last profile of this browser comes first. */
export async function start() {
  const [{ profiles }] = await Promise.all([get("profiles"), learnSystem()]);
  state.profiles = profiles;
  const medium = recall(SAVED.medium);
  state.medium = medium in MEDIA ? medium : "picture";
  const last = Number(recall(SAVED.profile));
  const found = profiles.find((row) => row.id === last) ?? mine(profiles);
  // A quick click may have taken it up already; telling it anew would end what was begun.
  if (found && found.id === state.profile?.id) state.profile = found;
  else if (found) use(found);
  else tell("profile", null);
}

/** The newest taste that is no example: nobody slides into one. */
const mine = (rows) => rows.filter((row) => !row.simulated).at(-1);

async function learnSystem() {
  state.system = await get("system").catch(() => null);
  tell("system", state.system);
}

export function use(profile) {
  state.profile = profile;
  state.progress = { picture: null, text: null };
  state.job = null;
  state.chosen ||= profile.answers.picture + profile.answers.text > 0 || recall(SAVED.medium) !== null;
  keep(SAVED.profile, profile.id);
  paint(profile.colour);
  listen(profile.id);
  tell("profile", profile);
}

/** The profile of this visit; made silently on the first click. */
export async function ensure() {
  if (!state.profile) {
    // A click may come before the list has: what is there already is not made again.
    state.profiles = (await get("profiles")).profiles;
    if (!mine(state.profiles)) state.profiles.push(await post("profiles", {}));
    if (!state.profile) use(mine(state.profiles));
  }
  return state.profile;
}

export async function create(name) {
  const made = await post("profiles", { name });
  const named = name && !made.named ? await patch(`profiles/${made.id}`, { name }) : made;
  state.profiles.push(named);
  use(named);
}

export async function rename(name) {
  const changed = await patch(`profiles/${state.profile.id}`, { name });
  await refresh(changed.id);
}

/** Read the list again and stay on (or move to) this profile. */
export async function refresh(id) {
  state.profiles = (await get("profiles")).profiles;
  const found = state.profiles.find((row) => row.id === id) ?? mine(state.profiles);
  if (!found) {
    state.profile = null;
    state.progress = { picture: null, text: null };
    state.chosen = false;
    keep(SAVED.profile, null);
    keep(SAVED.medium, null);
    paint();
    listen(null);
    tell("profile", null);
  } else if (found.id !== state.profile?.id) use(found);
  else {
    state.profile = found;
    tell("named", found);
  }
}

export function setMedium(medium) {
  state.chosen = true;
  keep(SAVED.medium, medium);
  if (medium === state.medium) return;
  state.medium = medium;
  tell("medium", medium);
}

export function setProgress(medium, progress) {
  if (!progress) return;
  const before = state.progress[medium]?.answers;
  state.progress[medium] = progress;
  tell("progress", medium);
  if (before !== undefined && before !== progress.answers) tell("answered", medium);
}

// One accent a profile. Without one: the studio's blue.
function paint(colour = "#2f6fed") {
  document.documentElement.style.setProperty("--own", /^#[0-9a-f]{6}$/i.test(colour) ? colour : "#2f6fed");
}

// Live figures while this page is looked at; a hidden page holds no connection.
let source = null;
let followed = null;

function listen(id) {
  followed = id;
  source?.close();
  source = null;
  if (id === null || document.hidden) return;
  source = new EventSource(url(`profiles/${id}/events`));
  source.addEventListener("progress", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("open", () => setOnline(true));
  source.addEventListener("error", () => setOnline(false));
}

function hear(told) {
  for (const medium of Object.keys(MEDIA)) setProgress(medium, told[medium]);
  if (JSON.stringify(told.job ?? null) !== JSON.stringify(state.job)) {
    state.job = told.job ?? null;
    tell("job", state.job);
  }
  if (Boolean(told.making) !== state.making) {
    state.making = Boolean(told.making);
    tell("making", told.making);
  }
}

export function setOnline(online) {
  if (online === state.online) return;
  state.online = online;
  tell("online", online);
}

document.addEventListener("visibilitychange", () => listen(followed));

/** localStorage, which a browser may refuse. */
export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // A private window: the choice lasts as long as the page.
  }
}
