/** The reason of `stopSignal`: somebody ended the process from outside. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  /** What shells show for a process that ended by this signal. */
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

/** A signal that aborts on the first SIGINT or SIGTERM, with `Stopped`; a second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    const stopped = new Stopped(name);
    if (controller.signal.aborted) process.exit(stopped.exitCode);
    controller.abort(stopped);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}
