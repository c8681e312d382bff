import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../ambient/clock.ts';
import { systemRandom, uuid } from '../../ambient/random.ts';
import { KubeSimulator } from '../../simulator/kube/kube-simulator.ts';
import { serveKube } from '../../simulator/kube/serve.ts';
import { buildCache } from '../control-plane/build-cache.ts';
import { findBinaries, INSTALLED_FOLDER } from '../control-plane/find-binaries.ts';
import { SERVERS, startServers } from '../control-plane/servers.ts';

/** An API server for the demo. */
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

/**
 * A real kube-apiserver with etcd, where their binaries are at hand: by TEST_ASSET_* or KUBEBUILDER_ASSETS, installed by
 * kubebuilder, or built by this project's control-plane tests.
 * @throws Error that says how to get them
 */
export async function startReal(): Promise<ApiServer> {
  const found = findBinaries(SERVERS, [INSTALLED_FOLDER, ...builtFolders()], process.env);
  if (found.kind !== 'found') {
    throw new Error(
      `--real needs kube-apiserver and etcd: ${found.because}. Set KUBEBUILDER_ASSETS to their folder, or build them in a checkout with: npx node test/controlplane/build.ts`,
    );
  }
  const servers = await startServers(found.binaries);
  return { kubeconfig: readFileSync(servers.kubeconfigPath, 'utf8'), stop: () => servers.stop() };
}

/** What this project's tests have built on this machine. */
function builtFolders(): string[] {
  const folder = buildCache('controlplane', process.env);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, '.done')));
}
