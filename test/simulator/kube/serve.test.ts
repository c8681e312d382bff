import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/ambient/clock.ts';
import { seededRandom } from '../../../src/ambient/random.ts';
import { KubeSimulator } from '../../../src/simulator/kube/kube-simulator.ts';
import { type ServedKube, serveKube } from '../../../src/simulator/kube/serve.ts';

describe('the served API server', () => {
  let kube: KubeSimulator;
  let served: ServedKube;
  beforeEach(async () => {
    kube = new KubeSimulator({ clock: systemClock, random: seededRandom(1) });
    served = await serveKube(kube, { port: 0, token: 'secret' });
  });
  afterEach(() => served.stop());

  const get = (path: string, token?: string): Promise<Response> =>
    fetch(`${served.url}${path}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

  it.each([
    ['the right token', 'secret', 200],
    ['none, as kubectl sends none over plain HTTP', undefined, 200],
    ['a wrong token', 'guess', 401],
  ])('answers who brings %s', async (_, token, status) => {
    expect((await get('/api/v1/namespaces', token)).status).toBe(status);
  });

  it('breaks the connection of a watch that is cut', async () => {
    const response = await get('/api/v1/namespaces?watch=true&resourceVersion=1', 'secret');
    const reading = response.text();
    kube.cutWatches();
    await expect(reading).rejects.toThrow(/terminated|fetch failed/);
  });

  it('breaks the connection of a request that meets a reset', async () => {
    kube.setFaults([{ kind: 'reset-before', verb: 'list' }]);
    await expect(get('/api/v1/namespaces', 'secret')).rejects.toThrow(/terminated|fetch failed/);
    expect((await get('/readyz')).status).toBe(200);
  });

  it('stops although watches are open', async () => {
    const response = await get('/api/v1/namespaces?watch=true', 'secret');
    const reading = response.text();
    await Promise.all([served.stop(), expect(reading).rejects.toThrow(/terminated|fetch failed/)]);
    await expect(get('/readyz')).rejects.toThrow(/terminated|fetch failed/);
  });
});
