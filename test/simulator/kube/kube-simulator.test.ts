import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/ambient/random.ts';
import { VirtualClock } from '../../../src/ambient/virtual-clock.ts';
import { KubeSimulator, type Write } from '../../../src/simulator/kube/kube-simulator.ts';
import type { KubeSimAnswer } from '../../../src/simulator/kube/request.ts';

const POLICIES = '/apis/amifleet.io/v1alpha1/namespaces/default/amipolicies';
const policy = (name: string, metadata: object = {}): object => ({
  apiVersion: 'amifleet.io/v1alpha1',
  kind: 'AmiPolicy',
  metadata: { name, ...metadata },
  spec: {
    source: { account: '111122223333', region: 'us-east-1', images: { names: ['web-*'] } },
    regions: [{ name: 'us-east-1' }],
  },
});

interface Body {
  readonly metadata: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

function start(historyLimit?: number) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const kube = new KubeSimulator({
    clock,
    random: seededRandom(1),
    ...(historyLimit !== undefined && { historyLimit }),
  });
  const send = (
    method: string,
    url: string,
    body?: object,
    type = 'application/json',
  ): { status: number; body: Body } => {
    const headers = { 'content-type': type };
    const answer = kube.handle({ method, url, headers, ...(body && { body: JSON.stringify(body) }) });
    if (answer.kind !== 'answer') throw new Error(`no answer: ${answer.kind}`);
    return { status: answer.status, body: JSON.parse(answer.body) as Body };
  };
  const create = (name: string, metadata?: object): Body => send('POST', POLICIES, policy(name, metadata)).body;
  return { clock, kube, send, create };
}

/** What a watch tells, as it comes. */
function read(answer: KubeSimAnswer) {
  if (answer.kind !== 'stream') throw new Error(`no watch: ${answer.kind}`);
  const events: { type: string; object: Body & { code?: number } }[] = [];
  const end = (async () => {
    for await (const line of answer.lines) events.push(JSON.parse(line) as (typeof events)[number]);
    return 'ended';
  })().catch((error: unknown) => String(error));
  let state: string | undefined;
  void end.then((how) => (state = how));
  return { events, end, state: () => state };
}

const watchFrom = (version: string, more = ''): { method: string; url: string } => ({
  method: 'GET',
  url: `${POLICIES}?watch=true&resourceVersion=${version}${more}`,
});

describe('a watch', () => {
  it('from a version that is compacted away is told so, and ends', async () => {
    const { kube, create } = start();
    const { metadata } = create('a');
    kube.compact();
    const fresh = read(kube.handle(watchFrom(metadata['resourceVersion'] ?? '')));
    expect(fresh.state()).toBeUndefined();
    create('b');
    kube.compact();
    const { events, end } = read(kube.handle(watchFrom(metadata['resourceVersion'] ?? '')));
    expect(await end).toBe('ended');
    expect(events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
  });

  it('reaches back as many changes as are remembered', async () => {
    const { clock, kube, create } = start(3);
    const versions = ['a', 'b', 'c', 'd', 'e'].map((name) => create(name).metadata['resourceVersion'] ?? '');
    const since = versions.map((version) => read(kube.handle(watchFrom(version))));
    await clock.advance(0);
    expect(since.map(({ events }) => events.map(({ type, object }) => object.metadata['name'] ?? type))).toEqual([
      ['ERROR'],
      ['c', 'd', 'e'],
      ['d', 'e'],
      ['e'],
      [],
    ]);
  });

  it('sends a bookmark every minute and ends when it said it would', async () => {
    const { clock, kube, create } = start();
    const { metadata } = create('a');
    const watch = read(
      kube.handle(watchFrom(metadata['resourceVersion'] ?? '', '&allowWatchBookmarks=true&timeoutSeconds=130')),
    );
    await clock.advance(129_000);
    expect(watch.events.map(({ type }) => type)).toEqual(['BOOKMARK', 'BOOKMARK']);
    expect(watch.state()).toBeUndefined();
    await clock.advance(1_000);
    expect(watch.state()).toBe('ended');
    expect(clock.untilNext()).toBeUndefined();
  });

  it('breaks when it is cut, and tells nothing when it is silent', async () => {
    const { clock, kube, create } = start();
    const { metadata } = create('a');
    const cut = read(kube.handle(watchFrom(metadata['resourceVersion'] ?? '')));
    kube.cutWatches();
    expect(await cut.end).toBe('Error: the watch was cut');
    const silent = read(kube.handle(watchFrom(metadata['resourceVersion'] ?? '')));
    kube.silenceWatches();
    create('b');
    await clock.advance(60_000);
    expect(silent.events).toEqual([]);
    expect(silent.state()).toBeUndefined();
  });

  it('ends when its reader goes away', async () => {
    const { clock, kube, create } = start();
    const { metadata } = create('a');
    const abort = new AbortController();
    const watch = read(kube.handle({ ...watchFrom(metadata['resourceVersion'] ?? ''), signal: abort.signal }));
    abort.abort();
    expect(await watch.end).toBe('ended');
    expect(clock.untilNext()).toBeUndefined();
  });
});

describe('a list in pages', () => {
  it('expires when its moment is compacted away', () => {
    const { kube, send, create } = start();
    for (const name of ['a', 'b', 'c']) create(name);
    const { body } = send('GET', `${POLICIES}?limit=1`);
    create('d');
    kube.compact();
    const next = send('GET', `${POLICIES}?limit=1&continue=${body.metadata['continue']}`);
    expect(next).toMatchObject({ status: 410, body: { reason: 'Expired' } });
  });
});

describe('a fault', () => {
  it.each([
    ['throttle', 429, 404],
    ['server-error', 500, 404],
    ['conflict', 409, 404],
    ['reset-before', 'reset', 404],
    ['silent-before', 'silence', 404],
    ['reset-after', 'reset', 200],
    ['silent-after', 'silence', 200],
  ] as const)('%s is met once, and leaves the object as it should', (kind, seen, after) => {
    const { kube, send } = start();
    kube.setFaults([{ kind, verb: 'create', resource: 'amipolicies' }]);
    const headers = { 'content-type': 'application/json' };
    const answer = kube.handle({ method: 'POST', url: POLICIES, headers, body: JSON.stringify(policy('a')) });
    expect(answer.kind === 'answer' ? answer.status : answer.kind).toBe(seen);
    expect(send('GET', `${POLICIES}/a`).status).toBe(after);
    expect(send('POST', POLICIES, policy('b')).status).toBe(201);
  });

  it('is met where and as often as it says', () => {
    const { kube, send, create } = start();
    create('a');
    kube.setFaults([{ kind: 'throttle', verb: 'get', skip: 1, times: 2 }]);
    const statuses = [0, 1, 2, 3].map(() => send('GET', `${POLICIES}/a`).status);
    expect(statuses).toEqual([200, 429, 429, 200]);
  });
});

describe('whoever listens for writes', () => {
  it('hears what was written, and of nothing else', () => {
    const { kube, send, create } = start();
    const heard: Write[] = [];
    const stop = kube.onWrite((write) => heard.push(write));
    create('a');
    send('POST', `${POLICIES}?dryRun=All`, policy('b'));
    send('PATCH', `${POLICIES}/a`, { spec: { suspend: true } }, 'application/merge-patch+json');
    send('PATCH', `${POLICIES}/a`, { spec: { suspend: true } }, 'application/merge-patch+json');
    send('DELETE', `${POLICIES}/a`);
    stop();
    create('c');
    expect(heard.map(({ resource, before, after }) => [resource, before?.['spec'], after?.['spec']])).toMatchObject([
      ['amipolicies.amifleet.io', undefined, { suspend: false }],
      ['amipolicies.amifleet.io', { suspend: false }, { suspend: true }],
      ['amipolicies.amifleet.io', { suspend: true }, undefined],
    ]);
  });
});

describe('a namespace that is deleted', () => {
  it('takes its content with it, and waits for finalizers in it', () => {
    const { send } = start();
    send('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
    const policies = POLICIES.replace('default', 'team');
    send('POST', policies, policy('a'));
    send('POST', policies, policy('b', { finalizers: ['amifleet.io/images'] }));
    send('DELETE', '/api/v1/namespaces/team');
    expect(send('GET', `${policies}/a`).status).toBe(404);
    expect(send('GET', '/api/v1/namespaces/team').body).toMatchObject({ status: { phase: 'Terminating' } });
    expect(send('POST', policies, policy('c')).status).toBe(403);
    send('PATCH', `${policies}/b`, { metadata: { finalizers: null } }, 'application/merge-patch+json');
    expect(send('GET', '/api/v1/namespaces/team').status).toBe(404);
  });
});

describe('two servers of the same seed', () => {
  it('hand out the same ids', () => {
    const [one, other] = [start(), start()];
    expect(one.create('a')).toEqual(other.create('a'));
  });
});
