import type { Clock } from '../ambient/clock.ts';

/**
 * Aborts its signal when nothing was heard for too long, or when `parent` aborts. Call `release` when the work is over.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #parent: AbortSignal;
  readonly #abort = new AbortController();
  readonly #onParent = (): void => this.#abort.abort(this.#parent.reason);
  #heardAt: number;
  #cancel: () => void;
  #barked = false;

  constructor(clock: Clock, silenceMs: number, parent: AbortSignal) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#parent = parent;
    this.#heardAt = clock.monotonic();
    this.#cancel = clock.after(silenceMs, () => this.#check());
    if (parent.aborted) this.#onParent();
    else parent.addEventListener('abort', this.#onParent, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether it aborted by itself, and not with its parent. */
  get barked(): boolean {
    return this.#barked;
  }

  /** When something was heard last, in the clock's monotonic milliseconds; before that, when it began. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Something was heard. */
  pat(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  /** Aborts now: it is known from elsewhere that nothing more will come. */
  bark(why: string): void {
    this.#barked = true;
    this.#abort.abort(new Error(why));
  }

  release(): void {
    this.#cancel();
    this.#parent.removeEventListener('abort', this.#onParent);
  }

  /** One timer that looks back, rather than one that is set anew for every event. */
  #check(): void {
    const left = this.#heardAt + this.#silenceMs - this.#clock.monotonic();
    if (left > 0) {
      this.#cancel = this.#clock.after(left, () => this.#check());
      return;
    }
    this.bark(`nothing came for ${this.#silenceMs / 1000} s`);
  }
}
