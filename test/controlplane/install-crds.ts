import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ControlPlaneAccess } from './control-plane.ts';

const CRDS = fileURLToPath(new URL('../../crds', import.meta.url));

/** Applies crds/ and waits until both kinds are served. Suites that share a control plane may all ask for it. */
export async function installCrds(plane: ControlPlaneAccess): Promise<void> {
  for (const args of [
    ['apply', '--server-side', '--force-conflicts', '-k', CRDS],
    [
      'wait',
      '--for=condition=Established',
      '--timeout=60s',
      '-f',
      join(CRDS, 'amipolicies.yaml'),
      '-f',
      join(CRDS, 'awsaccounts.yaml'),
    ],
  ]) {
    const { code, stderr } = await plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  }
}
