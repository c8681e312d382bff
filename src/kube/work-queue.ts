import PQueue from 'p-queue';
import type { Clock } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Longest pause before the first retry of a key, in milliseconds; it doubles with each. Default: 750. */
  readonly baseRetryMs?: number;
  /** No pause before a retry is longer than this, in milliseconds. Default: 15 minutes. */
  readonly longestRetryMs?: number;
}

/** What a queue holds at one moment. */
export interface QueueMetrics {
  /** Keys that wait for a worker. */
  readonly depth: number;
  /** Keys that wait for their time. */
  readonly delayed: number;
  /** Keys that a worker has. */
  readonly running: number;
  /** For how long the key that waits longest for a worker has waited, in milliseconds; 0 when none waits. */
  readonly oldestMs: number;
  /** For how long the longest-running key has run, in milliseconds; 0 when none runs. */
  readonly longestRunningMs: number;
  /** How often a key was put in line, since the start. Adding one that already waits counts for nothing. */
  readonly adds: number;
  /** How often `retry` was called, since the start. */
  readonly retries: number;
}

const DEFAULT_BASE_RETRY_MS = 750;
const DEFAULT_LONGEST_RETRY_MS = 15 * 60_000;

/**
 * A queue of keys to look at (not of events), after the work queue of controller-runtime. What it guarantees:
 *
 * 1. A key is never with two workers at once.
 * 2. However often a key is added while it waits, it is handed out once.
 * 3. A key that is added while a worker has it is handed out again after `done`, once: the worker may have read the
 *    world before it changed.
 * 4. Keys are handed out in the order in which they became ready. None can overtake another for ever.
 * 5. A delayed key becomes ready at the earliest of the times asked for, and `add` means now.
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
  /** By key: since when. In the order in which they are handed out. */
  readonly #ready = new Map<string, number>();
  /** By key: since when. */
  readonly #running = new Map<string, number>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly due: number; readonly cancel: () => void }>();
  /** By key: how often it was retried since it was last forgotten. */
  readonly #failures = new Map<string, number>();
  readonly #takers = new Set<(key: string | undefined) => void>();
  #draining: { readonly drained: Promise<void>; readonly settle: () => void } | undefined;
  #adds = 0;
  #retries = 0;

  constructor({ clock, random, baseRetryMs, longestRetryMs }: WorkQueueOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#baseRetryMs = baseRetryMs ?? DEFAULT_BASE_RETRY_MS;
    this.#longestRetryMs = longestRetryMs ?? DEFAULT_LONGEST_RETRY_MS;
  }

  /** Puts a key in line now. */
  add(key: string): void {
    if (this.#draining) return;
    this.#undelay(key);
    if (this.#ready.has(key) || this.#again.has(key)) return;
    this.#adds++;
    if (this.#running.has(key)) this.#again.add(key);
    else this.#makeReady(key);
  }

  /** Puts a key in line in `ms` milliseconds. A time that was asked for before stays when it is earlier. */
  addAfter(key: string, ms: number): void {
    if (!(ms > 0)) {
      this.add(key);
      return;
    }
    if (this.#draining || this.#ready.has(key) || this.#again.has(key)) return;
    const due = this.#clock.monotonic() + ms;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.due <= due) return;
    this.#undelay(key);
    this.#delayed.set(key, { due, cancel: this.#clock.after(ms, () => this.add(key)) });
  }

  /**
   * Puts a key in line after a pause that grows with each retry since the last `forget`. The pause is random within the
   * upper half of what it may be, so that keys which failed together do not come back together.
   * @returns the pause in milliseconds
   */
  retry(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#retries++;
    const longest = Math.min(this.#longestRetryMs, this.#baseRetryMs * 2 ** failures);
    const pause = longest * (0.5 + this.#random.next() / 2);
    this.addAfter(key, pause);
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
  get(signal?: AbortSignal): Promise<string | undefined> {
    if (signal?.aborted || this.#draining) return Promise.resolve(undefined);
    const [key] = this.#ready.keys();
    if (key !== undefined) return Promise.resolve(this.#take(key));
    return new Promise((resolve) => {
      const answer = (key: string | undefined): void => {
        this.#takers.delete(answer);
        signal?.removeEventListener('abort', onAbort);
        resolve(key);
      };
      const onAbort = (): void => answer(undefined);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#takers.add(answer);
    });
  }

  /** Gives a key back. */
  done(key: string): void {
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#makeReady(key);
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
      this.#ready.clear();
      this.#again.clear();
      for (const answer of this.#takers) answer(undefined);
      if (this.#running.size === 0) resolve();
    }
    return this.#draining.drained;
  }

  metrics(): QueueMetrics {
    const now = this.#clock.monotonic();
    // Both maps are in order of time: what is in line or running longest comes first.
    const since = (map: ReadonlyMap<string, number>): number => now - (map.values().next().value ?? now);
    return {
      depth: this.#ready.size,
      delayed: this.#delayed.size,
      running: this.#running.size,
      oldestMs: since(this.#ready),
      longestRunningMs: since(this.#running),
      adds: this.#adds,
      retries: this.#retries,
    };
  }

  #makeReady(key: string): void {
    this.#undelay(key);
    this.#ready.set(key, this.#clock.monotonic());
    const [answer] = this.#takers;
    const [next] = this.#ready.keys();
    if (answer && next !== undefined) answer(this.#take(next));
  }

  #take(key: string): string {
    this.#ready.delete(key);
    this.#running.set(key, this.#clock.monotonic());
    return key;
  }

  #undelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }
}

export interface WorkersOptions {
  /** Keys that are worked on at once. */
  readonly concurrency: number;
  /**
   * Works on one key and says what becomes of it: `forget`, `addAfter` and `retry` of the queue are its to call. When it
   * throws, the key is retried.
   * @param signal the `signal` of these options
   */
  readonly run: (key: string, signal: AbortSignal) => Promise<void>;
  /** Ends the work: no further key is taken, and what runs should come to an end soon. */
  readonly signal: AbortSignal;
  /** Is told what `run` threw. Default: it is only retried. */
  readonly onPanic?: (key: string, error: unknown) => void;
}

/**
 * Hands the keys of `queue` to `run`, several at a time, until `signal` aborts. Nothing that `run` does ends the loop.
 * Settles when the last run has ended; the queue is drained then.
 */
export async function runWorkers(queue: WorkQueue, options: WorkersOptions): Promise<void> {
  const { concurrency, run, signal, onPanic } = options;
  const pool = new PQueue({ concurrency });
  const work = async (key: string): Promise<void> => {
    try {
      await run(key, signal);
    } catch (error) {
      queue.retry(key);
      try {
        onPanic?.(key, error);
      } catch {
        // Who is told of a failure must not become another one.
      }
    } finally {
      queue.done(key);
    }
  };
  for (;;) {
    // A key is taken only when it can start: one that waits in the pool would count as running and hold others up.
    if (pool.pending >= concurrency)
      await new Promise<void>((resolve) => pool.addEventListener('next', () => resolve(), { once: true }));
    const key = await queue.get(signal);
    if (key === undefined) break;
    if (signal.aborted) {
      // It was handed out in the same moment.
      queue.done(key);
      break;
    }
    void pool.add(() => work(key));
  }
  await Promise.all([queue.drain(), pool.onIdle()]);
}
