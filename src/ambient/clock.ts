/**
 * Time, as everything in this project sees it. Nothing outside `src/ambient` and `src/cli` reads the machine's clock or
 * sets a timer (lint forbids it), so that the whole controller can run in virtual time.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Milliseconds since an arbitrary moment. Never goes back: use it for every duration and deadline. */
  monotonic(): number;
  /** Runs `run` once, `ms` milliseconds from now (0 or less: as soon as possible). Returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** `setTimeout` fires at once for a longer delay than this (2^31 - 1 ms, about 24.8 days). */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      timer =
        left > LONGEST_TIMEOUT_MS
          ? setTimeout(() => arm(left - LONGEST_TIMEOUT_MS), LONGEST_TIMEOUT_MS)
          : setTimeout(run, Math.max(0, left));
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Resolves after `ms` milliseconds of `clock`.
 * @throws the signal's reason, at once, when `signal` aborts.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A signal that aborts when `parent` does, or with `reason` after `ms`. Call `release` when the work is over. */
export function deadline(
  clock: Clock,
  ms: number,
  reason: () => Error,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) controller.abort(parent.reason);
  parent?.addEventListener('abort', onParent, { once: true });
  const cancel = clock.after(ms, () => controller.abort(reason()));
  return {
    signal: controller.signal,
    release: () => {
      cancel();
      parent?.removeEventListener('abort', onParent);
    },
  };
}
