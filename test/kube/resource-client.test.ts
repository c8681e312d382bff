import type http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { ResourceClient, type ResourceKind } from '../../src/kube/resource-client.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { THING, type Thing } from './fake-api.ts';
import { configFor } from './kube-config.ts';
import { json, type LoopbackServer, loopbackServer, type SeenRequest } from './loopback-server.ts';

const NODES: ResourceKind = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };
const THINGS = '/apis/test.io/v1/namespaces/ns/things';

let answer: (request: SeenRequest, response: http.ServerResponse) => void;
let server: LoopbackServer;
let transport: Transport;
let things: ResourceClient<Thing>;
let nodes: ResourceClient<Thing>;

beforeEach(async () => {
  server = await loopbackServer((request, response) => answer(request, response));
  transport = kubeTransport(configFor(server.url), { clock: systemClock, userAgent: 'amifleet/test' });
  things = new ResourceClient<Thing>(transport, THING);
  nodes = new ResourceClient<Thing>(transport, NODES);
  answer = (_, response) => json(response, 200, { metadata: { name: 'a' } });
});

afterEach(async () => {
  await transport.close();
  await server.stop();
});

const A: Thing = { metadata: { name: 'a', namespace: 'ns' }, value: 1 };
const refuse = (status: number, body: unknown): void => {
  answer = (_, response) => json(response, status, body);
};

describe('a call', () => {
  it.each<[string, () => Promise<unknown>, string, unknown]>([
    ['get', () => things.get('a', 'ns'), `GET ${THINGS}/a`, ''],
    ['get of the cluster', () => nodes.get('n-1'), 'GET /api/v1/nodes/n-1', ''],
    [
      'odd names are escaped',
      () => things.get('a/../b', 'n s'),
      'GET /apis/test.io/v1/namespaces/n%20s/things/a%2F..%2Fb',
      '',
    ],
    ['create', () => things.create(A), `POST ${THINGS}`, { apiVersion: 'test.io/v1', kind: 'Thing', ...A }],
    [
      'patch',
      () => things.patch('a', 'ns', { value: 2, gone: null }),
      `PATCH ${THINGS}/a application/merge-patch+json`,
      { value: 2, gone: null },
    ],
    [
      'apply',
      () => things.apply(A, { fieldManager: 'me' }),
      `PATCH ${THINGS}/a?fieldManager=me&force=false application/apply-patch+yaml`,
      { ...A, apiVersion: 'test.io/v1', kind: 'Thing' },
    ],
    [
      'apply of the status, of which nothing else is sent',
      () =>
        things.applyStatus(
          { metadata: { ...A.metadata, resourceVersion: '7' }, status: { ready: 1 } },
          { fieldManager: 'me', force: true },
        ),
      `PATCH ${THINGS}/a/status?fieldManager=me&force=true application/apply-patch+yaml`,
      {
        apiVersion: 'test.io/v1',
        kind: 'Thing',
        metadata: { name: 'a', namespace: 'ns', resourceVersion: '7' },
        status: { ready: 1 },
      },
    ],
    ['delete', () => things.delete('a', 'ns'), `DELETE ${THINGS}/a`, { apiVersion: 'v1', kind: 'DeleteOptions' }],
    [
      'delete of just this one',
      () => things.delete('a', 'ns', { uid: 'u-1' }),
      `DELETE ${THINGS}/a`,
      { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'u-1' } },
    ],
  ])('%s', async (_, call, line, body) => {
    await call();
    const [{ method, url, headers, body: sent }] = server.requests as [SeenRequest];
    const type = headers['content-type'] === 'application/json' ? undefined : headers['content-type'];
    expect([`${method} ${url}`, type].filter(Boolean).join(' ')).toBe(line);
    expect(sent === '' ? '' : JSON.parse(sent)).toEqual(body);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['without a namespace, where one is needed', () => things.get('a'), 'Thing a needs a namespace'],
    ['with one, where there is none', () => nodes.get('n-1', 'ns'), 'Node has no namespace, but ns was given'],
  ])('%s, is a mistake of ours and is not sent', async (_, call, message) => {
    await expect(call()).rejects.toThrow(new TypeError(message));
    expect(server.requests).toEqual([]);
  });
});

describe('what comes back', () => {
  it('is the object as the server has it, unknown fields and times as text included', async () => {
    const object = {
      metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
      value: 1,
      unknown: { x: [1] },
    };
    answer = (_, response) => json(response, 200, object);
    expect(await things.get('a', 'ns')).toEqual(object);
  });

  it.each<[string, string, string]>([
    ['no object', '"hello"', 'get things.test.io ns/a: the answer is not an object'],
    ['no JSON', '<html>sign in</html>', 'get things.test.io ns/a: the answer is not JSON'],
  ])('%s is a BadAnswer that quotes nothing', async (_, body, message) => {
    answer = (_, response) => response.writeHead(200).end(body);
    await expect(things.get('a', 'ns')).rejects.toMatchObject({ message, reason: 'BadAnswer' });
  });

  it('a list that is none is a BadAnswer', async () => {
    await expect(things.list({ namespace: 'ns' })).rejects.toMatchObject({
      message: 'list things.test.io in ns: the answer is not a list',
      reason: 'BadAnswer',
    });
  });
});

describe('a refusal', () => {
  it('says what was tried, on what, why, and is a value that programs can use', async () => {
    refuse(422, {
      kind: 'Status',
      code: 422,
      reason: 'Invalid',
      message: 'Thing "a" is invalid',
      details: { causes: [{ reason: 'FieldValueInvalid', field: 'spec.value', message: 'must be odd' }] },
    });
    const error: unknown = await things.create(A).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({
      message: 'create things.test.io ns/a: Thing "a" is invalid (422 Invalid)',
      status: 422,
      reason: 'Invalid',
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.value', message: 'must be odd' }],
    });
  });

  it('holds neither headers nor what was sent', async () => {
    refuse(403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' });
    const secret = { ...A, value: 12345, metadata: { ...A.metadata, annotations: { note: 'hush-hush' } } };
    const error = (await things.create(secret).catch((error: unknown) => error)) as KubeError;
    const everything = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.cause)}`;
    expect(everything).not.toMatch(/hush-hush|12345|amifleet\/test/);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['get', () => things.get('a', 'ns'), 'get things.test.io ns/a: no (403 Forbidden)'],
    ['list of all', () => things.list(), 'list things.test.io: no (403 Forbidden)'],
    ['list', () => things.list({ namespace: 'ns' }), 'list things.test.io in ns: no (403 Forbidden)'],
    ['core group', () => nodes.get('n-1'), 'get nodes n-1: no (403 Forbidden)'],
    ['patch', () => things.patch('a', 'ns', {}), 'patch things.test.io ns/a: no (403 Forbidden)'],
    [
      'status',
      () => things.applyStatus({ metadata: A.metadata, status: {} }, { fieldManager: 'me' }),
      'apply the status of things.test.io ns/a: no (403 Forbidden)',
    ],
    ['delete', () => things.delete('a', 'ns'), 'delete things.test.io ns/a: no (403 Forbidden)'],
    [
      'watch',
      () => things.watch({ resourceVersion: '1', timeoutSeconds: 1 }),
      'watch things.test.io: no (403 Forbidden)',
    ],
  ])('of a %s says so', async (_, call, message) => {
    refuse(403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' });
    await expect(call()).rejects.toThrow(message);
  });
});

describe('a list', () => {
  /** Serves things 0 to 4, two a page, and counts on `expired` to refuse a continue token. */
  const pages = (expired: (token: string) => boolean): void => {
    answer = ({ url }, response) => {
      const query = new URL(url, 'http://x').searchParams;
      const token = query.get('continue') ?? '';
      if (expired(token)) return json(response, 410, { kind: 'Status', code: 410, reason: 'Expired', message: 'old' });
      const from = Number(token);
      const limit = query.has('limit') ? Number(query.get('limit')) : 100;
      const items = [0, 1, 2, 3, 4]
        .slice(from, from + limit)
        .map((value) => ({ metadata: { name: `t-${value}` }, value }));
      const more = from + limit < 5 ? { continue: String(from + limit) } : {};
      return json(response, 200, { metadata: { resourceVersion: token === '' ? '10' : '11', ...more }, items });
    };
  };
  const values = (list: { readonly items: readonly Thing[] }): number[] => list.items.map(({ value }) => value);

  it('is read page by page, and its items say what they are', async () => {
    pages(() => false);
    const list = await things.list({ namespace: 'ns', labelSelector: 'a=b', fieldSelector: 'c=d', limit: 2 });
    expect(values(list)).toEqual([0, 1, 2, 3, 4]);
    expect(list.items[4]).toMatchObject({ apiVersion: 'test.io/v1', kind: 'Thing' });
    expect(server.requests.map(({ url }) => url)).toEqual(
      ['', '&continue=2', '&continue=4'].map(
        (token) => `${THINGS}?labelSelector=a%3Db&fieldSelector=c%3Dd&limit=2${token}`,
      ),
    );
  });

  it('that expires in the middle is read again in one piece, and nothing is in it twice', async () => {
    pages((token) => token === '4');
    const list = await things.list({ namespace: 'ns', limit: 2 });
    expect(values(list)).toEqual([0, 1, 2, 3, 4]);
    expect(list.resourceVersion).toBe('10');
    expect(server.requests).toHaveLength(4);
  });

  it('that is Gone from the start is an error', async () => {
    pages(() => true);
    await expect(things.list({ namespace: 'ns', limit: 2 })).rejects.toMatchObject({ reason: 'Expired' });
    expect(server.requests).toHaveLength(1);
  });

  it('that fails in the middle for another reason is no list at all', async () => {
    let asked = 0;
    answer = (_, response) =>
      ++asked === 1
        ? json(response, 200, { metadata: { resourceVersion: '1', continue: 'x' }, items: [A] })
        : json(response, 403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' });
    await expect(things.list()).rejects.toMatchObject({ reason: 'Forbidden' });
  });

  it('of nothing is empty, and a watch can go on from it', async () => {
    answer = (_, response) => json(response, 200, { metadata: { resourceVersion: '5', continue: '' }, items: [] });
    expect(await things.list()).toEqual({ items: [], resourceVersion: '5' });
  });
});

it('a watch asks for bookmarks and an end, and yields what comes', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(`${JSON.stringify({ type: 'ADDED', object: A })}\n`);
    response.end(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } })}\n`);
  };
  const events = [];
  for await (const event of await things.watch({ namespace: 'ns', resourceVersion: '7', timeoutSeconds: 300 })) {
    events.push(event);
  }
  expect(server.requests[0]?.url).toBe(
    `${THINGS}?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=300`,
  );
  expect(events).toEqual([
    { type: 'ADDED', object: A },
    { type: 'BOOKMARK', resourceVersion: '9' },
  ]);
});
