import * as fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import type { KubeRequest, Transport } from '../../src/kube/transport.ts';
import { configFor } from './kube-config.ts';
import { json, type LoopbackServer, loopbackServer } from './loopback-server.ts';

/** What befalls one try: an answer, with or without a Retry-After in seconds, or a connection that breaks. */
type Fate = { readonly status: number; readonly retryAfter?: number } | 'reset';

let server: LoopbackServer | undefined;
let transport: Transport | undefined;
afterEach(async () => {
  await transport?.close();
  await server?.stop();
});

/** The rules of the transport, said naively: the tries that are made, how each pause is bounded, and the end. */
function model(request: KubeRequest, fates: readonly Fate[]) {
  const isRepeatable = request.method !== 'POST' && request.contentType !== 'application/json-patch+json';
  const pauses: [least: number, most: number][] = [];
  for (let tried = 1; ; tried++) {
    const fate = fates[tried - 1] ?? { status: 200 };
    const end = fate === 'reset' ? 'Unreachable' : fate.status;
    const nothingDone = fate !== 'reset' && fate.status === 429;
    const isPassing = fate === 'reset' || (fate.status >= 500 && fate.status !== 501);
    const asked = fate === 'reset' ? undefined : fate.retryAfter;
    const again = tried < 4 && (nothingDone || (isPassing && isRepeatable)) && (asked === undefined || asked <= 10);
    if (!again) return { end, tried, pauses };
    const longest = Math.min(5000, 200 * 2 ** (tried - 1));
    pauses.push(asked === undefined ? [longest / 2, longest] : [asked * 1000, asked * 1000 + 200]);
  }
}

const fate = fc.oneof(
  fc.constant<Fate>('reset'),
  fc.record({ status: fc.constantFrom(200, 403, 404, 409, 410, 429, 500, 501, 502, 503, 504) }),
  fc.record({ status: fc.constantFrom(429, 503), retryAfter: fc.constantFrom(0, 1, 10, 11, 600) }),
);
const request = fc.constantFrom<KubeRequest>(
  { method: 'GET', path: '/api' },
  { method: 'DELETE', path: '/api' },
  { method: 'POST', path: '/api', body: {} },
  { method: 'PATCH', path: '/api', body: {}, contentType: 'application/merge-patch+json' },
  { method: 'PATCH', path: '/api', body: [], contentType: 'application/json-patch+json' },
  { method: 'PATCH', path: '/api', body: {}, contentType: 'application/apply-patch+yaml' },
);

it('whatever befalls it, a request is tried as often as does no harm, and pauses as the server asks', async () => {
  let fates: readonly Fate[] = [];
  let tries = 0;
  const served = await loopbackServer((_, response) => {
    const now = fates[tries++] ?? { status: 200 };
    if (now === 'reset') response.socket?.resetAndDestroy();
    else json(response, now.status, {}, now.retryAfter === undefined ? {} : { 'retry-after': `${now.retryAfter}` });
  });
  server = served;
  let pauses: number[] = [];
  const after: Clock['after'] = (ms, run) => {
    if (ms >= 30_000) return systemClock.after(ms, run);
    pauses.push(ms);
    return systemClock.after(0, run);
  };
  const connected = kubeTransport(configFor(served.url), {
    clock: { ...systemClock, after },
    userAgent: 'amifleet/test',
    random: seededRandom(1),
  });
  transport = connected;
  await fc.assert(
    fc.asyncProperty(request, fc.array(fate, { maxLength: 5 }), async (sent, script) => {
      [fates, tries, pauses] = [script, 0, []];
      const end = await connected.send(sent).then(
        async (response) => (await response.text(), response.status),
        (error: unknown) => (error instanceof KubeError ? error.reason : error),
      );
      const expected = model(sent, script);
      expect({ end, tries }).toEqual({ end: expected.end, tries: expected.tried });
      expect(pauses).toHaveLength(expected.pauses.length);
      const outside = pauses.filter((ms, index) => {
        const [least, most] = expected.pauses[index] ?? [0, 0];
        return ms < least || ms > most;
      });
      expect(outside).toEqual([]);
    }),
    { numRuns: 200 },
  );
}, 60_000);
