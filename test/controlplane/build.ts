import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildLock } from './build-lock.ts';
import { cacheFolder, kubernetesVersion, MODULE_FOLDER, moduleKey, PROGRAMS } from './module-key.ts';

export interface BuildOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** Called with one line for each step. Default: standard error. */
  readonly progress?: (line: string) => void;
}

/** The folder that holds the finished binaries of this checkout's module, whether it is there already or not. */
export function builtFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(environment), moduleKey());
}

/** Whether a build has finished there. */
export function isBuilt(folder: string): boolean {
  return existsSync(join(folder, '.done'));
}

/**
 * Builds etcd, kube-apiserver and kubectl (about five minutes on two cores, once) unless that was done before, and
 * returns their folder. Builders that run at the same time wait for the first one. A build works in a folder of its own
 * that is renamed when it is complete, so an interrupted one leaves nothing that could be taken for finished.
 * @throws Error with the compiler's words when a program does not build
 */
export async function buildBinaries(options: BuildOptions = {}): Promise<string> {
  const environment = options.environment ?? process.env;
  const progress = options.progress ?? ((line: string): void => void process.stderr.write(`controlplane: ${line}\n`));
  const folder = builtFolder(environment);
  if (isBuilt(folder)) return folder;
  mkdirSync(cacheFolder(environment), { recursive: true });
  const lock = await BuildLock.take(`${folder}.lock`, () => progress('another build is under way, waiting for it'));
  try {
    if (isBuilt(folder)) return folder;
    sweepParts(cacheFolder(environment));
    const part = `${folder}.part-${process.pid}`;
    mkdirSync(part);
    for (const [index, program] of PROGRAMS.entries()) {
      progress(
        `building ${program}, ${index + 1} of ${PROGRAMS.length} (Kubernetes ${kubernetesVersion()}; once, about five minutes in all)`,
      );
      const started = Date.now();
      await build(program, join(part, program), environment);
      const mebibytes = Math.round(statSync(join(part, program)).size / 2 ** 20);
      progress(`built ${program}: ${mebibytes} MiB in ${Math.round((Date.now() - started) / 1000)} s`);
    }
    writeFileSync(join(part, '.done'), '');
    settle(part, folder);
    return folder;
  } finally {
    lock.release();
  }
}

function settle(part: string, folder: string): void {
  try {
    renameSync(part, folder);
  } catch (error) {
    if (!isBuilt(folder)) throw error;
    rmSync(part, { recursive: true });
  }
}

/** Removes what builds left that were killed. By age: a lock can be lost to a builder that was only asleep. */
function sweepParts(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (name.includes('.part-') && Date.now() - statSync(path).mtimeMs > 3_600_000) rmSync(path, { recursive: true });
  }
}

function build(program: string, output: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const version = kubernetesVersion();
  const [major = '', minor = ''] = version.slice(1).split('.');
  const variable = 'k8s.io/component-base/version';
  // Without these flags the server would call itself v0.0.0-master.
  const flags = [
    '-s -w',
    `-X ${variable}.gitVersion=${version}`,
    `-X ${variable}.gitMajor=${major}`,
    `-X ${variable}.gitMinor=${minor}`,
    `-X ${variable}.gitTreeState=clean`,
  ].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(
      'go',
      ['build', '-mod=readonly', '-trimpath', '-pgo=off', '-ldflags', flags, '-o', output, `./cmd/${program}`],
      {
        cwd: MODULE_FOLDER,
        env: { ...environment, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let words = '';
    child.stderr.on('data', (data: Buffer) => {
      words = (words + data.toString()).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go could not build ${program} in ${MODULE_FOLDER} (exit ${code}):\n${words}`));
    });
  });
}

// `node test/controlplane/build.ts` builds where needed and prints the folder, to be used as KUBEBUILDER_ASSETS.
if (import.meta.main) process.stdout.write(`${await buildBinaries()}\n`);
