import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ControlPlaneAccess } from '../controlplane/control-plane.ts';
import { describeOnControlPlane } from '../controlplane/suite.ts';
import type { ConformanceServer } from './server.ts';
import { itIsTheReference } from './suite.ts';
import { HTTP_SUITES, KUBECTL_SUITES } from './suites.ts';

const CRDS = fileURLToPath(new URL('../../crds', import.meta.url));

describeOnControlPlane('the real API server answers as recorded', (plane) => {
  beforeAll(async () => {
    const { code, stderr } = await plane().kubectl(['apply', '--server-side', '-k', CRDS]);
    if (code !== 0) throw new Error(stderr);
    const names = ['crd/amipolicies.amifleet.io', 'crd/awsaccounts.amifleet.io'];
    await plane().kubectl(['wait', '--for=condition=Established', ...names]);
  });

  describe.each([...HTTP_SUITES, ...KUBECTL_SUITES])('%s', (suite, cases) => {
    itIsTheReference(suite, cases, () => asServer(plane()));
  });

  it('is of the version that the embedded one says it is', async () => {
    const { stdout } = await plane().kubectl(['version', '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({ serverVersion: { major: '1', minor: '36' } });
  });
});

const asServer = ({ server, adminToken, ca, kubectl }: ControlPlaneAccess): ConformanceServer => ({
  url: server,
  token: adminToken,
  ca,
  kubectl,
});
