import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { TokenBucket } from '../../src/kube/token-bucket.ts';

const still = async (): Promise<void> => undefined;
const takes = (bucket: TokenBucket, tries: number): number =>
  Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length;

describe('the bucket', () => {
  it('allows a burst, and then one each time it refills', async () => {
    const clock = new VirtualClock(0, still);
    const bucket = new TokenBucket(clock, 3, 1_000);
    expect(takes(bucket, 10)).toBe(3);
    await clock.advance(999);
    expect(bucket.take()).toBe(false);
    await clock.advance(1);
    expect(takes(bucket, 10)).toBe(1);
  });

  it('holds no more than it can, however long nobody takes', async () => {
    const clock = new VirtualClock(0, still);
    const bucket = new TokenBucket(clock, 3, 1_000);
    await clock.advance(1_000_000);
    expect(bucket.isFull()).toBe(true);
    expect(takes(bucket, 10)).toBe(3);
    expect(bucket.isFull()).toBe(false);
  });

  it('gives what a plain account of milliseconds gives', async () => {
    // Eighths of the refill time, which floating point knows exactly.
    const waits = fc.array(fc.nat(24), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(waits, fc.integer({ min: 1, max: 5 }), async (waits, capacity) => {
        const clock = new VirtualClock(0, still);
        const bucket = new TokenBucket(clock, capacity, 1_000);
        let saved = capacity * 1_000;
        for (const [index, eighths] of waits.entries()) {
          await clock.advance(eighths * 125);
          saved = Math.min(capacity * 1_000, saved + eighths * 125);
          const tries = index % 3;
          const given = Math.min(tries, Math.floor(saved / 1_000));
          saved -= given * 1_000;
          expect(takes(bucket, tries)).toBe(given);
          expect(bucket.isFull()).toBe(saved === capacity * 1_000);
        }
      }),
    );
  });
});
