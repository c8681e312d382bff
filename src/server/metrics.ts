import { Registry } from '@prometheus-io/client';
import type { Clock } from '../ambient/clock.ts';
import type { ActOutcome, DestructiveAct } from '../aws/audit.ts';
import type { CallReport } from '../aws/aws-clients.ts';
import type { ControllerName, Observer, Parts, PassEnding } from '../controller/observer.ts';
import type { KubeTry } from '../kube/transport.ts';
import type { EventLoopWatch } from './event-loop-watch.ts';
import { AwsMetrics } from './metrics/aws-metrics.ts';
import { fleetMetrics } from './metrics/fleet-metrics.ts';
import { KubeMetrics } from './metrics/kube-metrics.ts';
import { PassMetrics } from './metrics/pass-metrics.ts';
import { pulledGauge } from './metrics/pulled.ts';

/**
 * What a controller tells about itself (docs/metrics.md). Labels have few values: policies by namespace and name,
 * accounts, regions, actions and stable codes; never an id of a thing, an ARN or a message.
 */
export class Metrics implements Observer {
  readonly registry = new Registry();
  readonly #passes: PassMetrics;
  readonly #aws: AwsMetrics;
  readonly #kube: KubeMetrics;
  #parts: Parts | undefined;

  constructor(clock: Clock, eventLoop: Pick<EventLoopWatch, 'longestDelayMs'>) {
    const parts = (): Parts | undefined => this.#parts;
    const monotonic = (): number => clock.monotonic();
    this.#passes = new PassMetrics(this.registry, parts);
    this.#aws = new AwsMetrics(this.registry, parts);
    this.#kube = new KubeMetrics(this.registry, parts, monotonic);
    fleetMetrics(this.registry, parts, monotonic);
    pulledGauge(this.registry, {
      name: 'amifleet_event_loop_delay_seconds',
      help: 'By how much the event loop was late, at most, within the last minute.',
      labelNames: [],
      read: () => [[{}, eventLoop.longestDelayMs() / 1000]],
    });
  }

  /** What can be asked of the controller; undefined before it has begun. */
  get parts(): Parts | undefined {
    return this.#parts;
  }

  began(parts: Parts): void {
    this.#parts = parts;
  }

  waited(controller: ControllerName, ms: number): void {
    this.#passes.waited(controller, ms);
  }

  worked(controller: ControllerName, ms: number): void {
    this.#passes.worked(controller, ms);
  }

  passed(controller: ControllerName, ending: PassEnding, ms: number): void {
    this.#passes.passed(controller, ending, ms);
  }

  acted(act: DestructiveAct, outcome: ActOutcome): void {
    this.#aws.acted(act, outcome);
  }

  /** A call to AWS was made. */
  awsCalled(call: CallReport): void {
    this.#aws.called(call);
  }

  /** A call to the API server was tried. */
  kubeTried(made: KubeTry): void {
    this.#kube.tried(made);
  }
}
