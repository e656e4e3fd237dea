// Builds the parts and puts each into its place. Gradio may draw the places in any order.

import { Card } from "./card.js";
import { Create } from "./create.js";
import { mount } from "./dom.js";
import { exampleBar } from "./examples.js";
import { header } from "./header.js";
import { keepPage } from "./keep.js";
import { listenKeys } from "./keys.js";
import { settings, startTheme } from "./settings.js";
import { setOnline, start } from "./state.js";
import { nameTabs } from "./tabs.js";
import { taste } from "./taste.js";

const flags = document.querySelector('meta[name="penchant"]').dataset;
startTheme(flags.theme);

const card = new Card();
listenKeys(card);
mount("header-mount", header(flags.offline === "true"));
const page = (node) => (node.prepend(exampleBar()), node);
mount("choose-mount", page(card.node));
mount("taste-mount", page(taste()));
mount("create-mount", page(new Create().node));
mount("keep-mount", page(keepPage()));
mount("settings-mount", settings());

nameTabs();
begin();

async function begin() {
  try {
    await start();
    setOnline(true);
  } catch {
    setOnline(false);
    setTimeout(begin, 2000);
  }
}
