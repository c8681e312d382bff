import type { Clock } from '../../ambient/clock.ts';
import { systemRandom, uuid } from '../../ambient/random.ts';
import { KubeSimulator } from '../../simulator/kube/kube-simulator.ts';
import { serveKube } from '../../simulator/kube/serve.ts';

/** An API server with the CRDs of both kinds. */
export interface ApiServer {
  /** The text of a kubeconfig. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** The embedded API server: in this process, over loopback HTTP. */
export async function startEmbedded(clock: Clock): Promise<ApiServer> {
  const kube = new KubeSimulator({ clock, random: systemRandom });
  return await serveKube(kube, { port: 0, token: uuid(systemRandom) });
}
