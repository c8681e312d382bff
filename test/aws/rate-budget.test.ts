import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { AwsError } from '../../src/aws/aws-error.ts';
import type { Priority } from '../../src/aws/priority.ts';
import { RateBudget } from '../../src/aws/rate-budget.ts';

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
      budget.refused(TARGET, 'CopyImage');
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
    budget.refused(TARGET, 'DescribeImages');
    expect(budget.read()[0]).toMatchObject({ tokens: 0, refill: 8 });
    const waiting = ask('next', 'normal', 'DescribeImages');
    await clock.advance(125);
    await waiting;
  });

  it('others that were under way at the same time do not halve it again', async () => {
    const { budget, clock } = trial();
    for (let i = 0; i < 10; i++) budget.refused(TARGET, 'DescribeImages');
    expect(budget.read()[0]?.refill).toBe(8);
    await clock.advance(1000);
    budget.refused(TARGET, 'DescribeImages');
    expect(budget.read()[0]?.refill).toBe(4);
  });

  it('its refill never falls below a sixteenth', async () => {
    const { budget, clock } = trial();
    for (let i = 0; i < 20; i++) {
      budget.refused(TARGET, 'CopyImage');
      await clock.advance(1000);
    }
    expect(budget.read()[0]?.refill).toBeCloseTo(0.8 / 16);
  });

  it('where nothing passes any more nobody waits, and it is tried ever more rarely, but every two minutes', async () => {
    const { clock, budget } = trial();
    const tried: number[] = [];
    const outcomes = new Set<string>();
    for (let second = 0; second < 1200; second++) {
      const asked = budget.acquire(TARGET, 'DescribeImages').then(
        () => 'passed',
        (error: unknown) => (error instanceof AwsError ? error.class : String(error)),
      );
      await clock.advance(1000);
      outcomes.add(await asked);
      if ((await asked) !== 'passed') continue;
      tried.push(clock.monotonic());
      budget.refused(TARGET, 'DescribeImages');
    }
    expect([...outcomes].toSorted()).toEqual(['passed', 'throttle']);
    const pauses = tried.slice(1).map((at, index) => at - (tried[index] ?? 0));
    expect(tried.length).toBeLessThan(20);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(122_000);
    // One that passes is enough to be believed again.
    await clock.advance(120_000);
    await budget.acquire(TARGET, 'DescribeImages');
    budget.accepted(TARGET, 'DescribeImages');
    const next = budget.acquire(TARGET, 'DescribeImages');
    await clock.advance(1000);
    await next;
  });

  it('who waits already when it is shut is sent away', async () => {
    const { clock, budget, drain } = trial();
    await drain();
    const waiting = budget.acquire(TARGET, 'CopyImage').catch((error: unknown) => error);
    for (let i = 0; i < 5; i++) {
      budget.refused(TARGET, 'CopyImage');
      await clock.advance(1000);
    }
    expect(await waiting).toMatchObject({ class: 'throttle', code: 'RequestLimitExceeded', certain: true });
    expect(clock.untilNext()).toBeUndefined();
  });

  it('permits that were given before are void, and what is left of them is not given back', async () => {
    const { budget } = trial();
    const { permits } = budget.admit(TARGET, 'CopyImage', { flow: 'a', priority: 'normal', wanted: 3 });
    expect(permits.map((permit) => permit.spend())).toEqual(['spent', 'spent', 'spent']);
    const later = budget.admit(TARGET, 'CopyImage', { flow: 'a', priority: 'normal', wanted: 3 }).permits;
    budget.refused(TARGET, 'CopyImage');
    expect(later[0]?.spend()).toBe('void');
    for (const permit of later) permit.release();
    expect(budget.read()[0]?.tokens).toBe(0);
    const { permits: none, delay } = budget.admit(TARGET, 'CopyImage', { flow: 'a', priority: 'normal', wanted: 3 });
    expect(none).toEqual([]);
    expect(delay).toMatchObject({ because: 'refused' });
  });

  it('the speed comes back step by step when no more follow', async () => {
    const { budget, clock } = trial();
    budget.refused(TARGET, 'DescribeImages');
    const refills: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      await clock.advance(15_000);
      refills.push(budget.read()[0]?.refill);
    }
    expect(refills).toEqual([10, 12, 14, 16, 16]);
  });
});

describe('the share', () => {
  it.each([
    [1, 100, 1],
    [0.8, 80, 0.8],
    [0.25, 25, 0.25],
    [0.001, 1, 0.001],
  ])('%d of a bucket is %d calls at once and %d a second', (share, tokens, refill) => {
    const budget = new RateBudget(new VirtualClock(0), share);
    budget.admit(TARGET, 'CopyImage', { flow: 'a', priority: 'normal', wanted: 0 });
    expect(budget.read()).toMatchObject([{ tokens, refill }]);
  });
});

describe('what a plan asks for', () => {
  const wish = (wanted: number, flow = 'a', priority: Priority = 'normal') => ({ flow, priority, wanted });

  it('gets what is there, and is told when to come again for the next', async () => {
    const { clock, budget } = trial();
    const first = budget.admit(TARGET, 'CopyImage', wish(200));
    expect(first.permits).toHaveLength(80);
    expect(first.delay).toEqual({ because: 'rate', afterMs: 5000, perSecond: 0.8 });
    await clock.advance(5000);
    expect(budget.admit(TARGET, 'CopyImage', wish(120)).permits).toHaveLength(4);
    await clock.advance(145_000);
    expect(budget.admit(TARGET, 'CopyImage', wish(116)).permits).toHaveLength(80);
  });

  it('gives back what it does not use', () => {
    const { budget } = trial();
    const { permits } = budget.admit(TARGET, 'CopyImage', wish(5));
    permits[0]?.spend();
    for (const permit of permits) permit.release();
    for (const permit of permits) permit.release();
    expect(budget.read()[0]?.tokens).toBe(79);
  });

  it('waits where as much is under way as may be, whoever began it, and what is about to begin counts', () => {
    const { budget } = trial();
    const first = budget.admit(TARGET, 'CopyImage', wish(9), { most: 5, running: 2 });
    expect(first.permits).toHaveLength(3);
    expect(first.delay).toMatchObject({ because: 'ceiling', afterMs: 15_000 });
    expect(budget.admit(TARGET, 'CopyImage', wish(9, 'b'), { most: 5, running: 2 }).permits).toEqual([]);
    for (const permit of first.permits) permit.release();
    // They were not begun after all; one of the three is for who asked later.
    expect(budget.admit(TARGET, 'CopyImage', wish(9), { most: 5, running: 2 }).permits).toHaveLength(2);
    expect(budget.admit(TARGET, 'CopyImage', wish(9, 'b'), { most: 5, running: 2 }).permits).toHaveLength(1);
  });

  it('waits for a minute after AWS has said that as much is under way as it allows', async () => {
    const { clock, budget } = trial();
    const { permits } = budget.admit(TARGET, 'CopyImage', wish(2), { most: 240, running: 0 });
    budget.full(TARGET, 'CopyImage');
    expect(permits[1]?.spend()).toBe('void');
    const { permits: none, delay } = budget.admit(TARGET, 'CopyImage', wish(2), { most: 240, running: 0 });
    expect(none).toEqual([]);
    expect(delay).toEqual({ because: 'ceiling', afterMs: 60_000 });
    await clock.advance(60_000);
    expect(budget.admit(TARGET, 'CopyImage', wish(2), { most: 240, running: 0 }).permits).toHaveLength(2);
  });

  it('of one that wants 500 does not keep one that wants 1 from its turn', async () => {
    const { clock, budget } = trial();
    budget.admit(TARGET, 'CopyImage', wish(500, 'large'));
    const { permits, delay } = budget.admit(TARGET, 'CopyImage', wish(1, 'small'));
    expect(permits).toEqual([]);
    expect(delay?.afterMs).toBeLessThanOrEqual(2500);
    await clock.advance(delay?.afterMs ?? 0);
    budget.admit(TARGET, 'CopyImage', wish(420, 'large'));
    expect(budget.admit(TARGET, 'CopyImage', wish(1, 'small')).permits).toHaveLength(1);
  });

  it('who waits in line is served before', async () => {
    const { clock, budget, ask, drain, names } = trial();
    await drain();
    const waiting = ask('caller');
    await clock.advance(1000);
    expect(budget.admit(TARGET, 'CopyImage', wish(1)).permits).toEqual([]);
    await clock.advance(250);
    await waiting;
    expect(names()).toEqual(['caller']);
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

  it('plans and callers together never use more in any span of time, and no permit is lost', async () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 4000 }),
      flow: fc.constantFrom('a', 'b', 'c'),
      wanted: fc.integer({ min: 0, max: 60 }),
      unused: fc.integer({ min: 0, max: 3 }),
      callers: fc.integer({ min: 0, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (course) => {
        const { clock, budget, passed, ask } = trial();
        const used: number[] = [];
        const all: Promise<void>[] = [];
        for (const { after, flow, wanted, unused, callers } of course) {
          await clock.advance(after);
          for (let i = 0; i < callers; i++) all.push(ask('x', 'normal', 'DeregisterImage'));
          const { permits, delay } = budget.admit(TARGET, 'DeregisterImage', { flow, priority: 'normal', wanted });
          expect(permits.length).toBeLessThanOrEqual(wanted);
          expect(delay === undefined).toBe(permits.length === wanted);
          for (const [index, permit] of permits.entries()) {
            if (index >= unused && permit.spend() === 'spent') used.push(clock.monotonic());
            permit.release();
          }
        }
        await clock.runUntil(() => passed.length === all.length, 1_000_000);
        await Promise.all(all);
        const times = [...used, ...passed.map(({ at }) => at)].toSorted((left, right) => left - right);
        const tooMany = times.flatMap((from, first) =>
          times.filter((to, last) => last >= first && last - first + 1 > 80 + ((to - from) / 1000) * 4 + 1e-6),
        );
        expect(tooMany).toEqual([]);
        // However it was used, in the end everything is there again.
        await clock.advance(20_000);
        for (const reading of budget.read()) expect(reading.tokens).toBeCloseTo(80);
      }),
      { numRuns: 40 },
    );
  });
});
