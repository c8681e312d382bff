import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Programs that were found, or why they were not. */
export type Found<P extends string> =
  | { readonly kind: 'found'; readonly binaries: Readonly<Record<P, string>> }
  /** A variable says where one is, and it is not there. */
  | { readonly kind: 'misplaced'; readonly because: string }
  | { readonly kind: 'missing'; readonly because: string };

/** Where kubebuilder installs them. */
export const INSTALLED_FOLDER = '/usr/local/kubebuilder/bin';

/**
 * Looks for programs, each in the order that envtest keeps: TEST_ASSET_<NAME>, KUBEBUILDER_ASSETS, and then the first
 * of `folders` that holds all of them. A variable that is set wins, also where it points to nothing: who set it wants
 * to hear of that.
 */
export function findBinaries<P extends string>(
  programs: readonly P[],
  folders: readonly string[],
  environment: NodeJS.ProcessEnv,
): Found<P> {
  const fallback = folders.find((folder) => programs.every((program) => existsSync(join(folder, program))));
  const folder = environment['KUBEBUILDER_ASSETS'] ?? fallback;
  const paths = programs.map((program): [P, string | undefined] => [
    program,
    environment[`TEST_ASSET_${program.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`] ??
      (folder === undefined ? undefined : join(folder, program)),
  ]);
  const wrong = paths.find(([, path]) => path !== undefined && !existsSync(path));
  if (wrong) {
    const because = `${wrong[0]} is not at ${wrong[1]}, where TEST_ASSET_* or KUBEBUILDER_ASSETS say it is`;
    return { kind: 'misplaced', because };
  }
  if (paths.some(([, path]) => path === undefined)) {
    return {
      kind: 'missing',
      because: `there are no binaries of ${programs.join(' and ')} (KUBEBUILDER_ASSETS is not set)`,
    };
  }
  return { kind: 'found', binaries: Object.fromEntries(paths) as Readonly<Record<P, string>> };
}
