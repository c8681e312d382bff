import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Buckets } from '../../../src/simulator/ec2/buckets.ts';

const take = (buckets: Buckets, action: string, now: number, region = 'us-east-1', unfiltered = false): boolean =>
  buckets.take('111122223333', region, action, now, unfiltered);
/** How many calls in a row go through. */
const burst = (buckets: Buckets, action: string, now: number, unfiltered = false): number => {
  let count = 0;
  while (take(buckets, action, now, 'us-east-1', unfiltered)) count++;
  return count;
};

describe('the buckets of EC2', () => {
  it.each([
    ['CopyImage', false, 100, 1],
    ['DeregisterImage', false, 100, 5],
    ['ModifyImageAttribute', false, 100, 5],
    ['ModifySnapshotAttribute', false, 100, 5],
    ['DeleteSnapshot', false, 100, 5],
    ['CreateTags', false, 100, 10],
    ['DeleteTags', false, 100, 10],
    ['DisableImage', false, 50, 5],
    ['RegisterImage', false, 50, 5],
    ['CopySnapshot', false, 50, 5],
    ['DescribeImages', false, 100, 20],
    ['GetEbsDefaultKmsKeyId', false, 100, 20],
    ['ListImagesInRecycleBin', false, 100, 20],
    ['DescribeSnapshots', true, 50, 10],
    ['EnableImageBlockPublicAccess', false, 1, 0.1],
  ])('%s (everything at once: %s): %d at once, then %d a second', (action, unfiltered, size, refill) => {
    const buckets = new Buckets();
    expect(burst(buckets, action, 0, unfiltered)).toBe(size);
    expect(burst(buckets, action, 10_000, unfiltered)).toBe(Math.min(size, refill * 10));
    expect(burst(buckets, action, 1e9, unfiltered)).toBe(size);
  });

  it('never let more through than a bucket holds and what ran in since', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 400 }), (pauses) => {
        const buckets = new Buckets();
        let now = 0;
        const passed: number[] = [];
        for (const pause of pauses) {
          now += pause;
          if (take(buckets, 'CopyImage', now)) passed.push(now);
        }
        for (const [index, from] of passed.entries()) {
          const until = passed.at(-1) ?? from;
          expect(passed.length - index).toBeLessThanOrEqual(100 + (until - from) / 1000);
        }
      }),
    );
  });

  it('of one region leave those of another alone', () => {
    const buckets = new Buckets();
    burst(buckets, 'CopyImage', 0);
    expect(take(buckets, 'CopyImage', 0, 'eu-west-1')).toBe(true);
  });
});
