import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { type Priority, WorkQueue } from '../../src/kube/work-queue.ts';

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
  const next = from.get(none.signal);
  none.abort();
  return (await next)?.key ?? 'nothing';
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
    queue.add('b', 'low');
    expect([await first, await second]).toEqual([
      { key: 'a', priority: 'high' },
      { key: 'b', priority: 'low' },
    ]);
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

describe('priorities', () => {
  /** All that can be taken now, in order. */
  async function line(): Promise<string> {
    const keys: (string | undefined)[] = [];
    while (Object.values(queue.metrics().depth).some((depth) => depth > 0)) keys.push(await taken());
    return keys.join(' ');
  }

  it('what somebody waits for goes before what is merely due', async () => {
    for (const key of ['a', 'b', 'c']) queue.add(key, 'low');
    queue.add('edited');
    expect(await line()).toBe('edited a b c');
  });

  it('a key that is in line with low priority is raised, and does not come twice', async () => {
    for (const key of ['a', 'b', 'c']) queue.add(key, 'low');
    queue.add('b');
    expect(await line()).toBe('b a c');
  });

  it('what is already raised is not lowered by the next resync', async () => {
    queue.add('a', 'low');
    queue.add('b');
    queue.add('b', 'low');
    expect(await line()).toBe('b a');
  });

  it('a change during a pass of low priority counts for the pass after it', async () => {
    queue.add('a', 'low');
    expect(await taken()).toBe('a');
    queue.add('b', 'low');
    queue.add('a', 'low');
    queue.add('a');
    queue.done('a');
    expect(await line()).toBe('a b');
  });

  it('a retry has the priority of the pass that failed, also when a resync comes before it', async () => {
    queue.add('a');
    expect(await taken()).toBe('a');
    queue.retry('a');
    queue.done('a');
    queue.add('b', 'low');
    queue.add('a', 'low');
    expect(await line()).toBe('a b');
  });

  it('a retry of something unimportant waits behind what somebody waits for', async () => {
    queue.add('a', 'low');
    expect(await taken()).toBe('a');
    const pause = queue.retry('a');
    queue.done('a');
    await clock.advance(pause);
    queue.add('b');
    expect(await line()).toBe('b a');
  });

  it('a time that was asked for with high priority keeps it when an earlier one is asked for with low', async () => {
    queue.addAfter('a', 5_000, 'high');
    queue.addAfter('a', 1_000);
    await clock.advance(1_000);
    queue.add('b', 'low');
    queue.add('c');
    expect(await line()).toBe('a c b');
  });

  it('however many come with high priority, after sixteen of them it is the turn of one with low', async () => {
    queue.add('patient', 'low');
    for (let i = 0; i < 40; i++) queue.add(`edit-${i}`);
    const order = (await line()).split(' ');
    expect(order.indexOf('patient')).toBe(16);
  });

  it('those of low priority that wait behind each other each get a turn', async () => {
    for (const key of ['x', 'y', 'z']) queue.add(key, 'low');
    for (let i = 0; i < 100; i++) queue.add(`edit-${i}`);
    const order = (await line()).split(' ');
    expect(['x', 'y', 'z'].map((key) => order.indexOf(key))).toEqual([16, 33, 50]);
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
    expect(queue.metrics()).toMatchObject({ depth: { high: 0, low: 0 }, delayed: 0, running: 0 });
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
  queue.add('d', 'low');
  expect(queue.metrics()).toEqual({
    depth: { high: 1, low: 1 },
    delayed: 1,
    running: 1,
    oldestMs: 50,
    longestRunningMs: 50,
    unfinishedMs: 50,
    adds: 3,
    retries: 0,
  });
});

it('who watches is told how long each key waited, and how long a worker had it', async () => {
  const told: [what: string, ms: number][] = [];
  const queue = new WorkQueue({
    clock,
    random: seededRandom(1),
    onTaken: (ms) => told.push(['waited', ms]),
    onDone: (ms) => told.push(['worked', ms]),
  });
  queue.add('a');
  await clock.advance(100);
  expect(await queue.get()).toMatchObject({ key: 'a' });
  await clock.advance(50);
  queue.done('a');
  const waits = queue.get();
  queue.add('b');
  await waits;
  expect(told).toEqual([
    ['waited', 100],
    ['worked', 50],
    ['waited', 0],
  ]);
});

describe('whatever is asked of it', () => {
  /**
   * What the queue promises, said as plainly as possible: for each key the earliest moment it is wanted at and how
   * urgently, whether a worker has it, and the one line of those that wait, searched anew for whose turn it is.
   */
  class Model {
    now = 0;
    readonly wanted = new Map<string, { due: number; order: number; priority: Priority }>();
    readonly running = new Map<string, Priority>();
    line: { readonly key: string; readonly priority: Priority }[] = [];
    #order = 0;
    #overtaken = 0;

    want(key: string, due: number, priority: Priority): void {
      const waiting = this.line.find((each) => each.key === key);
      if (waiting) {
        if (priority === 'low' || waiting.priority === 'high') return;
        this.line = [...this.line.filter((each) => each !== waiting), { key, priority }];
        return;
      }
      const before = this.wanted.get(key);
      const highest = before?.priority === 'high' ? 'high' : priority;
      const at = before && before.due <= due ? before : { due, order: this.#order++ };
      // One that waits for its worker stands where it stood.
      this.wanted.set(key, { ...at, priority: highest });
      this.#lineUp();
    }

    take(): { readonly key: string; readonly priority: Priority } | undefined {
      const highs = this.line.filter(({ priority }) => priority === 'high');
      const lows = this.line.filter(({ priority }) => priority === 'low');
      const next = lows.length > 0 && (highs.length === 0 || this.#overtaken === 16) ? lows[0] : highs[0];
      if (!next) return undefined;
      this.#overtaken = next.priority === 'high' && lows.length > 0 ? this.#overtaken + 1 : 0;
      this.line = this.line.filter((each) => each !== next);
      this.running.set(next.key, next.priority);
      return next;
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
      for (const [key, { priority }] of due) {
        this.wanted.delete(key);
        this.line.push({ key, priority });
      }
    }
  }

  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const priority = fc.constantFrom<Priority>('high', 'low');
  const ms = fc.constantFrom(1, 10, 100, 1_000);
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key, priority }),
    // Names of its own each time: only so can more than sixteen go before somebody.
    fc.record({ do: fc.constant('burst' as const), priority }),
    fc.record({ do: fc.constant('addAfter' as const), key, ms, priority }),
    fc.record({ do: fc.constant('retry' as const), key }),
    fc.record({ do: fc.constant('forget' as const), key }),
    fc.record({ do: fc.constant('get' as const), count: fc.constantFrom(1, 1, 1, 20) }),
    fc.record({ do: fc.constant('done' as const), nth: fc.nat(3) }),
    fc.record({ do: fc.constant('done' as const), nth: fc.nat(3) }),
    fc.record({ do: fc.constant('wait' as const), ms }),
  );

  it('hands out what the naive model hands out, in the same order and with the same priority', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer(), async (steps, seed) => {
        const clock = new VirtualClock(0, async () => undefined);
        const queue = new WorkQueue({ clock, random: seededRandom(seed) });
        const model = new Model();
        const handedOut: unknown[] = [];
        const expected: unknown[] = [];
        let bursts = 0;
        for (const now of steps) {
          if (now.do === 'add') {
            queue.add(now.key, now.priority);
            model.want(now.key, model.now, now.priority);
          } else if (now.do === 'burst') {
            bursts++;
            for (let i = 0; i < 20; i++) {
              queue.add(`${bursts}-${i}`, now.priority);
              model.want(`${bursts}-${i}`, model.now, now.priority);
            }
          } else if (now.do === 'addAfter') {
            queue.addAfter(now.key, now.ms, now.priority);
            model.want(now.key, model.now + now.ms, now.priority);
          } else if (now.do === 'retry') {
            const priority = model.running.get(now.key) ?? 'low';
            model.want(now.key, model.now + queue.retry(now.key), priority);
          } else if (now.do === 'forget') {
            queue.forget(now.key);
          } else if (now.do === 'get') {
            for (let i = 0; i < now.count; i++) {
              const none = new AbortController();
              const next = queue.get(none.signal);
              none.abort();
              handedOut.push(await next);
              expected.push(model.take());
            }
          } else if (now.do === 'done') {
            const held = [...model.running.keys()][now.nth];
            if (held === undefined) continue;
            queue.done(held);
            model.done(held);
          } else {
            await clock.advance(now.ms);
            model.pass(now.ms);
          }
          const high = model.line.filter(({ priority }) => priority === 'high').length;
          expect(queue.metrics()).toMatchObject({
            depth: { high, low: model.line.length - high },
            running: model.running.size,
          });
          expect(handedOut).toEqual(expected);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
