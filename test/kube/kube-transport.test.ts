import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import type { KubeRequest, Transport } from '../../src/kube/transport.ts';
import { base64, configFor } from './kube-config.ts';
import { type Handler, json, type LoopbackServer, loopbackServer } from './loopback-server.ts';
import { privateServerIdentity, type ServerIdentity } from './private-ca.ts';

const GET: KubeRequest = { method: 'GET', path: '/api' };
const POST: KubeRequest = { method: 'POST', path: '/api', body: {} };

let folder: string;
const servers: LoopbackServer[] = [];
const transports: Transport[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kube-transport-'));
});

afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
  for (const server of servers.splice(0)) await server.stop();
  rmSync(folder, { recursive: true });
});

async function serve(handler: Handler, identity?: ServerIdentity): Promise<LoopbackServer> {
  const server = await loopbackServer(handler, identity);
  servers.push(server);
  return server;
}

function connect(
  server: { readonly url: string },
  parts: Parameters<typeof configFor>[1] = {},
  clock: Clock = systemClock,
): Transport {
  const transport = kubeTransport(configFor(server.url, parts), {
    clock,
    userAgent: 'amifleet/test',
    random: seededRandom(1),
  });
  transports.push(transport);
  return transport;
}

/** Pauses between tries pass at once and are written down; the time limits of the tries themselves are real. */
function hurriedClock(): { readonly clock: Clock; readonly pauses: number[] } {
  const pauses: number[] = [];
  const after: Clock['after'] = (ms, run) => {
    if (ms >= 30_000) return systemClock.after(ms, run);
    pauses.push(ms);
    return systemClock.after(0, run);
  };
  return { clock: { ...systemClock, after }, pauses };
}

async function failureOf(promise: Promise<unknown>): Promise<KubeError> {
  const error: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}

describe('connections', () => {
  it.each([
    ['http', undefined],
    ['https with a private authority', privateServerIdentity()],
  ])('50 calls one after the other share one connection: %s', async (_, identity) => {
    const server = await serve((_, response) => json(response, 200, {}), identity);
    const transport = connect(server, { cluster: identity ? { caData: base64(identity.ca) } : {} });
    for (let i = 0; i < 50; i++) await (await transport.send(GET)).text();
    expect(server.requests).toHaveLength(50);
    expect(server.connections()).toBe(1);
  });

  it('refuses a server whose authority it was not given, at once and with advice', async () => {
    const server = await serve((_, response) => json(response, 200, {}), privateServerIdentity());
    const { clock, pauses } = hurriedClock();
    const error = await failureOf(connect(server, {}, clock).send(GET));
    expect(error).toMatchObject({ status: 0, reason: 'Unreachable' });
    expect(error.message).toContain('check certificate-authority');
    expect(pauses).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  it('uses a certificate authority that changes on disk for new calls, and leaves a watch on the old one alone', async () => {
    const identity = privateServerIdentity();
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, identity.ca);
    let watch: http.ServerResponse | undefined;
    const server = await serve((request, response) => {
      if (!request.url.includes('watch')) return json(response, 200, {});
      watch = response;
      response.writeHead(200).write('first\n');
    }, identity);
    const transport = connect(server, { cluster: { caFile } });
    const lines = (await transport.send({ ...GET, query: { watch: true } })).lines()[Symbol.asyncIterator]();
    expect(await lines.next()).toEqual({ done: false, value: 'first' });
    await (await transport.send(GET)).text();
    await (await transport.send(GET)).text();
    expect(server.connections()).toBe(2);

    writeFileSync(caFile, privateServerIdentity().ca + identity.ca);
    await (await transport.send(GET)).text();
    expect(server.connections()).toBe(3);
    await vi.waitFor(() => expect(server.openConnections()).toBe(2));
    watch?.end('second\n');
    expect(await lines.next()).toEqual({ done: false, value: 'second' });
    expect(await lines.next()).toEqual({ done: true, value: undefined });

    // An authority that does not know the server: the old connection must not be used on.
    writeFileSync(caFile, privateServerIdentity().ca);
    expect(await failureOf(transport.send(GET))).toMatchObject({ reason: 'Unreachable' });
  });

  it('goes through the proxy of the kubeconfig', async () => {
    const identity = privateServerIdentity();
    const server = await serve((_, response) => json(response, 200, {}), identity);
    const asked: string[] = [];
    const proxy = http.createServer();
    proxy.on('connect', (request, client: net.Socket) => {
      asked.push(request.url ?? '');
      const upstream = net.connect(Number(new URL(server.url).port), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    try {
      const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const transport = connect(server, { cluster: { caData: base64(identity.ca), proxyUrl } });
      for (let i = 0; i < 3; i++) expect((await transport.send(GET)).status).toBe(200);
      expect(asked[0]).toBe(new URL(server.url).host);
    } finally {
      await transports.pop()?.close();
      proxy.close();
    }
  });

  it('close ends the calls under way and leaves no connection', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/watch') response.writeHead(200).write('first\n');
    });
    const transport = connect(server);
    const silent = failureOf(transport.send(GET));
    const lines = (await transport.send({ ...GET, path: '/watch' })).lines()[Symbol.asyncIterator]();
    await lines.next();
    await server.arrived(2);
    await transport.close();
    expect((await silent).message).toContain('closed by us');
    expect((await failureOf(lines.next())).reason).toBe('Unreachable');
    expect((await failureOf(transport.send(GET))).reason).toBe('Unreachable');
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
  });
});

describe('requests', () => {
  it('sends method, path under the prefix of the server, query, body and user agent', async () => {
    const server = await serve((_, response) => json(response, 201, { made: true }, { 'x-odd': 'yes' }));
    const transport = connect({ url: `${server.url}/k8s/clusters/c-1` }, { user: { impersonateUser: 'someone' } });
    const response = await transport.send({
      method: 'PATCH',
      path: '/apis/a%2Fb',
      query: { force: true, limit: 5, labelSelector: 'a=b,c', left: undefined },
      body: { text: 'ä' },
      contentType: 'application/apply-patch+yaml',
    });
    expect(response.status).toBe(201);
    expect(response.headers['x-odd']).toBe('yes');
    expect(JSON.parse(await response.text())).toEqual({ made: true });
    expect(server.requests).toEqual([
      {
        method: 'PATCH',
        url: '/k8s/clusters/c-1/apis/a%2Fb?force=true&limit=5&labelSelector=a%3Db%2Cc',
        headers: expect.objectContaining({
          'user-agent': 'amifleet/test',
          accept: 'application/json',
          'content-type': 'application/apply-patch+yaml',
          'impersonate-user': 'someone',
          'content-length': '13',
        }),
        body: '{"text":"ä"}',
      },
    ]);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)(
    'a %s with a body says how long it is, so that the next request on the connection is understood',
    async (method) => {
      const server = await serve((_, response) => json(response, 200, {}));
      const transport = connect({ url: server.url });
      await (await transport.send({ method, path: '/a', body: { name: 'ä' } })).text();
      await (await transport.send({ method: 'GET', path: '/b' })).text();
      expect(server.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
        [method, '/a', '{"name":"ä"}'],
        ['GET', '/b', ''],
      ]);
      expect(server.connections()).toBe(1);
    },
  );

  it('reads lines as they come, also when a character comes in two pieces', async () => {
    const server = await serve((_, response) => {
      const bytes = Buffer.from('eins\nzwölf\n\nend');
      response.writeHead(200);
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    });
    const lines: string[] = [];
    for await (const line of (await connect(server).send(GET)).lines()) lines.push(line);
    expect(lines).toEqual(['eins', 'zwölf', '', 'end']);
  });

  it('leaving the lines early closes the connection', async () => {
    const server = await serve((_, response) => response.writeHead(200).write('one\ntwo\n'));
    for await (const line of (await connect(server).send(GET)).lines()) {
      expect(line).toBe('one');
      break;
    }
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
  });

  it('a body that breaks off is an error, not a short body', async () => {
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"items": [', () => response.destroy());
    });
    const transport = connect(server);
    expect(await failureOf(transport.send(GET).then((response) => response.text()))).toMatchObject({
      reason: 'Unreachable',
    });
    const lines = (await transport.send(GET)).lines()[Symbol.asyncIterator]();
    expect(await failureOf(lines.next())).toMatchObject({ reason: 'Unreachable' });
  });
});

describe('time limits and aborts', () => {
  it('a try that is not answered in time fails, and takes its connection with it', async () => {
    const server = await serve(() => undefined);
    const clock = new VirtualClock(0);
    const call = failureOf(connect(server, {}, clock).send({ ...GET, tries: 1 }));
    await server.arrived(1);
    await clock.advance(29_999);
    expect(server.openConnections()).toBe(1);
    await clock.advance(1);
    expect(await call).toMatchObject({ status: 0, reason: 'Timeout', message: expect.stringContaining('within 30 s') });
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
  });

  it('the time limit holds for the whole of a body', async () => {
    const server = await serve((_, response) => response.writeHead(200).write('{'));
    const clock = new VirtualClock(0);
    const response = await connect(server, {}, clock).send({ ...GET, timeoutMs: 5_000 });
    const text = failureOf(response.text());
    await clock.advance(5_000);
    expect(await text).toMatchObject({ reason: 'Timeout' });
  });

  it('a silent watch is left alone for as long as it lasts', async () => {
    let watch: http.ServerResponse | undefined;
    const server = await serve((_, response) => {
      watch = response;
      response.writeHead(200).flushHeaders();
    });
    const clock = new VirtualClock(0);
    const lines = (await connect(server, {}, clock).send(GET)).lines()[Symbol.asyncIterator]();
    const next = lines.next();
    await clock.advance(3_600_000);
    watch?.end('at last\n');
    expect(await next).toEqual({ done: false, value: 'at last' });
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });

  it('aborts before the headers of the answer are there', async () => {
    const server = await serve(() => undefined);
    const stop = new AbortController();
    const call = connect(server).send({ ...GET, signal: stop.signal });
    await server.arrived(1);
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
  });

  it('aborts while lines are read', async () => {
    const server = await serve((_, response) => response.writeHead(200).write('one\n'));
    const stop = new AbortController();
    const lines = (await connect(server).send({ ...GET, signal: stop.signal })).lines()[Symbol.asyncIterator]();
    await lines.next();
    const next = lines.next();
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
  });

  it('aborts a pause between two tries', async () => {
    const server = await serve((_, response) => json(response, 503, {}));
    const stop = new AbortController();
    const call = connect(server, {}, new VirtualClock(0)).send({ ...GET, signal: stop.signal });
    await server.arrived(1);
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  it('does not even begin with a signal that is aborted', async () => {
    const server = await serve((_, response) => json(response, 200, {}));
    await expect(connect(server).send({ ...GET, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
    expect(server.connections()).toBe(0);
  });

  it('puts no more than one listener for each call on a signal, and takes it off', async () => {
    const server = await serve((_, response) => json(response, 200, {}));
    const warned = vi.fn<(warning: Error) => void>();
    process.on('warning', warned);
    const { signal } = new AbortController();
    const transport = connect(server);
    for (let i = 0; i < 20; i++) await (await transport.send({ ...GET, signal })).text();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });
});

describe('trying again', () => {
  const answers = (...statuses: readonly (number | 'reset')[]): Handler => {
    let n = 0;
    return (_, response) => {
      const status = statuses[Math.min(n++, statuses.length - 1)] ?? 200;
      if (status === 'reset') response.socket?.resetAndDestroy();
      else json(response, status, {});
    };
  };

  it.each<[string, KubeRequest, (number | 'reset')[], number, number | string]>([
    ['a read that the server fails', GET, [500, 502, 503, 200], 4, 200],
    ['a read that fails for ever', GET, [503], 4, 503],
    ['as often as the caller wants', { ...GET, tries: 2 }, [503], 2, 503],
    ['not what the server will never do', GET, [501, 200], 1, 501],
    ['not what is refused', GET, [403, 200], 1, 403],
    ['not what conflicts', { ...GET, method: 'PATCH' }, [409, 200], 1, 409],
    ['a read whose connection breaks', GET, ['reset', 200], 2, 200],
    [
      'an apply whose connection breaks',
      { ...POST, method: 'PATCH', contentType: 'application/apply-patch+yaml' },
      ['reset', 200],
      2,
      200,
    ],
    ['a deletion whose connection breaks', { ...GET, method: 'DELETE' }, ['reset', 404], 2, 404],
    ['not a creation whose connection breaks: it may be there', POST, ['reset', 200], 1, 'Unreachable'],
    ['not a creation that the server fails: it may be there', POST, [500, 200], 1, 500],
    [
      'not a JSON patch that the server fails',
      { ...POST, method: 'PATCH', contentType: 'application/json-patch+json' },
      [500, 200],
      1,
      500,
    ],
    ['a creation that was turned away', POST, [429, 201], 2, 201],
  ])('%s', async (_, request, statuses, sent, expected) => {
    const server = await serve(answers(...statuses));
    const { clock, pauses } = hurriedClock();
    const outcome = await connect(server, {}, clock)
      .send(request)
      .then(
        async (response) => (await response.text(), response.status),
        (error: KubeError) => error.reason,
      );
    expect(outcome).toBe(expected);
    expect(server.requests).toHaveLength(sent);
    expect(pauses).toHaveLength(sent - 1);
    for (const [i, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(100 * 2 ** i);
      expect(pause).toBeLessThanOrEqual(200 * 2 ** i);
    }
  });

  it('who watches is told of each try, also of one that nobody answers', async () => {
    const server = await serve(answers(503, 'reset', 200));
    const tries: object[] = [];
    const { clock } = hurriedClock();
    const transport = kubeTransport(configFor(server.url), {
      clock,
      userAgent: 'amifleet/test',
      random: seededRandom(1),
      onTry: (made) => tries.push(made),
    });
    transports.push(transport);
    expect((await transport.send(GET)).status).toBe(200);
    expect(tries).toEqual([
      { method: 'GET', status: 503 },
      { method: 'GET', status: undefined },
      { method: 'GET', status: 200 },
    ]);
  });

  it('waits as long as the server asks, and a little longer', async () => {
    let n = 0;
    const server = await serve((_, response) => json(response, n++ === 0 ? 429 : 200, {}, { 'retry-after': '3' }));
    const { clock, pauses } = hurriedClock();
    expect((await connect(server, {}, clock).send(GET)).status).toBe(200);
    expect(pauses).toHaveLength(1);
    expect(pauses[0]).toBeGreaterThanOrEqual(3_000);
    expect(pauses[0]).toBeLessThanOrEqual(3_200);
  });

  it('hands a request for much patience to the caller', async () => {
    const server = await serve((_, response) => json(response, 429, {}, { 'retry-after': '600' }));
    const { clock, pauses } = hurriedClock();
    const response = await connect(server, {}, clock).send(GET);
    expect(response.status).toBe(429);
    expect(pauses).toEqual([]);
  });

  it('also a creation, where no connection could be made at all', async () => {
    const server = await loopbackServer((_, response) => json(response, 201, {}));
    await server.stop();
    const { clock, pauses } = hurriedClock();
    const error = await failureOf(connect(server, {}, clock).send(POST));
    expect(error).toMatchObject({ status: 0, reason: 'Unreachable' });
    expect(error.message).toMatch(/^POST \/api: cannot reach http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/);
    expect(pauses).toHaveLength(3);
  });
});

describe('credentials', () => {
  const withToken =
    (good: () => string): Handler =>
    (request, response) =>
      json(response, request.headers.authorization === `Bearer ${good()}` ? 200 : 401, {});

  it('a token file is read again as soon as the server refuses the token', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'first-token\n');
    let good = 'first-token';
    const server = await serve(withToken(() => good));
    const transport = connect(server, { user: { authProvider: { name: 'tokenFile', config: { tokenFile } } } });
    expect((await transport.send(GET)).status).toBe(200);
    good = 'second-token';
    writeFileSync(tokenFile, good);
    expect((await transport.send(POST)).status).toBe(200);
    expect(server.requests).toHaveLength(3);
  });

  it('a server that refuses everything is asked twice, then once a call', async () => {
    const server = await serve((_, response) => json(response, 401, {}));
    const transport = connect(server, { user: { token: 'secret' } });
    for (let i = 0; i < 3; i++) expect((await transport.send(GET)).status).toBe(401);
    expect(server.requests).toHaveLength(4);
  });

  it('user and password', async () => {
    const server = await serve((_, response) => json(response, 200, {}));
    await connect(server, { user: { username: 'me', password: 'pass' } }).send(GET);
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${base64('me:pass')}`);
  });

  it('a credential plugin runs once for many calls', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'plugin-token' },
    };
    const runs = join(folder, 'runs');
    const script = `require('fs').appendFileSync(${JSON.stringify(runs)}, 'x'); console.log(${JSON.stringify(JSON.stringify(credential))})`;
    const server = await serve(withToken(() => 'plugin-token'));
    const transport = connect(server, { user: { exec: { command: process.execPath, args: ['-e', script] } } });
    for (let i = 0; i < 3; i++) expect((await transport.send(GET)).status).toBe(200);
    const { readFileSync } = await import('node:fs');
    expect(readFileSync(runs, 'utf8')).toBe('x');
  });

  it.each([
    ['a plugin that is not there', { exec: { command: 'no-such-plugin' } }, 'no-such-plugin is not installed'],
    [
      'a plugin that prints a token and no JSON',
      { exec: { command: process.execPath, args: ['-e', 'console.log("sekret-token")'] } },
      'failed: run it by hand',
    ],
    [
      'a plugin that fails, with a token in its complaint',
      { exec: { command: process.execPath, args: ['-e', 'console.error("sekret-token"); process.exit(1)'] } },
      'failed: run it by hand',
    ],
    [
      'a token file that is not there',
      { authProvider: { name: 'tokenFile', config: { tokenFile: '/nowhere/token' } } },
      '/nowhere/token cannot be read (ENOENT)',
    ],
    [
      'a token that no header can hold',
      { token: 'sekret\ntoken' },
      'Invalid character in header content ["Authorization"]',
    ],
  ])('%s: says so, and keeps what is secret', async (_, user, words) => {
    const server = await serve((_, response) => json(response, 200, {}));
    const error = await failureOf(connect(server, { user }).send(GET));
    expect(error).toMatchObject({ status: 0, reason: 'CredentialsUnavailable' });
    expect(error.message).toContain(words);
    expect(`${error.stack} ${String(error.cause)} ${JSON.stringify(error)}`).not.toContain('sekret');
    expect(server.requests).toEqual([]);
  });
});
