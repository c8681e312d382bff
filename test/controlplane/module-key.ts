import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCache } from '../../src/cli/control-plane/build-cache.ts';

/** The Go module that the binaries are built from. */
export const MODULE_FOLDER = fileURLToPath(new URL('./module/', import.meta.url));

/** The programs of the control plane, by the names that envtest gives them. */
export const PROGRAMS = ['etcd', 'kube-apiserver', 'kubectl'] as const;
export type Program = (typeof PROGRAMS)[number];

/** The version of Kubernetes that the module asks for, for example `v1.36.4`. */
export function kubernetesVersion(): string {
  const version = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(MODULE_FOLDER, 'go.mod'), 'utf8'))?.[1];
  if (!version) throw new Error(`${MODULE_FOLDER}go.mod names no version of k8s.io/kubernetes`);
  return version;
}

/** A hash of everything that decides what is built: another go.mod, go.sum or main gets another folder. */
export function moduleKey(): string {
  const mains = readdirSync(join(MODULE_FOLDER, 'cmd'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.go'))
    .map((path) => join('cmd', path))
    .sort();
  const hash = createHash('sha256');
  for (const path of ['go.mod', 'go.sum', ...mains]) hash.update(readFileSync(join(MODULE_FOLDER, path)));
  return hash.digest('hex').slice(0, 16);
}

/** Where built binaries are kept. */
export const cacheFolder = (environment: NodeJS.ProcessEnv): string => buildCache('controlplane', environment);
