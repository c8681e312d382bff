import { spawn } from 'node:child_process';
import { chmodSync, constants, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import config from '../../rolldown.config.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The user of the image. Who is not root cannot become it, and runs as himself: the folder is read-only for him as well. */
const USER = process.getuid?.() === 0 ? { uid: 65532, gid: 65532 } : {};

export interface Process {
  readonly pid: number;
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** What the container image holds, in a folder that its user cannot write. */
export class ImageFolder {
  readonly #folder: string;
  readonly #living = new Set<() => void>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Builds the bundle as `npm run build` does and puts it where the Dockerfile does, with the Node that runs this test. */
  static async make(): Promise<ImageFolder> {
    const folder = mkdtempSync(join(tmpdir(), 'amifleet-image-'));
    const app = join(folder, 'app');
    mkdirSync(join(app, 'dist'), { recursive: true });
    const { output, ...input } = config;
    if (Array.isArray(output)) throw new Error('rolldown.config.ts makes more than one file');
    const bundle = await rolldown({ ...input, cwd: ROOT, logLevel: 'silent' });
    await bundle.write({ ...output, file: join(app, 'dist', 'amifleet.js') });
    await bundle.close();
    copyFileSync(join(ROOT, 'package.json'), join(app, 'package.json'));
    // Its own may lie where only this user can go.
    copyFileSync(process.execPath, join(folder, 'node'), constants.COPYFILE_FICLONE);
    const image = new ImageFolder(folder);
    for (const path of image.files()) chmodSync(join(folder, path), path === 'node' ? 0o555 : 0o444);
    for (const path of ['app/dist', 'app', '.']) chmodSync(join(folder, path), 0o555);
    return image;
  }

  /** Every file in the folder. */
  files(): string[] {
    return readdirSync(this.#folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(this.#folder, path)).isFile())
      .sort();
  }

  /** Runs the entry point. Nothing is in its environment but a home that it cannot write and what is given. */
  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Process {
    const child = spawn(join(this.#folder, 'node'), ['dist/amifleet.js', ...args], {
      ...USER,
      cwd: join(this.#folder, 'app'),
      env: { HOME: this.#folder, TMPDIR: this.#folder, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = (): void => void child.kill('SIGKILL');
    this.#living.add(kill);
    process.once('exit', kill);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    return {
      pid: child.pid ?? 0,
      output: () => stdout + stderr,
      kill: (signal) => void child.kill(signal),
      ended: new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code) => {
          this.#living.delete(kill);
          process.off('exit', kill);
          resolve({ code, stdout, stderr });
        });
      }),
    };
  }

  remove(): void {
    for (const kill of this.#living) kill();
    for (const path of ['.', 'app', 'app/dist']) chmodSync(join(this.#folder, path), 0o755);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
