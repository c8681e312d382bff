import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { ResourceClient } from '../../src/kube/resource-client.ts';
import { withOwnWrites, writeStatus } from '../../src/kube/status-writer.ts';
import { THING } from './fake-api.ts';
import { ObjectApi } from './object-api.ts';

const PATH = '/apis/test.io/v1/namespaces/ns/things/a';
const JANUARY = '2026-01-01T00:00:00Z';
const FEBRUARY = '2026-02-01T00:00:00Z';

interface Status {
  readonly ready?: number | undefined;
  readonly note?: string | undefined;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly message?: string;
    readonly lastTransitionTime: string;
  }[];
}
type Reported = KubeObject & { readonly status?: Status };

let api: ObjectApi;
let client: ResourceClient<Reported>;

beforeEach(() => {
  api = new ObjectApi();
  client = new ResourceClient<Reported>(api, THING);
  api.put(PATH, { spec: { size: 1 } });
});

const live = (): Reported => api.get(PATH) as unknown as Reported;
const condition = (type: string, status: string, lastTransitionTime: string, message = ''): object => ({
  type,
  status,
  message,
  lastTransitionTime,
});
const conditions = (...list: object[]): Status => ({ conditions: list }) as Status;

describe('what is sent', () => {
  it('is the whole status and nothing else, in the name of one fixed manager, who insists', async () => {
    const before = live();
    const after = await writeStatus(client, before, { ready: 1 });
    expect(api.requests).toHaveLength(1);
    expect(api.requests[0]).toMatchObject({
      method: 'PATCH',
      path: `${PATH}/status`,
      query: { fieldManager: 'amifleet', force: true },
      contentType: 'application/apply-patch+yaml',
    });
    expect(JSON.parse(JSON.stringify(api.requests[0]?.body))).toEqual({
      apiVersion: 'test.io/v1',
      kind: 'Thing',
      metadata: { name: 'a', namespace: 'ns', resourceVersion: before.metadata.resourceVersion },
      status: { ready: 1 },
    });
    expect(after).toEqual(live());
    expect(live()).toMatchObject({ spec: { size: 1 }, status: { ready: 1 } });
  });

  it('what is left out now goes', async () => {
    await writeStatus(client, live(), { ready: 1, note: 'old' });
    await writeStatus(client, live(), { ready: 2 });
    expect(live().status).toEqual({ ready: 2 });
  });
});

describe('nothing is sent', () => {
  const status: Status = { ...conditions(condition('Ready', 'True', JANUARY)), ready: 1, note: 'fine' };

  it.each<[string, Status]>([
    ['for the same status', status],
    ['for the same in another order of fields', { note: 'fine', conditions: status.conditions ?? [], ready: 1 }],
    ['when only a transition time would move', { ...status, ...conditions(condition('Ready', 'True', FEBRUARY)) }],
  ])('%s', async (_, again) => {
    await writeStatus(client, live(), status);
    const before = live();
    expect(await writeStatus(client, before, again)).toEqual(before);
    expect(api.requests).toHaveLength(1);
  });

  it('for a field that is undefined rather than absent', async () => {
    await writeStatus(client, live(), { ready: 1 });
    await writeStatus(client, live(), { ready: 1, note: undefined });
    expect(api.requests).toHaveLength(1);
  });

  it('when what differs belongs to others', async () => {
    await client.applyStatus(
      { metadata: { name: 'a', namespace: 'ns' }, status: conditions(condition('Audited', 'True', JANUARY)) },
      { fieldManager: 'auditor' },
    );
    for (let i = 0; i < 3; i++) await writeStatus(client, live(), status);
    expect(api.requests).toHaveLength(2);
    expect(live().status?.conditions?.map(({ type }) => type)).toEqual(['Audited', 'Ready']);
  });

  it('but something is, once what belongs to us was changed by others', async () => {
    await writeStatus(client, live(), status);
    api.put(PATH, { status: { ...status, ready: 7 } });
    await writeStatus(client, live(), status);
    expect(live().status).toMatchObject({ ready: 1 });
  });

  it('and once others have changed ours beside what is theirs', async () => {
    api.put(PATH, { status: { theirs: true } });
    await writeStatus(client, live(), status);
    api.put(PATH, { status: { ...status, theirs: true, ready: 7 } });
    await writeStatus(client, live(), status);
    expect(live().status).toMatchObject({ ready: 1, theirs: true });
  });
});

describe('transition times', () => {
  it('move when the status of the condition does, and only for that one', async () => {
    await writeStatus(
      client,
      live(),
      conditions(condition('Ready', 'False', JANUARY), condition('Shared', 'True', JANUARY)),
    );
    await writeStatus(
      client,
      live(),
      conditions(condition('Ready', 'True', FEBRUARY), condition('Shared', 'True', FEBRUARY)),
    );
    expect(live().status?.conditions).toMatchObject([
      { type: 'Ready', lastTransitionTime: FEBRUARY },
      { type: 'Shared', lastTransitionTime: JANUARY },
    ]);
  });

  it('do not go back, though what was decided on was older than what is there', async () => {
    await writeStatus(client, live(), conditions(condition('Ready', 'False', FEBRUARY)));
    await writeStatus(client, live(), conditions(condition('Ready', 'True', JANUARY)));
    expect(live().status?.conditions).toMatchObject([{ status: 'True', lastTransitionTime: FEBRUARY }]);
  });

  it('stay when only the message changes, which is written', async () => {
    await writeStatus(client, live(), conditions(condition('Ready', 'False', JANUARY, 'one')));
    await writeStatus(client, live(), conditions(condition('Ready', 'False', FEBRUARY, 'two')));
    expect(live().status?.conditions).toMatchObject([{ message: 'two', lastTransitionTime: JANUARY }]);
  });
});

describe('with an object from a cache that is behind', () => {
  it('going from A to B and back to A leaves A', async () => {
    await writeStatus(client, live(), { note: 'A' });
    const cached = live();
    await writeStatus(client, cached, { note: 'B' });
    await writeStatus(client, cached, { note: 'A' });
    expect(live().status).toEqual({ note: 'A' });
  });

  it('also when the cache is at what somebody else wrote in between', async () => {
    await writeStatus(client, live(), { note: 'A' });
    const atFirst = live();
    const cached = api.put(PATH, { spec: { size: 2 } }) as unknown as Reported;
    await writeStatus(client, atFirst, { note: 'B' });
    await writeStatus(client, cached, { note: 'A' });
    expect(live().status).toEqual({ note: 'A' });
  });

  it('the same status twice is written once', async () => {
    const cached = live();
    await writeStatus(client, cached, { note: 'A' });
    await writeStatus(client, cached, { note: 'A' });
    expect(api.requests).toHaveLength(1);
  });

  it('a cache that is ahead of our last write counts', async () => {
    await writeStatus(client, live(), { note: 'A' });
    const ahead = api.put(PATH, { status: { note: 'wiped by hand' } }) as unknown as Reported;
    await writeStatus(client, ahead, { note: 'A' });
    expect(live().status).toMatchObject({ note: 'A' });
  });

  it('transition times are those of our last write', async () => {
    const cached = live();
    await writeStatus(client, cached, conditions(condition('Ready', 'True', JANUARY)));
    await writeStatus(client, cached, { ...conditions(condition('Ready', 'True', FEBRUARY)), ready: 1 });
    expect(live().status?.conditions).toMatchObject([{ lastTransitionTime: JANUARY }]);
  });
});

describe('an object from a cache', () => {
  it('is shown with what we have written since, and as it is once the cache is ahead of that', async () => {
    const cached = live();
    await writeStatus(client, cached, { ready: 1 });
    expect(withOwnWrites(client, cached).status).toEqual({ ready: 1 });
    const ahead = api.put(PATH, { status: { ready: 7 } }) as unknown as Reported;
    expect(withOwnWrites(client, ahead)).toBe(ahead);
  });

  it('that was made anew under its name is not shown with what the one before said', async () => {
    const cached = live();
    await writeStatus(client, cached, { ready: 1 });
    api.remove(PATH);
    const anew = api.put(PATH, {}) as unknown as Reported;
    expect(withOwnWrites(client, anew)).toBe(anew);
  });
});

describe('an object that is not there any more', () => {
  it('gets no status', async () => {
    const gone = live();
    api.remove(PATH);
    expect(await writeStatus(client, gone, { ready: 1 })).toBeUndefined();
  });

  it('nor does another one that has its name by now', async () => {
    const gone = live();
    api.remove(PATH);
    api.put(PATH, {});
    expect(await writeStatus(client, gone, { ready: 1 })).toBeUndefined();
    expect(live().status).toBeUndefined();
  });
});

describe('an object that somebody else writes to', () => {
  it('is read again, and what it shows then is what counts', async () => {
    const stale = live();
    api.put(PATH, { spec: { size: 2 }, status: { ready: 1 } });
    await writeStatus(client, stale, { ready: 1 });
    expect(live()).toMatchObject({ spec: { size: 2 }, status: { ready: 1 } });
    expect(api.requests.map(({ method }) => method)).toEqual(['PATCH', 'GET']);
  });

  it('gets its status in the end, with the spec that is there', async () => {
    const stale = live();
    let size = 2;
    const busy = { kind: 'first' as const, happens: (): unknown => api.put(PATH, { spec: { size: ++size } }) };
    const calm = { kind: 'first' as const, happens: () => undefined };
    api.interferences.push(busy, calm, busy, calm, busy);
    await writeStatus(client, stale, { ready: 1 });
    expect(live()).toMatchObject({ spec: { size: 5 }, status: { ready: 1 } });
  });

  it('is not fought over for ever', async () => {
    const conflict = { kind: 'status' as const, status: 409, reason: 'Conflict' };
    const calm = { kind: 'first' as const, happens: () => undefined };
    for (let i = 0; i < 20; i++) api.interferences.push(conflict, calm);
    await expect(writeStatus(client, live(), { ready: 1 })).rejects.toMatchObject({ reason: 'Conflict' });
    expect(api.requests.length).toBeLessThan(12);
  });
});

it('a write that failed is not taken for one that happened', async () => {
  const cached = live();
  api.interferences.push({ kind: 'unreachable' });
  await expect(writeStatus(client, cached, { ready: 1 })).rejects.toMatchObject({ reason: 'Unreachable' });
  await writeStatus(client, cached, { ready: 1 });
  expect(live().status).toEqual({ ready: 1 });
});

describe('whatever is written, by whom and from however old a copy', () => {
  const ours = fc.record({ ready: fc.nat(2), isReady: fc.boolean(), message: fc.constantFrom('x', 'y') });
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), ours, behind: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('others' as const), size: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('conflict' as const), size: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
  );

  it('what was written last is there, what is no difference is not sent, and times move with the condition alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        api = new ObjectApi();
        client = new ResourceClient<Reported>(api, THING);
        api.put(PATH, { spec: { size: 1 } });
        /** Every state of the object that a cache may still show. */
        const seen: Reported[] = [live()];
        let expected: Status | undefined;
        const checked: object[] = [];
        const wanted: object[] = [];
        let time = 0;
        for (const now of steps) {
          if (now.do === 'others') {
            api.put(PATH, { spec: { size: now.size } });
          } else if (now.do === 'conflict') {
            api.interferences.push({ kind: 'first', happens: () => api.put(PATH, { spec: { size: now.size + 10 } }) });
          } else if (now.do === 'fail') {
            api.interferences.push({ kind: 'status', status: 500, reason: 'InternalError' });
          } else {
            const { ready, isReady, message } = now.ours;
            const at = new Date(++time * 1000).toISOString();
            const status = isReady ? 'True' : 'False';
            const before = expected?.conditions?.[0];
            const lastTransitionTime = before?.status === status ? before.lastTransitionTime : at;
            const next = { ready, ...conditions(condition('Ready', status, lastTransitionTime, message)) };
            const isDifferent = JSON.stringify(next) !== JSON.stringify(expected);
            const cached = seen[Math.max(0, seen.length - 1 - now.behind)] ?? live();
            const given = { ready, ...conditions(condition('Ready', status, at, message)) };
            const isCalm = api.interferences.length === 0;
            const sentBefore = api.requests.length;
            const written = await writeStatus(client, cached, given).catch(() => undefined);
            // What failed was not written, and the next pass writes it.
            if (!written) continue;
            expected = next;
            // A copy from before a write of others meets a conflict, and is read again: three requests.
            const most = isCalm ? (isDifferent ? 3 : 0) : 15;
            checked.push({ is: live().status, tooMany: api.requests.length - sentBefore > most });
            wanted.push({ is: expected, tooMany: false });
          }
          seen.push(live());
        }
        expect(checked).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });
});
