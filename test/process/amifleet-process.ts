import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Killed with this process, whatever ends it. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `amifleet …` as a process of its own, run from source unless another main file is given. */
export class AmifleetProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly #watchers = new Set<() => void>();
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}, main = MAIN) {
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...environment },
    });
    living.add(child);
    this.#child = child;
    child.stdout.on('data', (data: Buffer) => {
      this.#stdout += data.toString();
      for (const look of this.#watchers) look();
    });
    child.stderr.on('data', (data: Buffer) => {
      this.#stderr += data.toString();
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        living.delete(child);
        resolve({ code, signal });
        for (const look of this.#watchers) look();
      });
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What both streams have said, for the message of a failed test. */
  get output(): string {
    return `${this.#stdout}${this.#stderr}`.slice(-4000);
  }

  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /**
   * Waits until standard output holds a match.
   * @throws Error with the output when the process ends first
   */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#stdout);
        if (match) resolve(match);
        else if (this.hasEnded) reject(new Error(`ended before it said ${pattern}:\n${this.output}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Sends a signal that does not end it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGUSR2'): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    this.#child.kill(signal);
    return await this.#ended;
  }
}
