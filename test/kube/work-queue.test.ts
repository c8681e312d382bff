import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { runWorkers, WorkQueue } from '../../src/kube/work-queue.ts';

const MINUTE = 60_000;

let clock: VirtualClock;
let queue: WorkQueue;

beforeEach(() => {
  clock = new VirtualClock(0);
  queue = new WorkQueue({ clock, random: seededRandom(1) });
});

/** What `get` gives now, or 'nothing' when it waits. */
async function taken(from = queue): Promise<string | undefined> {
  const none = new AbortController();
  const key = from.get(none.signal);
  none.abort();
  return (await key) ?? 'nothing';
}

describe('a key', () => {
  it('that is added often while it waits is handed out once', async () => {
    for (let i = 0; i < 5; i++) queue.add('a');
    expect(await taken()).toBe('a');
    expect(await taken()).toBe('nothing');
    expect(queue.metrics().adds).toBe(1);
  });

  it('is never with two workers, and one that changed meanwhile comes back exactly once', async () => {
    queue.add('a');
    expect(await taken()).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(await taken()).toBe('nothing');
    queue.done('a');
    expect(await taken()).toBe('a');
    queue.done('a');
    expect(await taken()).toBe('nothing');
  });

  it('waits its turn behind those that were there before, also when it comes back at once', async () => {
    queue.add('a');
    queue.add('b');
    expect(await taken()).toBe('a');
    queue.add('a');
    queue.done('a');
    expect(await taken()).toBe('b');
    expect(await taken()).toBe('a');
  });

  it('becomes ready at the earliest of the times asked for', async () => {
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 2_000);
    queue.addAfter('a', 9_000);
    await clock.advance(1_999);
    expect(await taken()).toBe('nothing');
    await clock.advance(1);
    expect(await taken()).toBe('a');
    queue.done('a');
    await clock.advance(MINUTE);
    expect(await taken()).toBe('nothing');
  });

  it('that is added now does not come again at the later time', async () => {
    queue.addAfter('a', 1_000);
    queue.add('a');
    expect(await taken()).toBe('a');
    queue.done('a');
    await clock.advance(MINUTE);
    expect(await taken()).toBe('nothing');
  });

  it('whose time comes while a worker has it is handed out again when that is done', async () => {
    queue.add('a');
    expect(await taken()).toBe('a');
    queue.addAfter('a', 1_000);
    await clock.advance(5_000);
    expect(await taken()).toBe('nothing');
    queue.done('a');
    expect(await taken()).toBe('a');
  });

  it.each([0, -1, Number.NaN])('to be added after %s ms is added now', async (ms) => {
    queue.addAfter('a', ms);
    expect(await taken()).toBe('a');
  });

  it('goes to a worker that was waiting, and each to another one', async () => {
    const [first, second] = [queue.get(), queue.get()];
    queue.add('a');
    queue.add('b');
    expect([await first, await second]).toEqual(['a', 'b']);
  });

  it('is not lost on a worker that stopped waiting', async () => {
    const gone = new AbortController();
    const waiting = queue.get(gone.signal);
    gone.abort();
    expect(await waiting).toBeUndefined();
    queue.add('a');
    expect(await taken()).toBe('a');
  });
});

describe('retries', () => {
  it('pause longer each time, at random within the upper half, up to a limit', () => {
    const pauses = Array.from({ length: 1_100 }, () => queue.retry('a'));
    for (const [index, pause] of pauses.entries()) {
      const longest = Math.min(15 * MINUTE, 750 * 2 ** index);
      expect(pause).toBeGreaterThanOrEqual(longest / 2);
      expect(pause).toBeLessThanOrEqual(longest);
    }
    expect(queue.metrics().retries).toBe(1_100);
  });

  it('of keys that failed together do not come back together', () => {
    const pauses = Array.from({ length: 100 }, (_, index) => queue.retry(`key-${index}`));
    expect(new Set(pauses).size).toBe(100);
  });

  it('start over after a success, and only for that key', () => {
    for (const key of ['a', 'b']) for (let i = 0; i < 8; i++) queue.retry(key);
    queue.forget('a');
    expect(queue.retry('a')).toBeLessThanOrEqual(750);
    expect(queue.retry('b')).toBeGreaterThan(MINUTE);
  });

  it('come at their time', async () => {
    const pause = queue.retry('a');
    await clock.advance(pause - 1);
    expect(await taken()).toBe('nothing');
    await clock.advance(1);
    expect(await taken()).toBe('a');
  });
});

describe('drain', () => {
  it('drops what waits, wakes who waits, takes nothing in and leaves no timer', async () => {
    queue.add('ready');
    expect(await taken()).toBe('ready');
    queue.done('ready');
    const waiting = queue.get();
    queue.addAfter('later', 1_000);
    await queue.drain();
    expect(await waiting).toBeUndefined();
    queue.add('new');
    queue.addAfter('new', 5);
    expect(await queue.get()).toBeUndefined();
    expect(clock.untilNext()).toBeUndefined();
    expect(queue.metrics()).toMatchObject({ depth: 0, delayed: 0, running: 0 });
  });

  it('waits for what runs, and does not hand that out again', async () => {
    queue.add('a');
    queue.add('b');
    expect([await taken(), await taken()]).toEqual(['a', 'b']);
    queue.add('a');
    let drained = false;
    const drain = (async () => {
      await queue.drain();
      drained = true;
    })();
    queue.done('a');
    await clock.advance(0);
    expect(drained).toBe(false);
    queue.done('b');
    await drain;
    expect(await queue.get()).toBeUndefined();
    await queue.drain();
  });
});

it('the metrics say how much waits and runs, and for how long', async () => {
  queue.add('a');
  await clock.advance(100);
  queue.add('b');
  queue.addAfter('c', 5_000);
  expect(await taken()).toBe('a');
  await clock.advance(50);
  expect(queue.metrics()).toEqual({
    depth: 1,
    delayed: 1,
    running: 1,
    oldestMs: 50,
    longestRunningMs: 50,
    adds: 2,
    retries: 0,
  });
});

describe('whatever is asked of it', () => {
  /**
   * What the queue promises, said as plainly as possible: for each key the earliest moment it is wanted at, whether a
   * worker has it, and since when it is in line.
   */
  class Model {
    now = 0;
    readonly wanted = new Map<string, { due: number; order: number }>();
    readonly running = new Set<string>();
    readonly line: string[] = [];
    #order = 0;

    want(key: string, due: number): void {
      if (this.line.includes(key)) return;
      const before = this.wanted.get(key);
      if (!before || due < before.due) this.wanted.set(key, { due, order: this.#order++ });
      this.#lineUp();
    }

    take(): string | undefined {
      const key = this.line.shift();
      if (key !== undefined) this.running.add(key);
      return key;
    }

    done(key: string): void {
      this.running.delete(key);
      this.#lineUp();
    }

    pass(ms: number): void {
      this.now += ms;
      this.#lineUp();
    }

    #lineUp(): void {
      const due = [...this.wanted]
        .filter(([key, { due }]) => due <= this.now && !this.running.has(key))
        .sort(([, left], [, right]) => left.due - right.due || left.order - right.order);
      for (const [key] of due) {
        this.wanted.delete(key);
        this.line.push(key);
      }
    }
  }

  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key }),
    fc.record({ do: fc.constant('addAfter' as const), key, ms: fc.constantFrom(1, 10, 100, 1_000) }),
    fc.record({ do: fc.constant('retry' as const), key }),
    fc.record({ do: fc.constant('forget' as const), key }),
    fc.record({ do: fc.constant('get' as const) }),
    fc.record({ do: fc.constant('get' as const) }),
    fc.record({ do: fc.constant('done' as const), nth: fc.nat(3) }),
    fc.record({ do: fc.constant('done' as const), nth: fc.nat(3) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 100, 1_000) }),
  );

  it('hands out what the naive model hands out, in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer(), async (steps, seed) => {
        const clock = new VirtualClock(0, async () => undefined);
        const queue = new WorkQueue({ clock, random: seededRandom(seed) });
        const model = new Model();
        const handedOut: [string | undefined, string][] = [];
        for (const now of steps) {
          if (now.do === 'add') {
            queue.add(now.key);
            model.want(now.key, model.now);
          } else if (now.do === 'addAfter') {
            queue.addAfter(now.key, now.ms);
            model.want(now.key, model.now + now.ms);
          } else if (now.do === 'retry') {
            model.want(now.key, model.now + queue.retry(now.key));
          } else if (now.do === 'forget') {
            queue.forget(now.key);
          } else if (now.do === 'get') {
            handedOut.push([await taken(queue), model.take() ?? 'nothing']);
          } else if (now.do === 'done') {
            const held = [...model.running][now.nth];
            if (held === undefined) continue;
            queue.done(held);
            model.done(held);
          } else {
            await clock.advance(now.ms);
            model.pass(now.ms);
          }
          expect(queue.metrics()).toMatchObject({ depth: model.line.length, running: model.running.size });
          expect(handedOut.map(([is]) => is)).toEqual(handedOut.map(([, should]) => should));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('workers', () => {
  it('take on no more at once than they are allowed, and hold no key that they cannot start', async () => {
    const stop = new AbortController();
    let atOnce = 0;
    let most = 0;
    const run = async (): Promise<void> => {
      most = Math.max(most, ++atOnce);
      await sleep(clock, 10);
      atOnce--;
    };
    for (let i = 0; i < 9; i++) queue.add(`key-${i}`);
    const ended = runWorkers(queue, { concurrency: 3, run, signal: stop.signal });
    await clock.advance(5);
    expect(queue.metrics()).toMatchObject({ depth: 6, running: 3 });
    await clock.advance(100);
    expect(queue.metrics()).toMatchObject({ depth: 0, running: 0 });
    expect(most).toBe(3);
    stop.abort();
    await ended;
  });

  it('retry what throws, tell of it, and go on, also when who is told throws', async () => {
    const stop = new AbortController();
    const told: string[] = [];
    let tries = 0;
    const run = async (key: string): Promise<void> => {
      if (key === 'bad' && ++tries <= 2) throw new Error(`no ${tries}`);
    };
    const onPanic = (key: string, error: unknown): void => {
      told.push(`${key}: ${(error as Error).message}`);
      throw new Error('also here');
    };
    queue.add('bad');
    const ended = runWorkers(queue, { concurrency: 1, run, signal: stop.signal, onPanic });
    await clock.advance(5_000);
    expect(tries).toBe(3);
    expect(told).toEqual(['bad: no 1', 'bad: no 2']);
    stop.abort();
    await ended;
  });

  it('a run that throws before its first await is retried like any other', async () => {
    const stop = new AbortController();
    let tries = 0;
    const run = (): Promise<void> => {
      if (++tries === 1) throw new Error('at once');
      return Promise.resolve();
    };
    queue.add('a');
    const ended = runWorkers(queue, { concurrency: 1, run, signal: stop.signal });
    await clock.advance(1_000);
    expect(tries).toBe(2);
    stop.abort();
    await ended;
  });

  it('stopping lets the runs under way end, starts none, and leaves nothing behind', async () => {
    const stop = new AbortController();
    const ended: string[] = [];
    const signals: AbortSignal[] = [];
    const run = async (key: string, signal: AbortSignal): Promise<void> => {
      signals.push(signal);
      await sleep(clock, 1_000);
      ended.push(key);
    };
    for (const key of ['a', 'b', 'c']) queue.add(key);
    queue.addAfter('d', 50);
    let settled = false;
    const workers = (async () => {
      await runWorkers(queue, { concurrency: 2, run, signal: stop.signal });
      settled = true;
    })();
    await clock.advance(10);
    stop.abort();
    await clock.advance(10);
    expect(settled).toBe(false);
    expect(signals.every((signal) => signal.aborted)).toBe(true);
    await clock.advance(2_000);
    await workers;
    expect(ended).toEqual(['a', 'b']);
    expect(clock.untilNext()).toBeUndefined();
  });

  it('that were never let run settle at once', async () => {
    queue.add('a');
    const ran: string[] = [];
    const run = async (key: string): Promise<void> => {
      ran.push(key);
    };
    await runWorkers(queue, { concurrency: 1, run, signal: AbortSignal.abort() });
    expect(ran).toEqual([]);
  });

  it('never run a key twice at once, miss no change, and let no key starve', async () => {
    const change = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), after: fc.constantFrom(0, 1, 7, 40) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 40 }),
        fc.array(fc.record({ lasts: fc.constantFrom(0, 3, 20), fails: fc.boolean() }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        async (changes, fates, concurrency, seed) => {
          const clock = new VirtualClock(0, soon);
          const queue = new WorkQueue({ clock, random: seededRandom(seed), baseRetryMs: 10, longestRetryMs: 100 });
          const stop = new AbortController();
          const running = new Set<string>();
          /** By key: what changed last, and what the last run that succeeded had seen. */
          const truth = new Map<string, number>();
          const seen = new Map<string, number>();
          const changedAt = new Map<string, number>();
          let runs = 0;
          const run = async (key: string): Promise<void> => {
            expect(running.has(key)).toBe(false);
            expect(running.size).toBeLessThan(concurrency);
            // At worst each of the other four keys goes first, once, for 20 ms.
            const waited = clock.monotonic() - (changedAt.get(key) ?? clock.monotonic());
            expect(waited).toBeLessThanOrEqual(5 * 20);
            changedAt.delete(key);
            running.add(key);
            const { lasts, fails } = fates[runs++] ?? { lasts: 0, fails: false };
            const saw = truth.get(key) ?? 0;
            await sleep(clock, lasts);
            running.delete(key);
            if (fails) throw new Error('as the test wants it');
            seen.set(key, saw);
            queue.forget(key);
          };
          const panics: unknown[] = [];
          const onPanic = (_: string, error: unknown): number => panics.push(error);
          const workers = runWorkers(queue, { concurrency, run, signal: stop.signal, onPanic });
          for (const { key, after } of changes) {
            await clock.advance(after);
            truth.set(key, (truth.get(key) ?? 0) + 1);
            if (!changedAt.has(key)) changedAt.set(key, clock.monotonic());
            queue.add(key);
          }
          await clock.advance(10_000);
          expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(truth));
          expect(panics.map(String)).toEqual(panics.map(() => 'Error: as the test wants it'));
          expect(runs).toBeLessThanOrEqual(changes.length + panics.length);
          stop.abort();
          await workers;
          expect(clock.untilNext()).toBeUndefined();
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);
});

/** All of this world runs on promises alone, so a few turns of the event loop are enough. */
async function soon(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
