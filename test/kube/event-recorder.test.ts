import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { type EventContent, EventRecorder, type EventSubject } from '../../src/kube/event-recorder.ts';
import { ObjectApi } from './object-api.ts';

const EPOCH = Date.parse('2026-11-21T10:00:00.250Z');
const EVENTS = '/apis/events.k8s.io/v1/namespaces/ns/events';
const MINUTE = 60_000;

const SUBJECT: EventSubject = { apiVersion: 'test.io/v1', kind: 'Thing', name: 'a', namespace: 'ns', uid: 'u-1' };
const COPIED: EventContent = { type: 'Normal', reason: 'Copied', action: 'CopyImage', note: 'ami-1 in eu-west-1' };

let clock: VirtualClock;
let api: ObjectApi;
let recorder: EventRecorder;
let troubles: unknown[];

beforeEach(() => {
  clock = new VirtualClock(EPOCH);
  api = new ObjectApi();
  troubles = [];
  recorder = new EventRecorder(api, {
    clock,
    random: seededRandom(1),
    component: 'amifleet.io/controller',
    instance: 'pod-1',
    onTrouble: (error) => troubles.push(error),
  });
});

const events = (namespace = 'ns'): readonly Readonly<Record<string, unknown>>[] =>
  api.all(EVENTS.replace('/ns/', `/${namespace}/`));

describe('an event', () => {
  it('says about what, why, when and by whom', async () => {
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    expect(events()).toMatchObject([
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { namespace: 'ns', name: expect.stringMatching(/^a\.[0-9a-f]{16}$/) as string },
        reportingController: 'amifleet.io/controller',
        reportingInstance: 'pod-1',
        regarding: SUBJECT,
        ...COPIED,
      },
    ]);
  });

  it('has a time with exactly six digits: the API server refuses the three of a Date', async () => {
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    expect(events()[0]).toMatchObject({ eventTime: '2026-11-21T10:00:00.250000Z' });
  });

  it('about an object of the cluster is in the namespace default', async () => {
    recorder.record({ apiVersion: 'test.io/v1', kind: 'Planet', name: 'earth' }, COPIED);
    await clock.advance(0);
    expect(events('default')).toHaveLength(1);
  });

  it.each<[string, string, string]>([
    ['one that fits is left alone', 'é'.repeat(512), 'é'.repeat(512)],
    ['one that is too long ends in an ellipsis', 'x'.repeat(1025), `${'x'.repeat(1021)}…`],
    ['no character is cut in two', `${'x'.repeat(1020)}🐟🐟`, `${'x'.repeat(1020)}…`],
  ])('has a note of at most 1 kB: %s', async (_, note, written) => {
    recorder.record(SUBJECT, { ...COPIED, note });
    await clock.advance(0);
    expect(events()[0]?.['note']).toBe(written);
    expect(Buffer.byteLength(String(events()[0]?.['note']))).toBeLessThanOrEqual(1024);
  });

  it.each(['x'.repeat(253), `${'x'.repeat(199)}-${'y'.repeat(20)}`, `${'x'.repeat(198)}.-${'y'.repeat(20)}`])(
    'has a name that the API server takes, also for a long one: %#',
    async (name) => {
      recorder.record({ ...SUBJECT, name }, COPIED);
      await clock.advance(0);
      const written = String((events()[0]?.['metadata'] as { readonly name?: string } | undefined)?.name);
      expect(written.length).toBeLessThanOrEqual(253);
      expect(written).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    },
  );
});

describe('the same event again', () => {
  it('raises a count, which is written once a minute', async () => {
    for (let i = 0; i < 5; i++) {
      recorder.record(SUBJECT, COPIED);
      await clock.advance(10_000);
    }
    expect(events()).toHaveLength(1);
    expect(events()[0]).not.toHaveProperty('series');
    await clock.advance(MINUTE);
    expect(events()[0]).toMatchObject({ series: { count: 5, lastObservedTime: '2026-11-21T10:00:40.250000Z' } });
    expect(api.requests).toHaveLength(2);
  });

  it('starts another one when ten minutes were quiet', async () => {
    recorder.record(SUBJECT, COPIED);
    await clock.advance(10 * MINUTE);
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    expect(events()).toHaveLength(2);
  });

  it.each<[string, EventSubject, EventContent]>([
    ['note', SUBJECT, { ...COPIED, note: 'ami-2 in eu-west-1' }],
    ['type', SUBJECT, { ...COPIED, type: 'Warning' }],
    ['reason', SUBJECT, { ...COPIED, reason: 'Other' }],
    ['UID', { ...SUBJECT, uid: 'u-2' }, COPIED],
  ])('is not the same with another %s', async (_, subject, content) => {
    recorder.record(SUBJECT, COPIED);
    recorder.record(subject, content);
    await clock.advance(0);
    expect(events()).toHaveLength(2);
  });

  it('is written in full when the first one could not be', async () => {
    api.interferences.push({ kind: 'status', status: 500, reason: 'InternalError' });
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    expect(events()).toEqual([]);
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    expect(events()).toHaveLength(1);
  });

  it('whose count could not be written is counted on, and that is told of', async () => {
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    api.interferences.push({ kind: 'status', status: 403, reason: 'Forbidden' });
    recorder.record(SUBJECT, COPIED);
    await clock.advance(MINUTE);
    expect(troubles).toHaveLength(1);
    recorder.record(SUBJECT, COPIED);
    await clock.advance(MINUTE);
    expect(events()).toMatchObject([{ series: { count: 3 } }]);
  });

  it('is written in full when the API server has forgotten the first one', async () => {
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    const [event] = api.all(EVENTS);
    api.remove(`${EVENTS}/${event?.metadata.name}`);
    recorder.record(SUBJECT, COPIED);
    await clock.advance(MINUTE);
    expect(events()).toEqual([]);
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    expect(events()).toHaveLength(1);
    expect(troubles).toEqual([]);
  });
});

describe('too much of it', () => {
  it('25 events about one object at once, then one a minute, and other objects are not held up', async () => {
    for (let i = 0; i < 100; i++) recorder.record(SUBJECT, { ...COPIED, note: `ami-${i}` });
    recorder.record({ ...SUBJECT, name: 'b', uid: 'u-b' }, COPIED);
    await clock.advance(0);
    expect(events()).toHaveLength(26);
    await clock.advance(3 * MINUTE);
    for (let i = 100; i < 200; i++) recorder.record(SUBJECT, { ...COPIED, note: `ami-${i}` });
    await clock.advance(0);
    expect(events()).toHaveLength(29);
  });

  it('a server that hangs fills no memory: 500 wait, and what exceeds that is dropped', async () => {
    const held = Promise.withResolvers<void>();
    api.interferences.push({ kind: 'late', until: held.promise });
    for (let i = 0; i < 2_000; i++) recorder.record({ ...SUBJECT, name: `thing-${i}`, uid: `u-${i}` }, COPIED);
    held.resolve();
    await clock.advance(1_000);
    expect(events()).toHaveLength(501);
  });
});

describe('trouble', () => {
  it('is told of, and never thrown', async () => {
    api.interferences.push({ kind: 'status', status: 403, reason: 'Forbidden' }, { kind: 'unreachable' });
    recorder.record(SUBJECT, COPIED);
    recorder.record(SUBJECT, { ...COPIED, note: 'second' });
    recorder.record(SUBJECT, { ...COPIED, note: 'third' });
    await clock.advance(0);
    expect(troubles.map(String)).toEqual([
      expect.stringContaining('create events.events.k8s.io ns/a.') as string,
      expect.stringContaining('unreachable') as string,
    ]);
    expect(events()).toMatchObject([{ note: 'third' }]);
  });

  it('who is told of it may throw', async () => {
    const fragile = new EventRecorder(api, {
      clock,
      random: seededRandom(2),
      component: 'c',
      onTrouble: () => {
        throw new Error('also here');
      },
    });
    api.interferences.push({ kind: 'unreachable' });
    fragile.record(SUBJECT, COPIED);
    fragile.record(SUBJECT, { ...COPIED, note: 'second' });
    await clock.advance(0);
    expect(events()).toMatchObject([{ note: 'second' }]);
  });
});

/** Runs `run` a given number of promise turns from now. */
async function turnsFromNow(turns: number, run: () => void): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
  run();
}

it('an event that is recorded at any moment of the sending of another one is sent as well', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const subject = { ...SUBJECT, name: `thing-${turns}`, uid: `u-${turns}` };
    recorder.record(subject, COPIED);
    await turnsFromNow(turns, () => recorder.record(subject, { ...COPIED, note: 'the other' }));
    await clock.advance(0);
    expect(events(), `after ${turns} turns`).toHaveLength(2 * (turns + 1));
  }
});

describe('stopping', () => {
  it('sends what waits, counts too, and takes nothing more', async () => {
    recorder.record(SUBJECT, COPIED);
    await clock.advance(0);
    recorder.record(SUBJECT, COPIED);
    recorder.record(SUBJECT, { ...COPIED, note: 'last' });
    const stopped = recorder.stop();
    recorder.record(SUBJECT, { ...COPIED, note: 'too late' });
    await stopped;
    expect(events()).toMatchObject([{ series: { count: 2 } }, { note: 'last' }]);
    expect(clock.untilNext()).toBeUndefined();
  });

  it('gives up after three seconds on a server that does not answer', async () => {
    api.interferences.push({ kind: 'late', until: new Promise(() => undefined) });
    recorder.record(SUBJECT, COPIED);
    recorder.record(SUBJECT, { ...COPIED, note: 'never' });
    let stopped = false;
    void (async () => {
      await recorder.stop();
      stopped = true;
    })();
    await clock.advance(2_999);
    expect(stopped).toBe(false);
    await clock.advance(1);
    expect(stopped).toBe(true);
    expect(events()).toEqual([]);
  });

  it('may be asked for twice', async () => {
    recorder.record(SUBJECT, COPIED);
    await Promise.all([recorder.stop(), recorder.stop()]);
    expect(events()).toHaveLength(1);
  });
});

describe('whatever is recorded', () => {
  const subject = fc.constantFrom('a', 'b');
  const reason = fc.constantFrom('Copied', 'Shared', 'Deleted');
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('record' as const), subject, reason }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.constantFrom(1_000, 40_000, MINUTE, 4 * MINUTE, 11 * MINUTE),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), status: fc.constantFrom(409, 500, 503) }) },
  );
  type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

  /** Plays the steps, and sends everything that waits. What happened by content: how often, as `record` was called. */
  async function play(steps: readonly Step[]): Promise<{ readonly runs: string[]; readonly failed: number }> {
    const last = new Map<string, { at: number; count: number }>();
    const runs: { readonly id: string; count: number }[] = [];
    let failed = 0;
    for (const now of steps) {
      if (now.do === 'wait') {
        await clock.advance(now.ms);
      } else if (now.do === 'fail') {
        api.interferences.push({ kind: 'status', status: now.status, reason: 'InternalError' });
        failed++;
      } else {
        const id = `${now.subject} ${now.reason}`;
        recorder.record({ ...SUBJECT, name: now.subject, uid: now.subject }, { ...COPIED, reason: now.reason });
        const before = last.get(id);
        // Ten quiet minutes, and the same is news again.
        if (before && clock.monotonic() - before.at < 10 * MINUTE) before.count++;
        else runs.push((last.set(id, { at: 0, count: 1 }), { id, count: 0 }));
        const current = last.get(id);
        const run = runs.findLast((each) => each.id === id);
        if (!current || !run) continue;
        current.at = clock.monotonic();
        run.count = current.count;
      }
    }
    await clock.advance(2 * MINUTE);
    await recorder.stop();
    return { runs: runs.map(({ id, count }) => `${id} ${count}`).toSorted(), failed };
  }

  const told = (): string[] =>
    events()
      .map(({ regarding, reason, series }) => {
        const { count = 1 } = (series ?? {}) as { readonly count?: number };
        return `${(regarding as EventSubject).name} ${String(reason)} ${count}`;
      })
      .toSorted();

  function anew(): void {
    clock = new VirtualClock(EPOCH, soon);
    api = new ObjectApi();
    troubles = [];
    recorder = new EventRecorder(api, {
      clock,
      random: seededRandom(1),
      component: 'amifleet',
      onTrouble: (error) => troubles.push(error),
    });
  }

  it('is told once for each spell without ten quiet minutes, and counted in full', async () => {
    const calm = fc.array(step, { maxLength: 30 }).map((steps) => steps.filter((now) => now.do !== 'fail'));
    await fc.assert(
      fc.asyncProperty(calm, async (steps) => {
        anew();
        const { runs } = await play(steps);
        expect(told()).toEqual(runs);
        expect(troubles).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('is never told more often than it happened, and each request that failed is reported once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        anew();
        const { failed } = await play(steps);
        const happened = (id: string): number =>
          steps.filter((now) => now.do === 'record' && `${now.subject} ${now.reason}` === id).length;
        const sums = new Map<string, number>();
        for (const line of told()) {
          const [name, reason, count] = line.split(' ');
          sums.set(`${name} ${reason}`, (sums.get(`${name} ${reason}`) ?? 0) + Number(count));
        }
        expect([...sums].filter(([id, sum]) => sum > happened(id))).toEqual([]);
        expect(troubles).toHaveLength(failed - api.interferences.length);
      }),
      { numRuns: 150 },
    );
  });
});

/** All of this world runs on promises alone. */
async function soon(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
