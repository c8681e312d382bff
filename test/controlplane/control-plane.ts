import { type Servers, startServers } from '../../src/cli/control-plane/servers.ts';
import { obtainBinaries } from './binaries.ts';
import { type Kubectl, kubectlWith } from './kubectl.ts';

export interface ControlPlaneOptions {
  /** Flags of kube-apiserver beside or instead of ours; null takes one of ours away. */
  readonly flags?: Readonly<Record<string, string | null>>;
  readonly environment?: NodeJS.ProcessEnv;
}

/** A connection to a control plane, wherever that runs. Controllers under test use `serviceAccountKubeconfig` instead. */
export interface ControlPlaneAccess extends Pick<Servers, 'server' | 'ca' | 'kubeconfigPath' | 'adminToken'> {
  /** Runs kubectl as the administrator. */
  readonly kubectl: Kubectl;
}

export interface ControlPlane extends Servers, ControlPlaneAccess {}

/**
 * A real etcd and a real kube-apiserver (see `startServers`), with kubectl; built first where that is needed.
 * @throws Error that says what is missing, or with the last output of the process that did not come up
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = await obtainBinaries(options.environment);
  const servers = await startServers(binaries, options.flags);
  return { ...servers, kubectl: kubectlWith(binaries.kubectl, servers.kubeconfigPath) };
}
