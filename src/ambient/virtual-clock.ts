import type { Clock } from './clock.ts';

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that stands still until it is moved. `advance` fires every timer on the way, in order of time and then of
 * creation, and lets `settle` run after each instant, so that what a timer sets off is finished before the next one.
 */
export class VirtualClock implements Clock {
  readonly #epoch: number;
  readonly #settle: () => Promise<void>;
  readonly #timers = new Set<Timer>();
  #elapsed = 0;
  #order = 0;

  /**
   * @param epoch wall-clock time at the start, milliseconds since the Unix epoch
   * @param settle resolves when nothing more can happen without time passing; default: a few turns of the event loop
   */
  constructor(epoch: number, settle: () => Promise<void> = turns) {
    this.#epoch = epoch;
    this.#settle = settle;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { due: this.#elapsed + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Milliseconds until the next timer, or undefined when none is set. */
  untilNext(): number | undefined {
    const next = this.#next();
    return next && next.due - this.#elapsed;
  }

  /** Moves time forward by `ms`, firing every timer that falls due. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await this.#settle();
    for (let next = this.#next(); next !== undefined && next.due <= end; next = this.#next()) {
      this.#elapsed = Math.max(this.#elapsed, next.due);
      this.#timers.delete(next);
      next.run();
      await this.#settle();
    }
    this.#elapsed = end;
    await this.#settle();
  }

  /**
   * Moves from timer to timer until `done` holds.
   * @returns the virtual milliseconds that passed
   * @throws Error when `done` does not hold after `limitMs`, or nothing is left that could make it hold
   */
  async runUntil(done: () => boolean | Promise<boolean>, limitMs: number): Promise<number> {
    const start = this.#elapsed;
    await this.#settle();
    while (!(await done())) {
      const wait = this.untilNext();
      if (wait === undefined) throw new Error(`nothing is left to happen after ${this.#elapsed - start} ms`);
      if (this.#elapsed + wait - start > limitMs) throw new Error(`not done within ${limitMs} ms of virtual time`);
      await this.advance(wait);
    }
    return this.#elapsed - start;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.due < first.due || (timer.due === first.due && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

/** Lets everything that is ready run: promise jobs, and what Node defers to later turns of its loop. */
async function turns(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
