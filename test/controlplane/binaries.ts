import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findBinaries, INSTALLED_FOLDER } from '../../src/cli/control-plane/find-binaries.ts';
import { buildBinaries, builtFolder, isBuilt } from './build.ts';
import { PROGRAMS, type Program } from './module-key.ts';

export type Binaries = Readonly<Record<Program, string>>;

/** What is at hand: binaries, the means to build them, or neither (and then why). */
export type Availability =
  | { readonly kind: 'found'; readonly binaries: Binaries }
  | { readonly kind: 'buildable' }
  | { readonly kind: 'unavailable'; readonly because: string };

const OLDEST_GO = [1, 26] as const;

/** Looks for the binaries as `findBinaries` of the demo does, with our own cache as the last place. */
export function availability(environment: NodeJS.ProcessEnv = process.env): Availability {
  const built = builtFolder(environment);
  const found = findBinaries(PROGRAMS, [INSTALLED_FOLDER, ...(isBuilt(built) ? [built] : [])], environment);
  if (found.kind === 'found') return found;
  if (found.kind === 'misplaced') return { kind: 'unavailable', because: found.because };
  const go = goVersion(environment);
  if (go && (go[0] > OLDEST_GO[0] || (go[0] === OLDEST_GO[0] && go[1] >= OLDEST_GO[1]))) return { kind: 'buildable' };
  const tool = go ? `go ${go.join('.')} is too old to build them` : 'there is no go to build them';
  return { kind: 'unavailable', because: `${found.because} and ${tool} (${OLDEST_GO.join('.')} is needed)` };
}

/**
 * The binaries, built first where that is needed and possible.
 * @throws Error that says what is missing
 */
export async function obtainBinaries(environment: NodeJS.ProcessEnv = process.env): Promise<Binaries> {
  const found = availability(environment);
  if (found.kind === 'found') return found.binaries;
  if (found.kind === 'unavailable') throw new Error(`No control plane: ${found.because}`);
  const folder = await buildBinaries({ environment });
  return Object.fromEntries(PROGRAMS.map((program) => [program, join(folder, program)])) as Binaries;
}

function goVersion(environment: NodeJS.ProcessEnv): readonly [number, number] | undefined {
  const { stdout } = spawnSync('go', ['version'], { env: environment, encoding: 'utf8' });
  const version = /go(\d+)\.(\d+)/.exec(stdout ?? '');
  return version ? [Number(version[1]), Number(version[2])] : undefined;
}
