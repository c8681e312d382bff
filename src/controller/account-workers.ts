import type { Logger } from 'pino';
import { runWorkers, type WorkersOptions } from '../kube/run-workers.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { AccountController } from './account-controller.ts';

const WORKERS = 2;

/** Passes over the accounts of the queue until `end` aborts; settles when the last pass has ended. */
export async function runAccountWorkers(
  queue: WorkQueue,
  controller: AccountController,
  log: Logger,
  end: AbortSignal,
): Promise<void> {
  const run: WorkersOptions['run'] = async (key, { signal }) => {
    try {
      const next = await controller.pass(key, signal);
      queue.forget(key);
      if (next !== undefined) queue.addAfter(key, next);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ account: key, err: error instanceof Error ? error.message : String(error) }, 'account not looked at');
      queue.retry(key);
    }
  };
  await runWorkers(queue, { concurrency: WORKERS, signal: end, run });
}
