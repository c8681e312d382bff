import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';

const KEPT_OUTPUT = 400;
const STOP_GRACE_MS = 15_000;

/** Killed with this process, whatever ends it: a forgotten API server would hold 300 MB until the machine restarts. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A server process that can be stopped, killed and started again with the same arguments. */
export class Child {
  readonly name: string;
  readonly #path: string;
  readonly #arguments: readonly string[];
  readonly #isUp: () => Promise<boolean>;
  readonly #output: string[] = [];
  #process: ChildProcess | undefined;

  /** @param isUp resolves to true once the server answers; while it rejects or is false it is asked again */
  constructor(name: string, path: string, args: readonly string[], isUp: () => Promise<boolean>) {
    this.name = name;
    this.#path = path;
    this.#arguments = args;
    this.#isUp = isUp;
  }

  /** The last lines it wrote, for the message of a failed test. */
  output(): string {
    return this.#output.join('').slice(-4000);
  }

  /**
   * Starts it and waits until it answers.
   * @throws Error with its last output when it exits first, or does not answer within `timeoutMs`
   */
  async start(timeoutMs = 60_000): Promise<void> {
    const child = spawn(this.#path, this.#arguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    living.add(child);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', (code, signal) => {
      living.delete(child);
      failure ??= new Error(`exited with ${signal ?? code}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#output.push(data.toString());
        if (this.#output.length > KEPT_OUTPUT) this.#output.shift();
      });
    }
    const end = Date.now() + timeoutMs;
    while (!(await this.#isUp().catch(() => false))) {
      if (failure) throw new Error(`${this.name}: ${failure.message}\n${this.output()}`);
      if (Date.now() > end) throw new Error(`${this.name}: no answer after ${timeoutMs} ms\n${this.output()}`);
      await wait(50);
    }
  }

  /** Ends it as an operator would (SIGTERM, and SIGKILL if that does not help), and waits for its end. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const hardStop = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await this.kill('SIGTERM');
    clearTimeout(hardStop);
  }

  /** Sends a signal and waits for the end of the process: `SIGKILL` is a crash. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** `SIGSTOP` and `SIGCONT` freeze and thaw it: connections stay open and say nothing. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }
}
