import { isGone, KubeError } from './errors.ts';

/**
 * What a reflector does next.
 * - **list**: read everything, and replace the copy by it.
 * - **watch**: follow the changes after `resourceVersion`.
 */
type Step = { readonly kind: 'list' } | { readonly kind: 'watch'; readonly resourceVersion: string };

/** How a step ended. */
export type Outcome =
  | { readonly kind: 'listed'; readonly resourceVersion: string }
  | { readonly kind: 'listFailed'; readonly error: unknown }
  /** The server ended the watch, as it does after `timeoutSeconds`. */
  | { readonly kind: 'watchEnded'; readonly resourceVersion: string; readonly lastedMs: number }
  /** Neither a change nor a bookmark for so long that the stream must be taken for dead. */
  | { readonly kind: 'watchSilent' }
  | {
      readonly kind: 'watchFailed';
      readonly resourceVersion: string;
      readonly lastedMs: number;
      /** Whether the server had agreed to it. */
      readonly opened: boolean;
      readonly error: unknown;
    };

export interface Course {
  readonly step: Step;
  /** Steps in a row that did not go well. 0: begin the step at once; otherwise pause first, longer for each. */
  readonly failures: number;
  /** The server asked for at least this much patience, in milliseconds. */
  readonly patienceMs: number;
}

/** A watch that lasted this long was a good one: whatever ended it is not the continuation of earlier trouble. */
const HEALTHY_MS = 10_000;
/** So many failures in a row, and even a resourceVersion that nobody called expired is given up. */
const RELIST_AFTER = 3;

/** The one place that decides what follows from what; `failures` is that of the course that led to the outcome. */
export function courseAfter(outcome: Outcome, failures: number): Course {
  switch (outcome.kind) {
    case 'listed':
      // Not a success yet: a server may answer every list and then refuse every watch as too old. So `failures` stays,
      // and the pause comes after the watch that fails.
      return { step: watchFrom(outcome.resourceVersion), failures, patienceMs: 0 };
    case 'listFailed':
      return { step: { kind: 'list' }, failures: failures + 1, patienceMs: patienceOf(outcome.error) };
    case 'watchEnded':
      return outcome.lastedMs >= HEALTHY_MS
        ? { step: watchFrom(outcome.resourceVersion), failures: 0, patienceMs: 0 }
        : { step: watchFrom(outcome.resourceVersion), failures: failures + 1, patienceMs: 0 };
    case 'watchSilent':
      // Who knows what was missed on a stream that was dead, so the copy is made anew.
      return { step: { kind: 'list' }, failures: 0, patienceMs: 0 };
    default:
      return courseAfterFailedWatch(outcome, failures);
  }
}

/**
 * Why a list or a watch has to be begun anew: the server **ended** it, as it does after its time; it was **silent** for
 * too long; what it was to go on from has **expired**; or it **failed**.
 */
export type Restart = 'ended' | 'silent' | 'expired' | 'failed';

/** Undefined: nothing ends with this outcome. */
export function restartAfter(outcome: Outcome): Restart | undefined {
  switch (outcome.kind) {
    case 'listed':
      return undefined;
    case 'watchEnded':
      return 'ended';
    case 'watchSilent':
      return 'silent';
    default:
      return isGone(outcome.error) ? 'expired' : 'failed';
  }
}

function courseAfterFailedWatch(outcome: Outcome & { readonly kind: 'watchFailed' }, failures: number): Course {
  const { error, lastedMs, opened, resourceVersion } = outcome;
  const healthy = lastedMs >= HEALTHY_MS;
  const count = healthy ? 1 : failures + 1;
  const patienceMs = patienceOf(error);
  if (isGone(error)) return { step: { kind: 'list' }, failures: healthy ? 0 : count, patienceMs };
  const relist = (opened && !isOfConnection(error)) || count >= RELIST_AFTER;
  return { step: relist ? { kind: 'list' } : watchFrom(resourceVersion), failures: count, patienceMs };
}

function watchFrom(resourceVersion: string): Step {
  return { kind: 'watch', resourceVersion };
}

function patienceOf(error: unknown): number {
  return error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
}

/**
 * Whether the stream broke, so that all before it was read and the rest can be had by watching on. Anything else that
 * ends an open watch (an ERROR event, a line that cannot be read) came in place of a change.
 */
function isOfConnection(error: unknown): boolean {
  return error instanceof KubeError && error.status === 0;
}
