import type { Clock } from './clock.ts';

/** A clock that runs `speed` times as fast as its base and can be put forward by hand. */
export interface AdjustableClock extends Clock {
  /** Puts the clock forward by `ms` (0 or more); timers that fall due on the way fire. */
  advance(ms: number): void;
}

/**
 * Makes a clock for a simulated world: it starts at the base's present and runs `speed` times as fast (default 1).
 * The simulator serves with it, and the demo runs the controller on the same one, so that both agree on the time.
 * @throws RangeError when `speed` is not a positive number.
 */
export function adjustableClock(base: Clock, speed = 1): AdjustableClock {
  if (!(speed > 0) || !Number.isFinite(speed)) throw new RangeError(`speed must be a positive number, not ${speed}`);
  const wallStart = base.now();
  const start = base.monotonic();
  let skipped = 0;
  const pending = new Set<{ due: number; run: () => void; cancel: () => void }>();
  const elapsed = (): number => (base.monotonic() - start) * speed + skipped;

  const arm = (timer: { due: number; run: () => void; cancel: () => void }): void => {
    timer.cancel = base.after((timer.due - elapsed()) / speed, () => {
      pending.delete(timer);
      timer.run();
    });
  };

  return {
    now: () => wallStart + elapsed(),
    monotonic: elapsed,
    after: (ms, run) => {
      const timer = { due: elapsed() + ms, run, cancel: (): void => undefined };
      pending.add(timer);
      arm(timer);
      return () => {
        timer.cancel();
        pending.delete(timer);
      };
    },
    advance: (ms) => {
      if (!(ms >= 0)) throw new RangeError(`a clock can only be put forward: ${ms}`);
      skipped += ms;
      for (const timer of pending) {
        timer.cancel();
        arm(timer);
      }
    },
  };
}
