import type { AdjustableClock } from '../../src/ambient/adjustable-clock.ts';

/**
 * Time that stands still until it is moved, and in which waiting takes none: whoever sets a timer moves the clock
 * forward by as much. For real sockets under simulated time, with one thing waiting at a time.
 */
export function steppingClock(epoch: number): AdjustableClock {
  let elapsed = 0;
  return {
    now: () => epoch + elapsed,
    monotonic: () => elapsed,
    after: (ms, run) => {
      elapsed += Math.max(0, ms);
      const timer = setImmediate(run);
      return () => clearImmediate(timer);
    },
    advance: (ms) => {
      elapsed += ms;
    },
  };
}
