import { beforeEach, expect, it } from 'vitest';
import type { Clock } from '../../src/ambient/clock.ts';
import { EventLoopWatch } from '../../src/server/event-loop-watch.ts';

/** A clock whose timers run only when the event loop is let run. */
function loop(): { readonly clock: Clock; block(ms: number): void; turn(): void } {
  let now = 0;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  return {
    clock: {
      now: () => now,
      monotonic: () => now,
      after: (ms, run) => {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return () => {
          timers = timers.filter((each) => each !== timer);
        };
      },
    },
    block: (ms) => {
      now += ms;
    },
    turn: () => {
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { run } of due) run();
    },
  };
}

let event: ReturnType<typeof loop>;
let watch: EventLoopWatch;
const run = (seconds: number): void => {
  for (let second = 0; second < seconds; second++) {
    event.block(1000);
    event.turn();
  }
};

beforeEach(() => {
  event = loop();
  watch = new EventLoopWatch(event.clock);
  watch.start();
});

it('a loop that turns is never late', () => {
  run(120);
  expect(watch.longestDelayMs()).toBe(0);
  expect(watch.trouble()).toBeUndefined();
});

it('a loop that was late for a moment is well, and the delay is known for a minute', () => {
  run(5);
  event.block(4000);
  event.turn();
  expect(watch.longestDelayMs()).toBe(3000);
  expect(watch.trouble()).toBeUndefined();
  run(59);
  expect(watch.longestDelayMs()).toBe(3000);
  run(3);
  expect(watch.longestDelayMs()).toBe(0);
});

it('one that was late for longer than a leader may act unseen is not well, until that was a minute ago', () => {
  event.block(13_000);
  event.turn();
  expect(watch.trouble()).toBe('the event loop was late by 12 s within the last minute; 10 s is the limit');
  run(62);
  expect(watch.trouble()).toBeUndefined();
});

it('a delay counts before it is over', () => {
  event.block(12_000);
  expect(watch.trouble()).toContain('late by 11 s');
});

it('leaves no timer behind', () => {
  run(2);
  watch.stop();
  event.block(60_000);
  event.turn();
  const before = watch.longestDelayMs();
  event.turn();
  expect(watch.longestDelayMs()).toBe(before);
});
