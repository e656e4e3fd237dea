// What a thing is called: by its owner, else by what it shows. How it is drawn is never told.

import { said } from "./words.js";

export const nameOf = (item) => said(item.caption || item.alt || item.prompt || "");
