import type { Clock } from '../ambient/clock.ts';

/**
 * Calls `tick` every `periodMs` milliseconds until `end` aborts; the next period begins when the tick before was made,
 * and no tick waits for what the one before has set going.
 */
export function everyPeriod(clock: Clock, periodMs: number, tick: () => void, end: AbortSignal): void {
  let cancel = (): void => undefined;
  const next = (): void => {
    cancel = clock.after(periodMs, () => {
      tick();
      next();
    });
  };
  if (end.aborted) return;
  end.addEventListener('abort', () => cancel(), { once: true });
  next();
}
