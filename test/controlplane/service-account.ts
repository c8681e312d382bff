import { dirname, join } from 'node:path';
import { writeKubeconfig } from '../../src/cli/control-plane/kubeconfig.ts';
import type { ControlPlaneAccess } from './control-plane.ts';

/**
 * Makes the ServiceAccount where it is missing, asks for a token of it (TokenRequest, one hour) and writes a kubeconfig
 * that uses it. Whoever runs with that is bound by RBAC.
 * @returns the path of the kubeconfig, removed with the control plane
 * @throws Error with kubectl's words
 */
export async function serviceAccountKubeconfig(
  plane: ControlPlaneAccess,
  namespace: string,
  name: string,
): Promise<string> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } };
  const applied = await plane.kubectl(['apply', '-f', '-'], JSON.stringify(account));
  if (applied.code !== 0) throw new Error(`ServiceAccount ${namespace}/${name}: ${applied.stderr}`);
  const token = await plane.kubectl(['create', 'token', name, '--namespace', namespace, '--duration=1h']);
  if (token.code !== 0) throw new Error(`token of ${namespace}/${name}: ${token.stderr}`);
  const path = join(dirname(plane.kubeconfigPath), `kubeconfig-${namespace}-${name}`);
  return writeKubeconfig(path, { server: plane.server, ca: plane.ca, token: token.stdout.trim(), namespace });
}
