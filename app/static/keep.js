import { h } from "./dom.js";
export const keepPage = () => h("section", { class: "page" });
