import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { type Priority, RateBudget } from '../../src/aws/rate-budget.ts';

const TARGET = { account: '111122223333', region: 'eu-west-1' };
const ELSEWHERE = { account: '111122223333', region: 'eu-west-2' };

/** A budget, and a note of who was let through and when. */
function trial() {
  const clock = new VirtualClock(0);
  const budget = new RateBudget(clock);
  const passed: { name: string; at: number }[] = [];
  const ask = async (name: string, priority?: Priority, action = 'CopyImage', signal?: AbortSignal): Promise<void> => {
    await budget.acquire(TARGET, action, { ...(priority && { priority }), ...(signal && { signal }) });
    passed.push({ name, at: clock.monotonic() });
  };
  const drain = (action = 'CopyImage', burst = 80): Promise<unknown> =>
    Promise.all(Array.from({ length: burst }, () => budget.acquire(TARGET, action)));
  return { clock, budget, passed, ask, drain, names: () => passed.map(({ name }) => name) };
}

describe('the rate budget', () => {
  it.each([
    ['CopyImage', 80, 0.8],
    ['DeregisterImage', 80, 4],
    ['CreateTags', 80, 8],
    ['DescribeImages', 80, 16],
    ['ListImagesInRecycleBin', 80, 16],
    ['DisableImage', 40, 4],
  ])('lets %s through %d times at once and then %d times a second', async (action, burst, refill) => {
    const { clock, budget, passed, ask } = trial();
    const all = Array.from({ length: burst + 20 }, (_, i) => ask(String(i), 'normal', action));
    await clock.advance(0);
    expect(passed).toHaveLength(burst);
    expect(budget.read()).toMatchObject([{ target: TARGET, action, refill, waiting: 20 }]);
    await clock.advance((10 / refill) * 1000 + 20);
    expect(passed).toHaveLength(burst + 10);
    await clock.advance((10 / refill) * 1000 + 20);
    await Promise.all(all);
    expect(clock.untilNext()).toBeUndefined();
  });

  it('counts each target and action by itself', async () => {
    const { clock, budget, drain } = trial();
    await drain();
    await budget.acquire(ELSEWHERE, 'CopyImage');
    await budget.acquire(TARGET, 'DescribeImages');
    expect(clock.monotonic()).toBe(0);
  });

  it('never has more tokens than its size, however long it rests', async () => {
    const { clock, budget, drain } = trial();
    await drain();
    await clock.advance(86_400_000);
    expect(budget.read()[0]?.tokens).toBe(80);
  });

  it('serves by priority, and in order within one', async () => {
    const { clock, ask, drain, names } = trial();
    await drain();
    const all = [
      ask('sweep 1', 'sweep'),
      ask('normal 1'),
      ask('user 1', 'user'),
      ask('normal 2'),
      ask('user 2', 'user'),
    ];
    await clock.advance(7000);
    await Promise.all(all);
    expect(names()).toEqual(['user 1', 'user 2', 'normal 1', 'normal 2', 'sweep 1']);
  });

  it('does not let anybody overtake who waits in the same queue, even when its turn has come already', async () => {
    const { budget, clock, ask, names } = trial();
    for (let i = 0; i < 4; i++) {
      budget.throttled(TARGET, 'CopyImage');
      await clock.advance(1000);
    }
    // The next token is 19 s away; but the speed grows after 14 s, and the timer does not know.
    const first = ask('first');
    await clock.advance(14_000);
    expect(budget.read()[0]?.refill).toBeCloseTo(0.15);
    await clock.advance(3000);
    expect(names()).toEqual([]);
    const second = ask('second');
    await first;
    expect(names()).toEqual(['first']);
    await clock.advance(20_000);
    await second;
  });

  it('lets nobody wait for ever, even when somebody more important always waits', async () => {
    const { clock, ask, drain, names } = trial();
    await drain('DescribeImages');
    const low = [ask('sweep', 'sweep', 'DescribeImages'), ask('normal', 'normal', 'DescribeImages')];
    const high: Promise<void>[] = [];
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < 20; i++) high.push(ask('user', 'user', 'DescribeImages'));
      await clock.advance(1000);
    }
    expect(names()).toContain('sweep');
    expect(names()).toContain('normal');
    await clock.advance(5000);
    await Promise.all([...low, ...high]);
  });

  it('lets go of who is aborted, uses no token for them, and leaves no timer behind', async () => {
    const { clock, budget, ask, drain } = trial();
    await drain();
    const controller = new AbortController();
    const waiting = ask('aborted', 'normal', 'CopyImage', controller.signal);
    await clock.advance(1000);
    controller.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    expect(clock.untilNext()).toBeUndefined();
    await clock.advance(250);
    expect(budget.read()[0]).toMatchObject({ tokens: 1, waiting: 0 });
    await expect(ask('late', 'normal', 'CopyImage', controller.signal)).rejects.toThrow('stopped');
  });

  it('goes on with the others when one who waits is aborted', async () => {
    const { clock, ask, drain, names } = trial();
    await drain();
    const controller = new AbortController();
    const aborted = ask('aborted', 'normal', 'CopyImage', controller.signal).catch(() => undefined);
    const other = ask('other');
    controller.abort();
    await clock.advance(1250);
    await Promise.all([aborted, other]);
    expect(names()).toEqual(['other']);
  });
});

describe('after a refusal by EC2', () => {
  it('the bucket is empty and fills at half the speed', async () => {
    const { budget, clock, ask } = trial();
    budget.throttled(TARGET, 'DescribeImages');
    expect(budget.read()[0]).toMatchObject({ tokens: 0, refill: 8 });
    const waiting = ask('next', 'normal', 'DescribeImages');
    await clock.advance(125);
    await waiting;
  });

  it('others that were under way at the same time do not halve it again', async () => {
    const { budget, clock } = trial();
    for (let i = 0; i < 10; i++) budget.throttled(TARGET, 'DescribeImages');
    expect(budget.read()[0]?.refill).toBe(8);
    await clock.advance(1000);
    budget.throttled(TARGET, 'DescribeImages');
    expect(budget.read()[0]?.refill).toBe(4);
  });

  it('the bucket never stops altogether', async () => {
    const { budget, clock, ask } = trial();
    for (let i = 0; i < 20; i++) {
      budget.throttled(TARGET, 'CopyImage');
      await clock.advance(1000);
    }
    expect(budget.read()[0]?.refill).toBeCloseTo(0.8 / 16);
    const waiting = ask('next');
    await clock.advance(20_000);
    await waiting;
  });

  it('the speed comes back step by step when no more follow', async () => {
    const { budget, clock } = trial();
    budget.throttled(TARGET, 'DescribeImages');
    const refills: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      await clock.advance(15_000);
      refills.push(budget.read()[0]?.refill);
    }
    expect(refills).toEqual([10, 12, 14, 16, 16]);
  });
});

describe('whatever is asked of it', () => {
  it('never more calls pass in any span of time than burst and refill allow, and all pass in the end', async () => {
    const requests = fc.array(
      fc.record({
        after: fc.integer({ min: 0, max: 3000 }),
        count: fc.integer({ min: 1, max: 60 }),
        priority: fc.constantFrom<Priority>('user', 'normal', 'sweep'),
      }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(requests, async (given) => {
        const { clock, passed, ask } = trial();
        const all: Promise<void>[] = [];
        for (const { after, count, priority } of given) {
          await clock.advance(after);
          for (let i = 0; i < count; i++) all.push(ask('x', priority, 'DeregisterImage'));
        }
        await clock.runUntil(() => passed.length === all.length, 1_000_000);
        await Promise.all(all);
        passed.forEach(({ at }, index) => {
          const from = passed.findIndex((each) => each.at > at - 5000);
          expect(index - from + 1).toBeLessThanOrEqual(80 + 5 * 4 + 1);
        });
        expect(clock.untilNext()).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });
});
