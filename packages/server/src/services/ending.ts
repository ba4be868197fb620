/** The end of a server: what is to be closed then, and that it ends only once, whoever asks. */

/** Closers are registered as things are opened and run the other way round. */
export class Ending {
  /** Resolves with the exit value of the process when everything is closed. */
  readonly finished: Promise<number>;
  readonly #closers: (() => Promise<void> | void)[] = [];
  #resolve: (exitValue: number) => void = () => undefined;
  #begun = false;

  constructor() {
    this.finished = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Registers something to close; it will be closed before all that was registered earlier. */
  onEnd(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  /** Closes everything; resolves when that is done. The first caller's exit value counts. */
  async end(exitValue: number): Promise<void> {
    if (!this.#begun) {
      this.#begun = true;
      for (const close of this.#closers.reverse()) await close();
      this.#resolve(exitValue);
    }
    await this.finished;
  }
}
