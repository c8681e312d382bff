import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { type Change, Reflector, type ReflectorOptions } from '../../src/kube/reflector.ts';
import { ResourceClient } from '../../src/kube/resource-client.ts';
import { contentsOf, FakeApi, type Fault, THING, type Thing } from './fake-api.ts';

const MINUTE = 60_000;

let clock: VirtualClock;
let api: FakeApi;
let reflector: Reflector<Thing>;
let troubles: unknown[];
let changes: string[];

beforeEach(() => {
  clock = new VirtualClock(0);
  api = new FakeApi(clock);
  begin();
});

afterEach(async () => {
  await reflector.stop();
  if (api.openWatches > 0) throw new Error('a stopped reflector left a watch open');
  if (clock.untilNext() !== undefined) throw new Error('a stopped reflector left a timer');
});

function begin(options: Partial<ReflectorOptions<Thing>> = {}): void {
  troubles = [];
  changes = [];
  const client = new ResourceClient<Thing>(api, THING);
  const onTrouble = (error: unknown): number => troubles.push(error);
  reflector = new Reflector(client, { clock, random: seededRandom(1), onTrouble, ...options });
  reflector.onChange(({ kind, key, object, before }) => {
    changes.push(`${kind} ${key} ${before ? `${before.value}→` : ''}${object.value}`);
  });
}

/** Starts it and lets it list. */
async function started(): Promise<void> {
  reflector.start();
  await clock.advance(0);
}

const seen = (): Record<string, number> => contentsOf(reflector.store.values());
const times = (n: number, fault: Fault): Fault[] => Array.from({ length: n }, () => fault);

describe('in calm weather', () => {
  it('lists, then follows what changes', async () => {
    api.put('a', 1);
    api.put('b', 1);
    await started();
    await reflector.synced;
    expect(seen()).toEqual({ a: 1, b: 1 });
    api.put('a', 2);
    api.put('c', 1);
    api.remove('b');
    await clock.advance(0);
    expect(seen()).toEqual({ a: 2, c: 1 });
    expect(reflector.store.get('ns/c')?.value).toBe(1);
    expect(reflector.store.get('ns/b')).toBeUndefined();
    expect(changes).toEqual(['added ns/a 1', 'added ns/b 1', 'updated ns/a 1→2', 'added ns/c 1', 'deleted ns/b 1→1']);
    expect(troubles).toEqual([]);
  });

  it('asks for bookmarks, and for an end after 5 to 10 minutes', async () => {
    await started();
    await clock.advance(120 * MINUTE);
    const watches = api.calls.filter(({ kind }) => kind === 'watch');
    expect(watches.length).toBeGreaterThanOrEqual(12);
    const seconds = watches.map(({ query }) => Number(query['timeoutSeconds']));
    expect(watches.every(({ query }) => query['allowWatchBookmarks'] === true)).toBe(true);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(600);
    expect(new Set(seconds).size).toBeGreaterThan(5);
    expect(api.count('list')).toBe(1);
  });

  it('a quiet stream survives compaction, thanks to its bookmarks', async () => {
    api.put('a', 1);
    await started();
    for (let hour = 0; hour < 5; hour++) {
      await clock.advance(50 * MINUTE);
      api.compact();
      await clock.advance(10 * MINUTE);
    }
    expect(api.count('list')).toBe(1);
    expect(troubles).toEqual([]);
  });

  it('knows when it last heard of the server', async () => {
    expect(reflector.lastContact()).toBeUndefined();
    await started();
    expect(reflector.lastContact()).toBe(0);
    await clock.advance(2 * MINUTE);
    expect(reflector.lastContact()).toBe(2 * MINUTE);
  });

  it('hands out objects that nobody can change', async () => {
    api.put('a', 1);
    await started();
    const object = reflector.store.get('ns/a') as { value: number; metadata: { name: string } };
    expect(() => {
      object.value = 2;
    }).toThrow(TypeError);
    expect(() => {
      object.metadata.name = 'b';
    }).toThrow(TypeError);
  });

  it('finds objects by an index', async () => {
    begin({ indexes: { parity: ({ value }) => [value % 2 === 0 ? 'even' : 'odd'] } });
    api.put('a', 1);
    api.put('b', 2);
    api.put('c', 3);
    await started();
    expect(contentsOf(reflector.store.byIndex('parity', 'odd'))).toEqual({ a: 1, c: 3 });
    api.put('a', 4);
    api.remove('c');
    await clock.advance(0);
    expect(contentsOf(reflector.store.byIndex('parity', 'odd'))).toEqual({});
    expect(contentsOf(reflector.store.byIndex('parity', 'even'))).toEqual({ a: 4, b: 2 });
    expect(() => reflector.store.byIndex('colour', 'red')).toThrow('no index colour');
  });
});

describe('in bad weather', () => {
  it('a watch that goes silent is given up after two and a half minutes, and nothing is missed', async () => {
    api.watchFaults.push({ kind: 'silent' });
    await started();
    api.put('a', 1);
    await clock.advance(149_999);
    expect(seen()).toEqual({});
    await clock.advance(1);
    expect(seen()).toEqual({ a: 1 });
  });

  it('a stream that keeps changes to itself is found out by a second watch, whenever that began', async () => {
    await reflector.stop();
    begin({ checkMs: 3000 });
    api.watchFaults.push({ kind: 'silent' });
    await started();
    for (const [value, lasts] of [
      [1, 3250],
      [2, 0],
    ] as const) {
      api.put('a', value);
      await clock.advance(lasts);
      expect(seen()).toEqual({ a: value });
    }
    expect(reflector.restarts()).toMatchObject({ silent: 1, failed: 0 });
    expect(troubles).toEqual([]);
  });

  it('a stream that is only quiet is kept, and checked again and again; a busy one is not checked', async () => {
    await reflector.stop();
    begin({ checkMs: 3000 });
    await started();
    const checks = (): number => api.calls.filter(({ query }) => query['timeoutSeconds'] === 1).length;
    for (let second = 0; second < 60; second++) {
      api.put('a', second);
      await clock.advance(1000);
    }
    expect(checks()).toBe(0);
    await clock.advance(60_000);
    expect(checks()).toBe(15);
    // A change in the middle of a check is told by both.
    for (let second = 0; second < 60; second++) {
      api.put('a', second);
      await clock.advance(3700);
    }
    expect(checks()).toBeGreaterThan(30);
    expect(reflector.restarts()).toEqual({ ended: 0, silent: 0, expired: 0, failed: 0 });
  });

  it('a check that fails harms nothing', async () => {
    await reflector.stop();
    begin({ checkMs: 3000 });
    await started();
    api.watchFaults.push({ kind: 'status', status: 410 }, { kind: 'unreachable' }, { kind: 'breakAfter', lines: 0 });
    api.watchFaults.push({ kind: 'silent' });
    await clock.advance(20_000);
    api.put('a', 1);
    await clock.advance(0);
    expect(seen()).toEqual({ a: 1 });
    expect(reflector.restarts()).toEqual({ ended: 0, silent: 0, expired: 0, failed: 0 });
    expect(troubles).toEqual([]);
  });

  it('a server that closes each watch at once is not overrun', async () => {
    api.watchFaults.push(...times(10_000, { kind: 'closeAtOnce' }));
    await started();
    await clock.advance(10 * MINUTE);
    expect(api.count('watch')).toBeLessThanOrEqual(50);
    expect(api.count('list')).toBe(1);
  });

  it('a server that finds each watch too old is not overrun with lists', async () => {
    api.watchFaults.push(...times(10_000, { kind: 'status', status: 410 }));
    await started();
    await clock.advance(10 * MINUTE);
    expect(api.count('list')).toBeLessThanOrEqual(50);
  });

  it('a server that breaks every watch after the first event is not overrun', async () => {
    api.watchFaults.push(...times(10_000, { kind: 'breakAfter', lines: 1 }));
    await started();
    for (let i = 0; i < 600; i++) {
      api.put('a', i);
      await clock.advance(1_000);
    }
    expect(api.calls.length).toBeLessThanOrEqual(80);
    expect(Math.abs((seen()['a'] ?? 0) - 599)).toBeLessThanOrEqual(30);
  });

  it('counts by cause what it had to begin anew', async () => {
    api.listFaults.push({ kind: 'status', status: 500 });
    api.watchFaults.push({ kind: 'silent' }, { kind: 'status', status: 410 }, { kind: 'status', status: 503 });
    await started();
    expect(reflector.restarts()).toEqual({ ended: 0, silent: 0, expired: 0, failed: 1 });
    await clock.advance(5 * MINUTE);
    expect(reflector.restarts()).toEqual({ ended: 0, silent: 1, expired: 1, failed: 2 });
    await clock.advance(11 * MINUTE);
    expect(reflector.restarts()).toMatchObject({ silent: 1, expired: 1, failed: 2 });
    expect(reflector.restarts().ended).toBeGreaterThanOrEqual(1);
  });

  it('a resourceVersion that is gone: lists again and tells the difference', async () => {
    api.put('a', 1);
    api.put('b', 1);
    api.put('c', 1);
    api.watchFaults.push({ kind: 'closeAtOnce' });
    await started();
    changes.length = 0;
    api.put('a', 2);
    api.remove('b');
    api.put('d', 1);
    api.compact();
    await clock.advance(2_000);
    expect(seen()).toEqual({ a: 2, c: 1, d: 1 });
    expect(changes).toEqual(['deleted ns/b 1→1', 'updated ns/a 1→2', 'added ns/d 1']);
  });

  it('an object that was deleted and made anew unseen is a deletion and an addition', async () => {
    api.put('a', 1);
    api.watchFaults.push({ kind: 'closeAtOnce' });
    await started();
    changes.length = 0;
    api.remove('a');
    api.put('a', 2);
    api.compact();
    await clock.advance(2_000);
    expect(changes).toEqual(['deleted ns/a 1→1', 'added ns/a 2']);
  });

  it.each<[string, Partial<Record<'list' | 'watch', Fault[]>>]>([
    ['lists are refused', { list: times(3, { kind: 'status', status: 429 }) }],
    ['lists fail', { list: times(3, { kind: 'status', status: 500 }) }],
    ['lists are forbidden, for a while', { list: times(5, { kind: 'status', status: 403 }) }],
    ['lists cannot be reached', { list: times(3, { kind: 'unreachable' }) }],
    ['watches are refused', { watch: times(2, { kind: 'status', status: 429 }) }],
    ['watches fail', { watch: times(2, { kind: 'status', status: 500 }) }],
    ['watches time out, as with a version from the future', { watch: times(4, { kind: 'status', status: 504 }) }],
    ['watches cannot be reached', { watch: times(2, { kind: 'unreachable' }) }],
    ['watches break', { watch: times(2, { kind: 'breakAfter', lines: 0 }) }],
    ['the kind is not served yet', { list: times(5, { kind: 'status', status: 404 }) }],
  ])('goes on by itself when %s', async (_, { list = [], watch = [] }) => {
    api.listFaults.push(...list);
    api.watchFaults.push(...watch);
    api.put('a', 1);
    await started();
    await clock.advance(MINUTE);
    api.put('b', 1);
    await clock.advance(0);
    expect(seen()).toEqual({ a: 1, b: 1 });
    expect(troubles).toHaveLength(list.length + watch.length);
    expect(troubles.every((error) => error instanceof KubeError)).toBe(true);
  });

  it('after three failed watches even a version that nobody calls too old is given up', async () => {
    api.watchFaults.push(...times(3, { kind: 'status', status: 504 }));
    await started();
    await clock.advance(MINUTE);
    expect(api.calls.map(({ kind }) => kind)).toEqual(['list', 'watch', 'watch', 'watch', 'list', 'watch']);
  });

  it('waits as long as the server asks', async () => {
    api.listFaults.push({ kind: 'status', status: 429, retryAfter: 20 });
    await started();
    await clock.advance(19_999);
    expect(api.count('list')).toBe(1);
    await clock.advance(1);
    expect(api.count('list')).toBe(2);
  });

  it('pauses grow to half a minute, and start over after a good spell', async () => {
    api.listFaults.push(...times(12, { kind: 'unreachable' }));
    await started();
    await clock.runUntil(() => api.count('watch') === 1, 10 * MINUTE);
    const at = api.calls.filter(({ kind }) => kind === 'list').map((call) => call.at);
    const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    for (const [i, pause] of pauses.entries()) {
      const longest = Math.min(30_000, 500 * 2 ** i);
      expect(pause).toBeGreaterThanOrEqual(longest / 2);
      expect(pause).toBeLessThanOrEqual(longest);
    }
    // The watch that is open now ends well after some minutes; the trouble after it is new trouble.
    api.watchFaults.push({ kind: 'unreachable' });
    await clock.runUntil(() => api.count('watch') === 2, 11 * MINUTE);
    const before = clock.monotonic();
    await clock.runUntil(() => api.count('watch') === 3, MINUTE);
    expect(clock.monotonic() - before).toBeLessThanOrEqual(500);
  });

  const line = (type: string, object: unknown): string => JSON.stringify({ type, object });

  it.each<[string, string[], string]>([
    [
      'an ERROR event',
      [line('ERROR', { kind: 'Status', code: 500, message: 'etcd is down' })],
      'etcd is down (500 InternalError)',
    ],
    ['an ERROR event without a status', [line('ERROR', {})], 'without saying which'],
    ['a line that is not JSON', ['{"type": "ADD'], 'not JSON'],
    ['a line that is null', ['null'], 'without an object'],
    ['an event without an object', [line('ADDED', null)], 'without an object'],
    ['an object without a name', [line('ADDED', { metadata: {} })], 'without a name'],
    ['a type that does not exist', [line('MOVED', { metadata: { name: 'a' } })], 'of a type that does not exist'],
    ['a bookmark without a version', [line('BOOKMARK', { metadata: {} })], 'without a resourceVersion'],
  ])('%s is reported, and what it may have hidden is listed', async (_, lines, words) => {
    api.watchFaults.push({ kind: 'lines', lines });
    await started();
    expect(troubles.map(String).join()).toContain(words);
    api.compact();
    api.put('a', 1);
    await clock.advance(1_000);
    expect(api.count('list')).toBe(2);
    expect(seen()).toEqual({ a: 1 });
  });

  it('an ERROR event that says Expired is the ordinary way to be told to list', async () => {
    api.watchFaults.push({ kind: 'lines', lines: [line('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })] });
    await started();
    await clock.advance(1_000);
    expect(api.calls.map(({ kind }) => kind)).toEqual(['list', 'watch', 'list', 'watch']);
  });

  it('events that come twice or late take nothing back', async () => {
    const old = api.put('a', 1);
    api.put('a', 2);
    api.put('b', 1);
    const gone = { ...old, metadata: { ...old.metadata, name: 'c', uid: 'uid-c' } };
    const lines = [line('MODIFIED', old), line('ADDED', gone), line('DELETED', old)];
    api.watchFaults.push({ kind: 'lines', lines });
    await started();
    expect(seen()).toEqual({ a: 2, b: 1 });
    expect(changes).toEqual(['added ns/a 2', 'added ns/b 1']);
  });

  it('a listener that throws harms neither the copy nor the other listeners', async () => {
    reflector.onChange(() => {
      throw new Error('bad listener');
    });
    const heard: string[] = [];
    const leave = reflector.onChange(({ key }) => heard.push(key));
    api.put('a', 1);
    await started();
    api.put('b', 1);
    await clock.advance(0);
    expect(seen()).toEqual({ a: 1, b: 1 });
    expect(heard).toEqual(['ns/a', 'ns/b']);
    expect(troubles.map(String)).toEqual(['Error: bad listener', 'Error: bad listener']);
    leave();
    api.put('c', 1);
    await clock.advance(0);
    expect(heard).toHaveLength(2);
  });
});

describe('stopping', () => {
  it.each<[string, Partial<Record<'list' | 'watch', Fault>>]>([
    ['while the list is under way', { list: { kind: 'hang' } }],
    ['while the headers of the watch are under way', { watch: { kind: 'hang' } }],
    ['while the watch is silent', { watch: { kind: 'silent' } }],
    ['while it watches', {}],
    ['while it pauses', { list: { kind: 'unreachable' } }],
  ])('%s ends everything and is no trouble', async (_, { list, watch }) => {
    if (list) api.listFaults.push(list);
    if (watch) api.watchFaults.push(watch);
    await started();
    troubles.length = 0;
    await reflector.stop();
    const calls = api.calls.length;
    expect(clock.untilNext()).toBeUndefined();
    await clock.advance(60 * MINUTE);
    expect(api.calls).toHaveLength(calls);
    expect(api.openWatches).toBe(0);
    expect(troubles).toEqual([]);
  });

  it.each(['list', 'watch'] as const)('an answer to a %s that comes too late is not written', async (kind) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (kind === 'list') api.put('a', 1);
    (kind === 'list' ? api.listFaults : api.watchFaults).push({ kind: 'late', until: promise });
    await started();
    if (kind === 'watch') api.put('a', 1);
    let stopped = false;
    const stop = reflector.stop().then(() => (stopped = true));
    await clock.advance(0);
    expect(stopped).toBe(false);
    resolve();
    await stop;
    expect(seen()).toEqual({});
    expect(changes).toEqual([]);
  });

  it('whoever waits for the first list is told', async () => {
    api.listFaults.push({ kind: 'hang' });
    reflector.start();
    const synced = reflector.synced;
    await reflector.stop();
    await expect(synced).rejects.toThrow('stopped before it was synced');
  });

  it('is for good, and may be asked for more than once, also before the start', async () => {
    await reflector.stop();
    await reflector.stop();
    expect(() => reflector.start()).toThrow('cannot be started again');
    expect(api.calls).toEqual([]);
  });

  it('starting twice starts one', async () => {
    reflector.start();
    reflector.start();
    await clock.advance(MINUTE);
    expect(api.calls.map(({ kind }) => kind)).toEqual(['list', 'watch']);
  });
});

describe('whatever happens', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const fault: fc.Arbitrary<Fault> = fc.oneof(
    fc.record({ kind: fc.constant('status' as const), status: fc.constantFrom(403, 410, 429, 500, 503, 504) }),
    fc.constantFrom<Fault>({ kind: 'unreachable' }, { kind: 'closeAtOnce' }, { kind: 'silent' }),
    fc.record({ kind: fc.constant('breakAfter' as const), lines: fc.nat(2) }),
    fc.constantFrom<Fault>(
      { kind: 'lines', lines: ['garbage'] },
      { kind: 'lines', lines: ['{"type":"ERROR","object":{"kind":"Status","code":500}}'] },
      // Of a server that lags behind: from before all that was ever listed.
      { kind: 'lines', lines: [lineOf('MODIFIED', 'uid-1', 50), lineOf('DELETED', 'uid-1', 51)] },
      { kind: 'lines', lines: [lineOf('ADDED', 'uid-of-before', 52)] },
    ),
  );
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), name, value: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('listFault' as const), fault }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('watchFault' as const), fault }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 400, 5_000, 90_000, 700_000) }),
    },
  );

  it('the copy becomes what the server has, and the changes told add up to the copy', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 30 }),
        fc.integer(),
        fc.boolean(),
        fc.constantFrom(undefined, 45_000),
        async (events, seed, bookmarks, checkMs) => {
          const clock = new VirtualClock(0, soon);
          const api = new FakeApi(clock);
          api.bookmarks = bookmarks;
          const options = { clock, random: seededRandom(seed), checkMs };
          const reflector = new Reflector(new ResourceClient<Thing>(api, THING), options);
          const told = new Map<string, Thing>();
          reflector.onChange((change) => follow(told, change));
          reflector.start();
          for (const step of events) {
            if (step.do === 'put') api.put(step.name, step.value);
            if (step.do === 'remove') api.remove(step.name);
            if (step.do === 'compact') api.compact();
            if (step.do === 'listFault') api.listFaults.push(step.fault);
            if (step.do === 'watchFault') api.watchFaults.push(step.fault);
            if (step.do === 'wait') await clock.advance(step.ms);
            expect(contentsOf(told.values())).toEqual(contentsOf(reflector.store.values()));
          }
          // Each fault still to come costs at most a silence and a pause; and no fault makes it storm the server.
          const faults = api.listFaults.length + api.watchFaults.length;
          await clock.advance((faults + 1) * 15 * MINUTE);
          expect(contentsOf(reflector.store.values())).toEqual(api.contents());
          expect(contentsOf(told.values())).toEqual(api.contents());
          const minutes = clock.monotonic() / MINUTE;
          const calls = api.calls.filter(({ query }) => query['timeoutSeconds'] !== 1);
          expect(calls.length).toBeLessThanOrEqual(10 + 3 * events.length + minutes);
          expect(api.calls.length - calls.length).toBeLessThanOrEqual((minutes * MINUTE) / 45_000);
          await reflector.stop();
          expect(api.openWatches).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it('stopped at any moment it leaves no watch and no timer, and tells nothing more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), fc.integer(), async (events, seed) => {
        const clock = new VirtualClock(0, soon);
        const api = new FakeApi(clock);
        const reflector = new Reflector(new ResourceClient<Thing>(api, THING), { clock, random: seededRandom(seed) });
        let told = 0;
        reflector.onChange(() => told++);
        reflector.start();
        for (const step of events) {
          if (step.do === 'put') api.put(step.name, step.value);
          if (step.do === 'remove') api.remove(step.name);
          if (step.do === 'compact') api.compact();
          if (step.do === 'listFault') api.listFaults.push(step.fault);
          if (step.do === 'watchFault') api.watchFaults.push(step.fault);
          if (step.do === 'wait') await clock.advance(step.ms);
        }
        const [before, calls] = [told, api.calls.length];
        await reflector.stop();
        expect(clock.untilNext()).toBeUndefined();
        api.put('a', 10);
        await clock.advance(60 * MINUTE);
        expect({ told, calls: api.calls.length, open: api.openWatches }).toEqual({ told: before, calls, open: 0 });
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

function lineOf(type: string, uid: string, version: number): string {
  const metadata = { name: 'a', namespace: 'ns', uid, resourceVersion: String(version) };
  return JSON.stringify({ type, object: { apiVersion: 'test.io/v1', kind: 'Thing', metadata, value: 99 } });
}

/** Applies a change as a consumer would, and complains when it does not fit what was told before. */
function follow(told: Map<string, Thing>, { kind, key, object, before }: Change<Thing>): void {
  const known = told.get(key);
  expect(known).toEqual(kind === 'added' ? undefined : before);
  expect(known?.metadata.uid).toBe(kind === 'added' ? undefined : object.metadata.uid);
  if (kind === 'deleted') told.delete(key);
  else told.set(key, object);
}

/** All of this world runs on promises alone, so a few turns of the event loop are enough. */
async function soon(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
