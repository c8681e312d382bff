import PQueue from 'p-queue';
import type { Priority, Taken, WorkQueue } from './work-queue.ts';

export interface WorkersOptions {
  /** Keys that are worked on at once. */
  readonly concurrency: number;
  /**
   * Works on one key and says what becomes of it: `forget`, `addAfter` and `retry` of the queue are its to call. When it
   * throws, the key is retried.
   * @param taken.signal the `signal` of these options
   */
  readonly run: (key: string, taken: { readonly priority: Priority; readonly signal: AbortSignal }) => Promise<void>;
  /** Ends the work: no further key is taken, and what runs should come to an end soon. */
  readonly signal: AbortSignal;
  /** Is told what `run` threw. Default: it is only retried. */
  readonly onPanic?: (key: string, error: unknown) => void;
}

/**
 * Hands the keys of `queue` to `run`, several at a time, until `signal` aborts. Nothing that `run` does ends the loop.
 * Settles when the last run has ended; the queue is drained then.
 */
export async function runWorkers(queue: WorkQueue, options: WorkersOptions): Promise<void> {
  const { concurrency, run, signal, onPanic } = options;
  const pool = new PQueue({ concurrency });
  const work = async ({ key, priority }: Taken): Promise<void> => {
    try {
      await run(key, { priority, signal });
    } catch (error) {
      queue.retry(key);
      try {
        onPanic?.(key, error);
      } catch {
        // Who is told of a failure must not become another one.
      }
    } finally {
      queue.done(key);
    }
  };
  for (;;) {
    // A key is taken only when it can start: one that waits in the pool would count as running and hold others up.
    if (pool.pending >= concurrency)
      await new Promise<void>((resolve) => pool.addEventListener('next', () => resolve(), { once: true }));
    const taken = await queue.get(signal);
    if (!taken) break;
    if (signal.aborted) {
      // It was handed out in the same moment.
      queue.done(taken.key);
      break;
    }
    void pool.add(() => work(taken));
  }
  await Promise.all([queue.drain(), pool.onIdle()]);
}
