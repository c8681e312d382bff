import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import type { ActOutcome, DestructiveAct } from '../aws/audit.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { KubeObject } from '../kube/resource-client.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { Engine } from './engine.ts';

/** What reconciles each kind, named after it as controller-runtime names its controllers. */
export const CONTROLLERS = ['amipolicy', 'awsaccount'] as const;
export type ControllerName = (typeof CONTROLLERS)[number];

/** `error`: it is tried again after a pause. `requeue_after`: all went well, and there is a time for the next look. */
export const PASS_ENDINGS = ['success', 'requeue_after', 'error'] as const;
export type PassEnding = (typeof PASS_ENDINGS)[number];

/** What of a running controller can be asked at any time. */
export interface Parts {
  readonly engine: Engine;
  /** Who this cluster is, in the tags of its copies. */
  readonly cluster: string;
  readonly queues: Readonly<Record<ControllerName, Pick<WorkQueue, 'metrics'>>>;
  readonly views: Readonly<Record<ControllerName, Pick<Reflector<KubeObject>, 'lastContact' | 'restarts'>>>;
  /** The policies as they were last seen, with their status. */
  readonly policies: () => Iterable<AmiPolicy>;
  /** The accounts as they were last seen, with their status. */
  readonly accounts: () => Iterable<AwsAccount>;
  /** Whether this replica is the one that works. */
  readonly leads: () => boolean;
}

/** Who watches a controller at work. None of it may throw, or do more than take note. */
export interface Observer {
  /** Called once, before anything else. */
  began(parts: Parts): void;
  /** A key was handed to a worker after it had waited in line. */
  waited(controller: ControllerName, ms: number): void;
  /** A worker gave a key back. */
  worked(controller: ControllerName, ms: number): void;
  /** A pass ended, and not because the controller ends. */
  passed(controller: ControllerName, ending: PassEnding, ms: number): void;
  /** A call that takes something away was made. */
  acted(act: DestructiveAct, outcome: ActOutcome): void;
}
