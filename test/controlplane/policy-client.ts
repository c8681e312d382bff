import { systemClock } from '../../src/ambient/clock.ts';
import { AMI_POLICY, GROUP, VERSION } from '../../src/api/group.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../src/kube/load-config.ts';
import { type KubeObject, ResourceClient } from '../../src/kube/resource-client.ts';
import type { Transport } from '../../src/kube/transport.ts';
import type { ControlPlaneAccess } from './control-plane.ts';
import { installCrds } from './install-crds.ts';

/** Our own client of policies on a real API server, with the CRDs installed and a namespace made. */
export async function policyClient<T extends KubeObject>(
  plane: ControlPlaneAccess,
  namespace: string,
): Promise<{ readonly transport: Transport; readonly client: ResourceClient<T> }> {
  await installCrds(plane);
  const made = await plane.kubectl(
    ['apply', '--server-side', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
  );
  if (made.code !== 0) throw new Error(made.stderr);
  const transport = kubeTransport(loadKubeConfig(plane.kubeconfigPath), {
    clock: systemClock,
    userAgent: 'amifleet/test',
  });
  return { transport, client: new ResourceClient<T>(transport, { group: GROUP, version: VERSION, ...AMI_POLICY }) };
}
