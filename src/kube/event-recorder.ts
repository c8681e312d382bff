import { type Clock, deadline } from '../ambient/clock.ts';
import { type Random, uuid } from '../ambient/random.ts';
import { isNotFound } from './errors.ts';
import { type KubeObject, ResourceClient, type ResourceKind } from './resource-client.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Transport } from './transport.ts';

/** The object that an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for an object of the cluster; its events are in the namespace `default`. */
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface EventContent {
  readonly type: 'Normal' | 'Warning';
  /** Why, in one CamelCase word. */
  readonly reason: string;
  /** What was done or tried, in one CamelCase word. */
  readonly action: string;
  /** For people. What exceeds 1 kB is cut off. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Who reports; becomes `reportingController` as `<component>.io/controller` would: see `reportingController`. */
  readonly component: string;
  /** Which process reports, for example the name of the pod. Default: the component. */
  readonly instance?: string;
  /** Is told of events that could not be written. */
  readonly onTrouble?: (error: unknown) => void;
}

const EVENTS: ResourceKind = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
