import { h } from "./dom.js";
export const taste = () => h("section", { class: "page" });
