// Help without a network: the five minutes in short, the keys, what is kept where, what to do when stuck.

import { root } from "./api.js";
import { keyList } from "./dialogs.js";
import { h } from "./dom.js";
import { recall } from "./state.js";
import { t } from "./words.js";

const STORY = [
  [t("Choose"), t("Pictures or Words: press what you like, in the order you like it. Three picks are enough to start. Later two come at a time; skip what leaves you cold, take back what you did not mean.")],
  [t("Show me"), t("Results in your taste beside what you would have got without it, from the same start. What comes from the collection says so.")],
  [t("My taste"), t("What was learned, in words and bars, each with the band in which it may lie, and how often your answers were guessed before you gave them.")],
  [t("Create"), t("One prompt, one slider. At 0 you get the plain model. A small model draws what it knows, and names what it does not.")],
  [t("Keep"), t("A name, earlier versions, one file out and in, your answers as a table, your own pictures and texts, deletion with proof.")],
  [t("Tune"), t("After eight answers a small add-on can be trained here in minutes. Close the page: it goes on. Compare it blind with the plain model before you take it home.")],
];
const PRIVATE = [
  t("Everything you answer, add or make lies in one folder on the machine the studio runs on, readable by its owner alone. Settings says where."),
  t("Nothing leaves it: no account, no counting of visits, no downloads while it runs. Two commands of the terminal can send or fetch something, and only when they are typed: adapter-push and --pictures hub:..."),
  t("Deleting a taste removes its rows, vectors and files and counts again afterwards. Safety copies that still hold it are named."),
  t("A taste file holds your answers and your own pictures: give it only to whom you would show those. What is tuned for other programs holds numbers alone, unless you say otherwise."),
  t("With several people each has a login and sees only what is theirs; whoever keeps the studio sees who there is and how much, not what."),
  t("In a study the page says before the first question what is noted, and for whom."),
];
const STUCK = [
  [t("The studio cannot be reached."), t("Its window was closed, or the machine sleeps. Start it again: nothing that was saved is lost, and an answer on its way is sent again.")],
  [t("Everything is slow."), t("Something else uses the machine, or a tuning runs: pause it on Keep. Writing needs 2 GB of free memory.")],
  [t("It does not know my taste."), t("Look at how often it guesses right on My taste. Near half means: not yet, or that your choices follow something it cannot measure. Ten more answers usually tell.")],
  [t("The drawings look rough."), t("The model that ships is small and knows some hundreds of things at 96 pixels. The collection, or a model of your own, does better.")],
  [t("Something is damaged or lost."), t("In a terminal, launch.py doctor says what is wrong and what to do; launch.py restore-backup lists the safety copies.")],
];

const pairs = (rows) => h("dl", {}, rows.map(([name, does]) => [h("dt", { text: name }), h("dd", { text: does })]));

document.title = t("Penchant: help");
const theme = recall("penchant.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
document.getElementById("help").append(
  h("p", {}, h("a", { href: root, text: t("Back to the studio") })),
  h("h1", { text: t("Help") }),
  h("section", {}, h("h2", { text: t("Five minutes, in short") }), pairs(STORY)),
  h("section", {}, h("h2", { text: t("Keys") }), keyList()),
  h("section", {}, h("h2", { text: t("What stays with you") }), h("ul", {}, PRIVATE.map((text) => h("li", { text })))),
  h("section", {}, h("h2", { text: t("When something is wrong") }), pairs(STUCK)),
  h("p", { class: "note", text: t("The same at length lies in the folder docs of the program: story.md, privacy.md, troubleshooting.md.") }));
