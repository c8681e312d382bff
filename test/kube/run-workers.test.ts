import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { runWorkers } from '../../src/kube/run-workers.ts';
import { WorkQueue } from '../../src/kube/work-queue.ts';

let clock: VirtualClock;
let queue: WorkQueue;

beforeEach(() => {
  clock = new VirtualClock(0);
  queue = new WorkQueue({ clock, random: seededRandom(1) });
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
    expect(queue.metrics()).toMatchObject({ depth: { high: 6, low: 0 }, running: 3 });
    await clock.advance(100);
    expect(queue.metrics()).toMatchObject({ depth: { high: 0, low: 0 }, running: 0 });
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
    const run = async (key: string, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
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
