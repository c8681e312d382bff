import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { controllerLog } from '../../src/cli/controller-log.ts';
import { FreshnessLedger } from '../../src/controller/freshness-ledger.ts';
import type { PassEnding } from '../../src/controller/observer.ts';
import type { Next, PolicyController } from '../../src/controller/policy-controller.ts';
import { runPolicyWorkers } from '../../src/controller/policy-workers.ts';
import { WorkQueue } from '../../src/kube/work-queue.ts';

const RESYNC = 300_000;

interface Pass {
  readonly key: string;
  readonly at: number;
  readonly priority: string | undefined;
  /** From when on a listing was good enough. */
  readonly listing: number;
}

let clock: VirtualClock;
let queue: WorkQueue;
let freshness: FreshnessLedger;
let passes: Pass[];
let outcomes: (Next | Error)[];
let lines: string[];
let endings: string[];
let stop: AbortController;
let ended: Promise<void>;

beforeEach(() => {
  clock = new VirtualClock(0);
  queue = new WorkQueue({ clock, random: seededRandom(1) });
  freshness = new FreshnessLedger(clock, RESYNC);
  passes = [];
  outcomes = [];
  lines = [];
  endings = [];
  stop = new AbortController();
  const pass: PolicyController['pass'] = async (key, { listing }, { priority }) => {
    passes.push({ key, at: clock.monotonic(), priority, listing });
    const outcome = outcomes.shift() ?? { kind: 'idle' };
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const log = controllerLog('info', { write: (line) => lines.push(line) });
  const onPassed = (ending: PassEnding, ms: number): number => endings.push(`${ending} ${ms}`);
  ended = runPolicyWorkers(queue, { pass }, { clock, random: seededRandom(2), log, freshness, onPassed }, stop.signal);
});
afterEach(async () => {
  stop.abort();
  await ended;
});

describe('who watches is told of each pass', () => {
  it('how it ended', async () => {
    outcomes.push({ kind: 'idle' }, { kind: 'after', ms: 60_000 }, { kind: 'retry' }, new Error('no API server'));
    for (const key of ['a', 'b', 'c', 'd']) queue.add(`platform/${key}`);
    await clock.advance(0);
    expect(endings).toEqual(['success 0', 'requeue_after 0', 'error 0', 'error 0']);
  });

  it('and not of one that the end cuts off', async () => {
    outcomes.push(new Error('called off'));
    queue.add('platform/a');
    stop.abort();
    await ended;
    expect(endings).toEqual([]);
  });

  it('in a log with a name of its own for each', async () => {
    outcomes.push(new Error('no API server'), new Error('no API server'));
    queue.add('platform/a');
    queue.add('platform/b');
    await clock.advance(0);
    const named = lines.map((line) => JSON.parse(line) as { policy: string; pass: string });
    expect(named.map(({ policy }) => policy)).toEqual(['platform/a', 'platform/b']);
    for (const { pass } of named) expect(pass).toMatch(/^[0-9a-f]{8}$/);
    expect(named[0]?.pass).not.toBe(named[1]?.pass);
  });
});

describe('a pass', () => {
  it('that somebody waits for has the priority of users with AWS, and one that is merely due has not', async () => {
    queue.add('platform/edited');
    queue.add('platform/idle', 'low');
    await clock.advance(0);
    expect(passes.map(({ key, priority }) => `${key} ${priority}`)).toEqual([
      'platform/edited user',
      'platform/idle normal',
    ]);
  });

  it.each<[string, Next | Error]>([
    ['failed', { kind: 'retry' }],
    ['threw', new Error('the API server is away')],
  ])('that %s keeps its priority when it is tried again', async (_, outcome) => {
    outcomes.push(outcome);
    queue.add('platform/edited');
    await clock.advance(750);
    expect(passes.map(({ priority }) => priority)).toEqual(['user', 'user']);
  });

  it('that is tried again reads again what it may have read wrong', async () => {
    outcomes.push({ kind: 'retry' });
    await clock.advance(10_000);
    queue.add('platform/web');
    await clock.advance(750);
    expect(passes.map(({ listing }) => listing)).toEqual([0, 10_000]);
  });

  it('that waits for a copy comes again at its time, as one that is merely due', async () => {
    outcomes.push({ kind: 'after', ms: 5000 });
    queue.add('platform/web');
    await clock.advance(10_000);
    expect(passes.map(({ at, priority }) => ({ at, priority }))).toEqual([
      { at: 0, priority: 'user' },
      { at: 5000, priority: 'normal' },
    ]);
  });
});
