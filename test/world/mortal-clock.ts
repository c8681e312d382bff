import type { Clock } from '../../src/ambient/clock.ts';
import type { Lifeline } from './lifeline.ts';

/** The clock of one controller: its timers die with it. */
export function mortalClock(clock: Clock, life: Lifeline): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (ms, run) =>
      clock.after(ms, () => {
        if (!life.isCut) run();
      }),
  };
}
