import { Registry } from '@prometheus-io/client';
import { afterEach, expect, it } from 'vitest';
import { type ProbeServer, serveProbes } from '../../src/server/probe-server.ts';

let server: ProbeServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function ask(path: string, verdicts: { readonly unready?: string; readonly unwell?: string } = {}) {
  server = await serveProbes('127.0.0.1:0', {
    registry: new Registry(),
    unready: () => verdicts.unready,
    unwell: () => verdicts.unwell,
  });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, text: await response.text() };
}

it.each([
  ['/readyz', {}, 200, 'ok\n'],
  ['/readyz', { unready: 'the cache is stale' }, 503, 'the cache is stale\n'],
  ['/readyz', { unwell: 'late' }, 200, 'ok\n'],
  ['/livez', {}, 200, 'ok\n'],
  ['/livez', { unwell: 'late' }, 503, 'late\n'],
  // Whoever cannot reach the API server is not helped by a restart.
  ['/livez', { unready: 'the cache is stale' }, 200, 'ok\n'],
  ['/nothing', {}, 404, 'here are /metrics, /livez and /readyz\n'],
])('%s with %j is %i', async (path, verdicts, status, text) => {
  expect(await ask(path, verdicts)).toEqual({ status, text });
});

it('refuses an address that is none, and says what one looks like', async () => {
  const probed = { registry: new Registry(), unready: () => undefined, unwell: () => undefined };
  await expect(serveProbes('nowhere', probed)).rejects.toThrow(
    '--metrics-address must be HOST:PORT, for example 127.0.0.1:9090, not nowhere',
  );
});
