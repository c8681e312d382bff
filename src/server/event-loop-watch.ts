import type { Clock } from '../ambient/clock.ts';

const PERIOD_MS = 1000;
const REMEMBERED_MS = 60_000;
/**
 * As long as a leader may act without renewing its lease. Who is later than that cannot be trusted to notice that it was
 * replaced, and serves nobody.
 */
const LONGEST_DELAY_MS = 10_000;

/**
 * Watches by how much the event loop is late: a timer that should run every second tells. It depends on nothing outside
 * of the process, so that no outage of AWS or of the API server can look like a hang.
 */
export class EventLoopWatch {
  readonly #clock: Clock;
  #delays: { readonly at: number; readonly ms: number }[] = [];
  #due = 0;
  #cancel = (): void => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    this.#due = this.#clock.monotonic() + PERIOD_MS;
    this.#cancel = this.#clock.after(PERIOD_MS, () => {
      this.#note();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** The longest delay within the last minute, in milliseconds, one that is not over yet included. */
  longestDelayMs(): number {
    const overdue = Math.max(0, this.#clock.monotonic() - this.#due);
    return this.#delays.reduce((longest, { ms }) => Math.max(longest, ms), overdue);
  }

  /** Why the process should be started anew; undefined: it is well. */
  trouble(): string | undefined {
    const delay = this.longestDelayMs();
    return delay <= LONGEST_DELAY_MS
      ? undefined
      : `the event loop was late by ${Math.round(delay / 1000)} s within the last minute; ${LONGEST_DELAY_MS / 1000} s is the limit`;
  }

  #note(): void {
    const at = this.#clock.monotonic();
    this.#delays.push({ at, ms: Math.max(0, at - this.#due) });
    this.#delays = this.#delays.filter((each) => at - each.at <= REMEMBERED_MS);
  }
}
