import { Counter, Histogram, type Registry } from '@prometheus-io/client';
import {
  CONTROLLERS,
  type ControllerName,
  PASS_ENDINGS,
  type Parts,
  type PassEnding,
} from '../../controller/observer.ts';
import type { QueueMetrics } from '../../kube/work-queue.ts';
import { pulledCounter, pulledGauge } from './pulled.ts';

/** From a pass that has nothing to do to one that waits for the rate budget of AWS. Seconds. */
const BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Passes and the queues before them, under the names that controller-runtime and client-go have for them. */
export class PassMetrics {
  readonly #passes: Counter<'controller' | 'result'>;
  readonly #errors: Counter<'controller'>;
  readonly #passTime: Histogram<'controller'>;
  readonly #queueTime: Histogram<'name'>;
  readonly #workTime: Histogram<'name'>;

  constructor(registry: Registry, parts: () => Parts | undefined) {
    const registers = [registry];
    this.#passes = new Counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Passes by how they ended: success, requeue_after (all went well, and there is a time for the next look) or error.',
      labelNames: ['controller', 'result'],
      registers,
    });
    this.#errors = new Counter({
      name: 'controller_runtime_reconcile_errors_total',
      help: 'Passes that are tried again after a growing pause.',
      labelNames: ['controller'],
      registers,
    });
    this.#passTime = new Histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'How long passes took.',
      labelNames: ['controller'],
      buckets: BUCKETS,
      registers,
    });
    this.#queueTime = new Histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'How long keys waited in line for a worker.',
      labelNames: ['name'],
      buckets: BUCKETS,
      registers,
    });
    this.#workTime = new Histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'How long workers had keys.',
      labelNames: ['name'],
      buckets: BUCKETS,
      registers,
    });
    for (const name of CONTROLLERS) {
      for (const result of PASS_ENDINGS) this.#passes.inc({ controller: name, result }, 0);
      this.#errors.inc({ controller: name }, 0);
      for (const histogram of [this.#queueTime, this.#workTime]) histogram.zero({ name });
      this.#passTime.zero({ controller: name });
    }
    const each = (label: string, value: (queue: QueueMetrics) => number) => ({
      labelNames: [label],
      read: () =>
        CONTROLLERS.map((name) => {
          const queue = parts()?.queues[name].metrics();
          return [{ [label]: name }, queue ? value(queue) : 0] as const;
        }),
    });
    pulledGauge(registry, {
      name: 'controller_runtime_active_workers',
      help: 'Passes that run now.',
      ...each('controller', ({ running }) => running),
    });
    pulledGauge(registry, {
      name: 'workqueue_depth',
      help: 'Keys that wait for a worker, by priority: high, somebody waits for it; low, it was time to look.',
      labelNames: ['name', 'priority'],
      read: () =>
        CONTROLLERS.flatMap((name) =>
          Object.entries(parts()?.queues[name].metrics().depth ?? {}).map(
            ([priority, depth]) => [{ name, priority }, depth] as const,
          ),
        ),
    });
    pulledCounter(registry, {
      name: 'workqueue_adds_total',
      help: 'How often keys were put in line.',
      ...each('name', ({ adds }) => adds),
    });
    pulledCounter(registry, {
      name: 'workqueue_retries_total',
      help: 'How often keys were put back after a failure.',
      ...each('name', ({ retries }) => retries),
    });
    pulledGauge(registry, {
      name: 'workqueue_unfinished_work_seconds',
      help: 'For how long all passes that run now have run, added up.',
      ...each('name', ({ unfinishedMs }) => unfinishedMs / 1000),
    });
    pulledGauge(registry, {
      name: 'workqueue_longest_running_processor_seconds',
      help: 'For how long the longest-running pass has run.',
      ...each('name', ({ longestRunningMs }) => longestRunningMs / 1000),
    });
  }

  passed(controller: ControllerName, result: PassEnding, ms: number): void {
    this.#passes.inc({ controller, result });
    if (result === 'error') this.#errors.inc({ controller });
    this.#passTime.observe({ controller }, ms / 1000);
  }

  waited(name: ControllerName, ms: number): void {
    this.#queueTime.observe({ name }, ms / 1000);
  }

  worked(name: ControllerName, ms: number): void {
    this.#workTime.observe({ name }, ms / 1000);
  }
}
