import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { buildCache } from '../../src/cli/control-plane/build-cache.ts';
import { BuildLock } from '../controlplane/build-lock.ts';

/** The oldest Python that the pinned packages run on. */
const OLDEST = [3, 10] as const;
const INSTALL_TIMEOUT_MS = 600_000;
/** What an unfinished environment may be old before it counts as left behind. */
const ABANDONED_MS = 3_600_000;

/** This machine cannot have the environment: no Python, or no way to the package index. The message says which. */
export class PythonUnavailable extends Error {}

/**
 * The interpreter of a virtual environment that holds exactly what a requirements file pins; scripts of its packages lie
 * beside it. Made once (half a minute, from the package index that pip is set to) and kept outside the checkout, by a hash of the
 * file. Builders that run at the same time wait for the first; an interrupted one leaves nothing that is taken for whole.
 * @throws PythonUnavailable where this machine cannot have it; Error with pip's words where the file is wrong
 */
export async function pythonWith(
  requirementsPath: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const cache = buildCache('python', environment);
  const key = createHash('sha256').update(readFileSync(requirementsPath)).digest('hex').slice(0, 16);
  const link = join(cache, key);
  const python = join(link, 'bin', 'python');
  // The base interpreter can be upgraded away under an environment; then it dangles and is made again.
  if (existsSync(python)) return python;
  await needPython(environment);
  mkdirSync(cache, { recursive: true });
  const lock = await BuildLock.take(`${link}.lock`, () => progress(`another one installs ${key}, waiting for it`));
  try {
    if (existsSync(python)) return python;
    sweep(cache);
    progress(`installing what ${basename(requirementsPath)} pins (once, about half a minute)`);
    // Scripts in it name their interpreter by its full path, so it cannot be moved when it is whole: it is linked to.
    const folder = `${link}.${randomUUID().slice(0, 8)}`;
    await install(folder, requirementsPath, environment);
    symlinkSync(basename(folder), `${folder}.link`);
    renameSync(`${folder}.link`, link);
    return python;
  } finally {
    lock.release();
  }
}

async function needPython(environment: NodeJS.ProcessEnv): Promise<void> {
  const asked = await run('python3', ['-I', '-c', 'import sys; print(*sys.version_info[:2])'], environment);
  if (asked.failed) throw new PythonUnavailable('there is no python3');
  const [major = 0, minor = 0] = asked.output.trim().split(' ').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new PythonUnavailable(`python ${major}.${minor} is too old (${OLDEST.join('.')} is needed)`);
  }
  // Debian splits them off.
  const modules = await run('python3', ['-I', '-c', 'import venv, ensurepip'], environment);
  if (modules.failed) throw new PythonUnavailable('python3 is there without its venv module (package python3-venv)');
}

async function install(folder: string, requirementsPath: string, environment: NodeJS.ProcessEnv): Promise<void> {
  try {
    const made = await run('python3', ['-I', '-m', 'venv', folder], environment);
    if (made.failed) throw new Error(`python3 could not make a virtual environment in ${folder}:\n${made.output}`);
    const pip = ['-I', '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--retries', '2'];
    const installed = await run(
      join(folder, 'bin', 'python'),
      [...pip, '--requirement', requirementsPath],
      environment,
    );
    if (!installed.failed) return;
    if (isUnreachable(installed.output)) throw new PythonUnavailable('pip cannot reach a package index');
    throw new Error(`pip could not install what ${requirementsPath} pins:\n${installed.output}`);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Offline, pip ends with "no matching distribution", as for a wrong pin; only its warnings before that tell them apart. */
function isUnreachable(words: string): boolean {
  return /connection broken by|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|NameResolutionError/.test(
    words,
  );
}

/** Removes what installers left that were killed, and what no link names any more. */
function sweep(cache: string): void {
  const names = readdirSync(cache);
  const linked = new Set(names.map((name) => target(join(cache, name))));
  for (const name of names) {
    const path = join(cache, name);
    if (!/^[0-9a-f]{16}\.[0-9a-f]{8}(\.link)?$/.test(name) || linked.has(name)) continue;
    if (Date.now() - statSync(path).mtimeMs > ABANDONED_MS) rmSync(path, { recursive: true, force: true });
  }
}

function target(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly failed: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { env: environment, encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) =>
        resolve({ failed: error !== null, output: error ? (stdout + stderr || error.message).slice(-4000) : stdout }),
    );
  });
}

function progress(line: string): void {
  process.stderr.write(`python: ${line}\n`);
}
