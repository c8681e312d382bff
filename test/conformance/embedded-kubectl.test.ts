import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { type ServedKube, serveKube } from '../../src/simulator/kube/serve.ts';
import { obtainBinaries } from '../controlplane/binaries.ts';
import { kubectlWith } from '../controlplane/kubectl.ts';
import { describeOnControlPlane } from '../controlplane/suite.ts';
import type { ConformanceServer } from './server.ts';
import { itConforms } from './suite.ts';
import { KUBECTL_SUITES } from './suites.ts';

// The control plane itself is not asked anything here: kubectl comes from the same build.
describeOnControlPlane('kubectl is answered by the embedded API server as by the real one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'amifleet-conformance-'));
  let served: ServedKube;
  let server: ConformanceServer;
  beforeAll(async () => {
    const kube = new KubeSimulator({ clock: systemClock, random: seededRandom(1) });
    served = await serveKube(kube, { port: 0, token: 'conformance' });
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, served.kubeconfig);
    server = { ...served, kubectl: kubectlWith((await obtainBinaries()).kubectl, kubeconfig) };
  });
  afterAll(async () => {
    await served.stop();
    rmSync(folder, { recursive: true });
  });

  describe.each(KUBECTL_SUITES)('%s', (suite, cases) => {
    itConforms(suite, cases, () => server);
  });
});
