// How long a person looked: only the time during which the page could be seen.

export class Watch {
  #seen = 0;
  #since = performance.now();

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#seen += performance.now() - this.#since;
      this.#since = performance.now();
    });
  }

  start() {
    this.#seen = 0;
    this.#since = performance.now();
  }

  ms() {
    const running = document.hidden ? 0 : performance.now() - this.#since;
    return Math.min(86400000, Math.round(this.#seen + running));
  }
}
