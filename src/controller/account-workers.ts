import type { Logger } from 'pino';
import type { Clock } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';
import { runWorkers, type WorkersOptions } from '../kube/run-workers.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { AccountController } from './account-controller.ts';
import type { PassEnding } from './observer.ts';
import { inPass } from './pass-context.ts';

const WORKERS = 2;

export interface AccountWorkersOptions {
  readonly clock: Clock;
  /** Names the passes. */
  readonly random: Random;
  readonly log: Logger;
  /** Is told of each pass how it ended and how long it took, but for those that the end cuts off. */
  readonly onPassed: (ending: PassEnding, ms: number) => void;
}

/** Passes over the accounts of the queue until `end` aborts; settles when the last pass has ended. */
export async function runAccountWorkers(
  queue: WorkQueue,
  controller: AccountController,
  { clock, random, log, onPassed }: AccountWorkersOptions,
  end: AbortSignal,
): Promise<void> {
  const pass = async (key: string, signal: AbortSignal): Promise<void> => {
    const begun = clock.monotonic();
    const passed = (ending: PassEnding): void => onPassed(ending, clock.monotonic() - begun);
    try {
      const next = await controller.pass(key, signal);
      queue.forget(key);
      if (next !== undefined) queue.addAfter(key, next);
      passed(next === undefined ? 'success' : 'requeue_after');
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ account: key, err: error instanceof Error ? error.message : String(error) }, 'account not looked at');
      queue.retry(key);
      passed('error');
    }
  };
  const run: WorkersOptions['run'] = (key, { signal }) => inPass({ account: key }, random, () => pass(key, signal));
  await runWorkers(queue, { concurrency: WORKERS, signal: end, run });
}
