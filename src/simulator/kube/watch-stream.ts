/**
 * The lines of one watch, pushed by the server and read by whoever watches. It ends, or fails, once; lines that were
 * pushed before are still read.
 */
export class WatchStream implements AsyncIterable<string> {
  readonly #lines: string[] = [];
  readonly #onClose: () => void;
  #wake: (() => void) | undefined;
  #end: { readonly error?: Error } | undefined;
  #silent = false;

  /** @param onClose called once, when the stream has ended, for whatever reason */
  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  push(line: string): void {
    if (this.#end || this.#silent) return;
    this.#lines.push(line);
    this.#wake?.();
  }

  /** Delivers nothing more and does not end either, as a connection does whose other side has vanished. */
  silence(): void {
    this.#silent = true;
  }

  /** Ends it; with an error the connection breaks. */
  end(error?: Error): void {
    if (this.#end) return;
    this.#end = error ? { error } : {};
    this.#onClose();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    try {
      for (;;) {
        const line = this.#lines.shift();
        if (line !== undefined) {
          yield line;
        } else if (this.#end) {
          if (this.#end.error) throw this.#end.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      this.end();
    }
  }
}
