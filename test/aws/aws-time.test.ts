import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { AwsTime } from '../../src/aws/aws-time.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const header = (time: number): string => new Date(time).toUTCString();

describe('the time of AWS', () => {
  it("is the machine's own before AWS has answered", async () => {
    const clock = new VirtualClock(START);
    const time = new AwsTime(clock);
    time.observe(undefined, 0);
    time.observe('yesterday or so', 0);
    await clock.advance(5000);
    expect(time.now()).toBe(START + 5000);
  });

  it('goes on from the last answers, to within a second', async () => {
    const clock = new VirtualClock(START);
    const time = new AwsTime(clock);
    time.observe(header(START + 86_400_000), clock.monotonic());
    await clock.advance(60_000);
    expect(Math.abs(time.now() - (START + 86_400_000 + 60_000))).toBeLessThanOrEqual(1000);
  });

  it('takes an answer to be from the middle of its way', async () => {
    const clock = new VirtualClock(START);
    const time = new AwsTime(clock);
    await clock.advance(10_000);
    time.observe(header(START), 0);
    expect(time.now()).toBe(START + 500 + 5000);
  });

  it('does not believe one header against the others', () => {
    const clock = new VirtualClock(START);
    const time = new AwsTime(clock);
    for (let i = 0; i < 3; i++) time.observe(header(START), 0);
    time.observe(header(START + 365 * 86_400_000), 0);
    expect(time.now()).toBe(START + 500);
  });

  it('follows when all answers agree on another time', () => {
    const clock = new VirtualClock(START);
    const time = new AwsTime(clock);
    for (let i = 0; i < 9; i++) time.observe(header(START), 0);
    for (let i = 0; i < 3; i++) time.observe(header(START + 86_400_000), 0);
    expect(time.now()).toBe(START + 86_400_000 + 500);
  });
});
