import type { Logger } from 'pino';
import type { Clock } from '../ambient/clock.ts';
import { runWorkers, type WorkersOptions } from '../kube/run-workers.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { FreshnessLedger } from './freshness-ledger.ts';
import type { PolicyController } from './policy-controller.ts';

/** Policies that are worked on at a time. Their calls share one rate budget. */
const WORKERS = 8;

/** Passes over the policies of the queue until `end` aborts; settles when the last pass has ended. */
export async function runPolicyWorkers(
  queue: WorkQueue,
  controller: Pick<PolicyController, 'pass'>,
  { clock, log, freshness }: { readonly clock: Clock; readonly log: Logger; readonly freshness: FreshnessLedger },
  end: AbortSignal,
): Promise<void> {
  const run: WorkersOptions['run'] = async (key, { priority, signal }) => {
    const begun = clock.monotonic();
    try {
      const next = await controller.pass(key, freshness.of(key), {
        signal,
        priority: priority === 'high' ? 'user' : 'normal',
      });
      freshness.passed(key);
      if (next.kind === 'retry') {
        freshness.failed(key, begun);
        queue.retry(key);
        return;
      }
      queue.forget(key);
      if (next.kind === 'idle') return;
      freshness.polls(key, begun, next.ms);
      queue.addAfter(key, next.ms);
    } catch (error) {
      if (signal.aborted) return;
      log.warn(
        { policy: key, err: error instanceof Error ? error.message : String(error) },
        'pass failed; it is tried again',
      );
      queue.retry(key);
    }
  };
  await runWorkers(queue, { concurrency: WORKERS, signal: end, run });
}
