import type { Action } from './plan.ts';

/** An action that was tried and did not succeed, or that was called off at the last moment. */
export interface Failure {
  readonly action: Action;
  /** A stable CamelCase word. */
  readonly code: string;
  /** What, where, why, and what to do. */
  readonly message: string;
  /** As of `Blocked`: whether time alone may help. */
  readonly effect: 'stalls' | 'retries' | 'keeps';
}
