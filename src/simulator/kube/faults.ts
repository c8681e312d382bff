import type { Verb } from './resource-type.ts';

/**
 * How a request goes wrong.
 * - **throttle**: 429 with Retry-After; nothing was done.
 * - **server-error**: 500; nothing was done.
 * - **conflict**: 409, as if somebody else had written in between.
 * - **reset-before**, **reset-after**: the connection breaks before, or after, it was done.
 * - **silent-before**, **silent-after**: no answer ever comes; it was not done, or it was.
 */
export type FaultKind =
  | 'throttle'
  | 'server-error'
  | 'conflict'
  | 'reset-before'
  | 'reset-after'
  | 'silent-before'
  | 'silent-after';

export interface Fault {
  readonly kind: FaultKind;
  /** Default: any. */
  readonly verb?: Verb;
  /** The plural. Default: any. */
  readonly resource?: string;
  /** Default: with or without. */
  readonly subresource?: string;
  /** So many matching requests go well first. Default: 0. */
  readonly skip?: number;
  /** How many then fail. Default: 1. */
  readonly times?: number;
}

export interface FaultTarget {
  readonly verb: Verb;
  readonly resource: string;
  readonly subresource?: string | undefined;
}

/** The faults that are still to come. */
export class FaultList {
  #armed: { readonly fault: Fault; skip: number; times: number }[] = [];

  set(faults: readonly Fault[]): void {
    this.#armed = faults.map((fault) => ({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 }));
  }

  /** The fault that this request meets, if any; it is used up by that. */
  take({ verb, resource, subresource }: FaultTarget): FaultKind | undefined {
    for (const entry of this.#armed) {
      const { fault } = entry;
      const matches =
        (fault.verb ?? verb) === verb &&
        (fault.resource ?? resource) === resource &&
        (fault.subresource ?? subresource) === subresource;
      if (!matches || entry.times === 0) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      entry.times--;
      return fault.kind;
    }
    return undefined;
  }
}
