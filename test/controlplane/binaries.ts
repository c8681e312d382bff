import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildBinaries, builtFolder, isBuilt } from './build.ts';
import { PROGRAMS, type Program } from './module-key.ts';

export type Binaries = Readonly<Record<Program, string>>;

/** What is at hand: binaries, the means to build them, or neither (and then why). */
export type Availability =
  | { readonly kind: 'found'; readonly binaries: Binaries }
  | { readonly kind: 'buildable' }
  | { readonly kind: 'unavailable'; readonly because: string };

const INSTALLED = '/usr/local/kubebuilder/bin';
const OLDEST_GO = [1, 26] as const;

/**
 * Looks for the binaries, each in the order that envtest keeps: TEST_ASSET_<NAME>, KUBEBUILDER_ASSETS, the folder of
 * kubebuilder where it holds all of them, our own cache. A variable that is set wins, also where it points to nothing:
 * who set it wants to hear of that.
 */
export function findBinaries(environment: NodeJS.ProcessEnv = process.env): Availability {
  const fallback = [INSTALLED, builtFolder(environment)].find(
    (folder) =>
      PROGRAMS.every((program) => existsSync(join(folder, program))) && (folder === INSTALLED || isBuilt(folder)),
  );
  const paths: [Program, string | undefined][] = PROGRAMS.map((program) => [
    program,
    environment[`TEST_ASSET_${program.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`] ??
      folderFile(environment['KUBEBUILDER_ASSETS'] ?? fallback, program),
  ]);
  const wrong = paths.find(([, path]) => path !== undefined && !existsSync(path));
  if (wrong) {
    const because = `${wrong[0]} is not at ${wrong[1]}, where TEST_ASSET_* or KUBEBUILDER_ASSETS say it is`;
    return { kind: 'unavailable', because };
  }
  if (paths.every(([, path]) => path !== undefined)) {
    return { kind: 'found', binaries: Object.fromEntries(paths) as Binaries };
  }
  const go = goVersion(environment);
  if (go && (go[0] > OLDEST_GO[0] || (go[0] === OLDEST_GO[0] && go[1] >= OLDEST_GO[1]))) return { kind: 'buildable' };
  const found = go ? `go ${go.join('.')} is too old to build them` : 'there is no go to build them';
  return {
    kind: 'unavailable',
    because: `there are no binaries of kube-apiserver and etcd (KUBEBUILDER_ASSETS is not set) and ${found} (${OLDEST_GO.join('.')} is needed)`,
  };
}

/**
 * The binaries, built first where that is needed and possible.
 * @throws Error that says what is missing
 */
export async function obtainBinaries(environment: NodeJS.ProcessEnv = process.env): Promise<Binaries> {
  const availability = findBinaries(environment);
  if (availability.kind === 'found') return availability.binaries;
  if (availability.kind === 'unavailable') throw new Error(`No control plane: ${availability.because}`);
  const folder = await buildBinaries({ environment });
  return Object.fromEntries(PROGRAMS.map((program) => [program, join(folder, program)])) as Binaries;
}

function folderFile(folder: string | undefined, program: Program): string | undefined {
  return folder === undefined ? undefined : join(folder, program);
}

function goVersion(environment: NodeJS.ProcessEnv): readonly [number, number] | undefined {
  const { stdout } = spawnSync('go', ['version'], { env: environment, encoding: 'utf8' });
  const version = /go(\d+)\.(\d+)/.exec(stdout ?? '');
  return version ? [Number(version[1]), Number(version[2])] : undefined;
}
