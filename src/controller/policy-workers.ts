import type { Logger } from 'pino';
import type { Clock } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';
import { runWorkers, type WorkersOptions } from '../kube/run-workers.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { FreshnessLedger } from './freshness-ledger.ts';
import type { PassEnding } from './observer.ts';
import { inPass } from './pass-context.ts';
import type { PolicyController } from './policy-controller.ts';

/** Policies that are worked on at a time. Their calls share one rate budget. */
const WORKERS = 8;

export interface PolicyWorkersOptions {
  readonly clock: Clock;
  /** Names the passes. */
  readonly random: Random;
  readonly log: Logger;
  readonly freshness: FreshnessLedger;
  /** Is told of each pass how it ended and how long it took, but for those that the end cuts off. */
  readonly onPassed: (ending: PassEnding, ms: number) => void;
}

/** Passes over the policies of the queue until `end` aborts; settles when the last pass has ended. */
export async function runPolicyWorkers(
  queue: WorkQueue,
  controller: Pick<PolicyController, 'pass'>,
  { clock, random, log, freshness, onPassed }: PolicyWorkersOptions,
  end: AbortSignal,
): Promise<void> {
  const pass: WorkersOptions['run'] = async (key, { priority, signal }) => {
    const begun = clock.monotonic();
    const passed = (ending: PassEnding): void => onPassed(ending, clock.monotonic() - begun);
    try {
      const next = await controller.pass(key, freshness.of(key), {
        signal,
        priority: priority === 'high' ? 'user' : 'normal',
      });
      freshness.passed(key);
      if (next.kind === 'retry') {
        freshness.failed(key, begun);
        queue.retry(key);
        // One bad target never stops the others: what is under way there is polled as if nothing had failed.
        if (next.withinMs !== undefined) queue.addAfter(key, next.withinMs);
        passed('error');
        return;
      }
      queue.forget(key);
      if (next.kind === 'after') {
        freshness.polls(key, begun, next.ms);
        queue.addAfter(key, next.ms);
      }
      passed(next.kind === 'after' ? 'requeue_after' : 'success');
    } catch (error) {
      if (signal.aborted) return;
      log.warn(
        { policy: key, err: error instanceof Error ? error.message : String(error) },
        'pass failed; it is tried again',
      );
      queue.retry(key);
      passed('error');
    }
  };
  const run: WorkersOptions['run'] = (key, taken) => inPass({ policy: key }, random, () => pass(key, taken));
  await runWorkers(queue, { concurrency: WORKERS, signal: end, run });
}
