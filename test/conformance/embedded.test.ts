import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { type ServedKube, serveKube } from '../../src/simulator/kube/serve.ts';
import { itConforms } from './suite.ts';
import { HTTP_SUITES } from './suites.ts';

describe('the embedded API server answers as the real one', () => {
  let served: ServedKube;
  beforeAll(async () => {
    const kube = new KubeSimulator({ clock: systemClock, random: seededRandom(1) });
    // As on the real server, what was before the first case is not remembered.
    kube.compact();
    served = await serveKube(kube, { port: 0, token: 'conformance' });
  });
  afterAll(() => served.stop());

  describe.each(HTTP_SUITES)('%s', (suite, cases) => {
    itConforms(suite, cases, () => served);
  });
});
