import type { Clock } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Longest pause before the first retry of a key, in milliseconds; it doubles with each. Default: 750. */
  readonly baseRetryMs?: number;
  /** No pause before a retry is longer than this, in milliseconds. Default: 15 minutes. */
  readonly longestRetryMs?: number;
  /** Is told of each key that is handed out for how long it has waited in line, in milliseconds. */
  readonly onTaken?: (waitedMs: number) => void;
  /** Is told of each key that is given back for how long a worker had it, in milliseconds. */
  readonly onDone?: (workedMs: number) => void;
}

/** `high`: somebody waits for it. `low`: it is looked at because it was time to. */
export type Priority = 'high' | 'low';

/** A key that was handed out. */
export interface Taken {
  readonly key: string;
  readonly priority: Priority;
}

/** What a queue holds at one moment. */
export interface QueueMetrics {
  /** Keys that wait for a worker. */
  readonly depth: Readonly<Record<Priority, number>>;
  /** Keys that wait for their time. */
  readonly delayed: number;
  /** Keys that a worker has. */
  readonly running: number;
  /** For how long the key that waits longest for a worker has waited, in milliseconds; 0 when none waits. */
  readonly oldestMs: number;
  /** For how long the longest-running key has run, in milliseconds; 0 when none runs. */
  readonly longestRunningMs: number;
  /** For how long all keys that run have run, added up, in milliseconds. */
  readonly unfinishedMs: number;
  /** How often a key was put in line, since the start. Adding one that already waits counts for nothing. */
  readonly adds: number;
  /** How often `retry` was called, since the start. */
  readonly retries: number;
}

const DEFAULT_BASE_RETRY_MS = 750;
const DEFAULT_LONGEST_RETRY_MS = 15 * 60_000;
/** So many keys of high priority may go before one of low priority that waits. */
const PATIENCE = 16;

interface Delayed {
  /** Monotonic milliseconds. */
  readonly due: number;
  readonly priority: Priority;
  readonly cancel: () => void;
}

/**
 * A queue of keys to look at (not of events), after the work queue of controller-runtime. What it guarantees:
 *
 * 1. A key is never with two workers at once.
 * 2. However often a key is added while it waits, it is handed out once.
 * 3. A key that is added while a worker has it is handed out again after `done`, once: the worker may have read the
 *    world before it changed.
 * 4. Keys of one priority are handed out in the order in which they became ready, those of high priority before those of
 *    low. None can overtake another for ever: while a key of low priority waits, it is its turn after every sixteen of
 *    high priority.
 * 5. A delayed key becomes ready at the earliest of the times asked for, with the highest of the priorities asked for, and
 *    `add` means now.
 *
 * So each key is in one or two of these places: **ready** (in line), **running** (with a worker), **again** (with a
 * worker, and to be put in line when that is done), **delayed** (becomes ready by itself at some time). Ready excludes
 * all others; running can be together with again or delayed.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #baseRetryMs: number;
  readonly #longestRetryMs: number;
  readonly #onTaken: ((waitedMs: number) => void) | undefined;
  readonly #onDone: ((workedMs: number) => void) | undefined;
  /** By key: since when. Each line in the order in which it is handed out. */
  readonly #ready: Readonly<Record<Priority, Map<string, number>>> = { high: new Map(), low: new Map() };
  /** How many of high priority were handed out since the low line last moved, or was empty. */
  #overtaken = 0;
  readonly #running = new Map<string, { readonly priority: Priority; readonly since: number }>();
  readonly #again = new Map<string, Priority>();
  readonly #delayed = new Map<string, Delayed>();
  /** By key: how often it was retried since it was last forgotten. */
  readonly #failures = new Map<string, number>();
  readonly #takers = new Set<(taken: Taken | undefined) => void>();
  #draining: { readonly drained: Promise<void>; readonly settle: () => void } | undefined;
  #adds = 0;
  #retries = 0;

  constructor({ clock, random, baseRetryMs, longestRetryMs, onTaken, onDone }: WorkQueueOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#baseRetryMs = baseRetryMs ?? DEFAULT_BASE_RETRY_MS;
    this.#longestRetryMs = longestRetryMs ?? DEFAULT_LONGEST_RETRY_MS;
    this.#onTaken = onTaken;
    this.#onDone = onDone;
  }

  /**
   * Puts a key in line now.
   * @param priority default: high. A higher one that the key has, or was to have at a later time, stays.
   */
  add(key: string, priority: Priority = 'high'): void {
    if (this.#draining) return;
    const highest = higher(priority, this.#undelay(key));
    const waiting = this.#waitingAs(key);
    if (waiting === undefined) {
      this.#adds++;
      if (this.#running.has(key)) this.#again.set(key, highest);
      else this.#makeReady(key, highest);
    } else {
      this.#raise(key, waiting, highest);
    }
  }

  /**
   * Puts a key in line in `ms` milliseconds. A time that was asked for before stays when it is earlier.
   * @param priority default: low. A higher one that the key has, or was to have at another time, stays.
   */
  addAfter(key: string, ms: number, priority: Priority = 'low'): void {
    if (!(ms > 0)) {
      this.add(key, priority);
      return;
    }
    if (this.#draining) return;
    const waiting = this.#waitingAs(key);
    if (waiting !== undefined) {
      this.#raise(key, waiting, priority);
      return;
    }
    const now = this.#clock.monotonic();
    const due = Math.min(now + ms, this.#delayed.get(key)?.due ?? Number.POSITIVE_INFINITY);
    const highest = higher(priority, this.#undelay(key));
    this.#delayed.set(key, {
      due,
      priority: highest,
      cancel: this.#clock.after(due - now, () => this.add(key, highest)),
    });
  }

  /**
   * Puts a key in line after a pause that grows with each retry since the last `forget`, with the priority that it is
   * worked on with. The pause is random within the upper half of what it may be, so that keys which failed together do
   * not come back together.
   * @returns the pause in milliseconds
   */
  retry(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#retries++;
    const longest = Math.min(this.#longestRetryMs, this.#baseRetryMs * 2 ** failures);
    const pause = longest * (0.5 + this.#random.next() / 2);
    this.addAfter(key, pause, this.#running.get(key)?.priority ?? 'low');
    return pause;
  }

  /** Starts the pauses of `retry` over: the key has succeeded, or is gone. It leaves the key where it is. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Takes the next key; `done` must follow. Waits for one when there is none.
   * @returns undefined when `signal` aborts or the queue is drained
   */
  get(signal?: AbortSignal): Promise<Taken | undefined> {
    if (signal?.aborted || this.#draining) return Promise.resolve(undefined);
    const next = this.#take();
    if (next) return Promise.resolve(next);
    return new Promise((resolve) => {
      const answer = (taken: Taken | undefined): void => {
        this.#takers.delete(answer);
        signal?.removeEventListener('abort', onAbort);
        resolve(taken);
      };
      const onAbort = (): void => answer(undefined);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#takers.add(answer);
    });
  }

  /** Gives a key back. */
  done(key: string): void {
    const given = this.#running.get(key);
    this.#running.delete(key);
    if (given) this.#onDone?.(this.#clock.monotonic() - given.since);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again) this.#makeReady(key, again);
    if (this.#running.size === 0) this.#draining?.settle();
  }

  /**
   * Ends it: nothing is handed out or taken in any more, and what waits is dropped. Settles when the last running key
   * is done.
   */
  drain(): Promise<void> {
    if (!this.#draining) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#draining = { drained: promise, settle: resolve };
      for (const { cancel } of this.#delayed.values()) cancel();
      this.#delayed.clear();
      for (const line of Object.values(this.#ready)) line.clear();
      this.#again.clear();
      for (const answer of this.#takers) answer(undefined);
      if (this.#running.size === 0) resolve();
    }
    return this.#draining.drained;
  }

  metrics(): QueueMetrics {
    const now = this.#clock.monotonic();
    const { high, low } = this.#ready;
    const longest = (times: Iterable<number>): number => {
      let earliest = now;
      for (const time of times) earliest = Math.min(earliest, time);
      return now - earliest;
    };
    return {
      depth: { high: high.size, low: low.size },
      delayed: this.#delayed.size,
      running: this.#running.size,
      oldestMs: Math.max(longest(high.values()), longest(low.values())),
      longestRunningMs: longest(this.#running.values().map(({ since }) => since)),
      unfinishedMs: this.#running.values().reduce((sum, { since }) => sum + now - since, 0),
      adds: this.#adds,
      retries: this.#retries,
    };
  }

  /** The priority with which a key is in line, or will be when its worker is done; undefined when it is not to be. */
  #waitingAs(key: string): Priority | undefined {
    if (this.#ready.high.has(key)) return 'high';
    return this.#ready.low.has(key) ? 'low' : this.#again.get(key);
  }

  /** What waits with low priority goes to the end of the other line, and has waited since it did. */
  #raise(key: string, from: Priority, to: Priority): void {
    if (from === 'high' || to === 'low') return;
    const since = this.#ready.low.get(key);
    if (since === undefined) {
      this.#again.set(key, 'high');
      return;
    }
    this.#ready.low.delete(key);
    this.#ready.high.set(key, since);
  }

  #makeReady(key: string, priority: Priority): void {
    const highest = higher(priority, this.#undelay(key));
    this.#ready[highest].set(key, this.#clock.monotonic());
    const [answer] = this.#takers;
    if (answer) answer(this.#take());
  }

  #take(): Taken | undefined {
    const { high, low } = this.#ready;
    const priority = low.size > 0 && (high.size === 0 || this.#overtaken >= PATIENCE) ? 'low' : 'high';
    const [key] = this.#ready[priority].keys();
    if (key === undefined) return undefined;
    this.#overtaken = priority === 'high' && low.size > 0 ? this.#overtaken + 1 : 0;
    const now = this.#clock.monotonic();
    this.#onTaken?.(now - (this.#ready[priority].get(key) ?? now));
    this.#ready[priority].delete(key);
    this.#running.set(key, { priority, since: now });
    return { key, priority };
  }

  /** @returns the priority that the key was to have */
  #undelay(key: string): Priority {
    const delayed = this.#delayed.get(key);
    delayed?.cancel();
    this.#delayed.delete(key);
    return delayed?.priority ?? 'low';
  }
}

const higher = (left: Priority, right: Priority): Priority => (left === 'high' ? left : right);
