import { sizeOf } from '../../src/aws/bucket-sizes.ts';
import { DEFAULT_SHARE } from '../../src/aws/rate-budget.ts';
import { DEFAULT_REGIONS, OPTED_IN_REGIONS } from '../../src/simulator/ec2/regions.ts';
import { ACCOUNTS, BUILDERS, PRODUCTION, policy, seedOf } from '../world/documents.ts';
import { HOUR, World } from '../world/world.ts';
import type { Benchmark } from './benchmark.ts';

const HOME = 'us-east-1';
const IMAGES = 200;
const REGIONS = DEFAULT_REGIONS.filter((name) => name !== HOME).slice(0, 10);
const TARGETS = 2 * REGIONS.length;
const COPY_MS = 60_000;
/** How much later than the bound everything may be ready. */
const GOAL = 1.05;

export const converge: Benchmark = {
  about: `${IMAGES} images into ${REGIONS.length} regions of 2 accounts, from nothing until the policy is ready: whole controller in virtual time, every copy takes ${COPY_MS / 1000} s`,
  run: async () => {
    const world = new World(seed(), [], false);
    for (const each of [...ACCOUNTS, everything()]) world.apply(each);
    const began = world.clock.monotonic();
    const asked = new Map<string, number[]>();
    world.aws.onCall(({ action, account, region, mutates }) => {
      // A dry run asks whether it may be done.
      if (action !== 'CopyImage' || !mutates) return;
      const key = `${account}/${region}`;
      asked.set(key, [...(asked.get(key) ?? []), world.clock.monotonic() - began]);
    });
    const controller = world.launch();
    await world.untilReady('all', HOUR);
    const took = world.clock.monotonic() - began;
    await controller.stop();
    const copies = world.aws.world().images.filter(({ sourceImageId }) => sourceImageId !== undefined);
    if (copies.length !== IMAGES * TARGETS)
      throw new Error(`${copies.length} copies were made, not ${IMAGES * TARGETS}`);

    const lastStart = Math.max(...[...asked.values()].flat());
    const calls = world.aws.calls();
    const sum = (of: (call: (typeof calls)[number]) => number): number =>
      calls.reduce((total, call) => total + of(call), 0);
    const reads = sum(({ action, count }) => (action.startsWith('Describe') ? count : 0));
    return {
      kind: 'measured',
      figures: [
        {
          name: 'until the last copy is asked for',
          value: lastStart / 1000,
          unit: 's',
          goal: (startBoundMs() * GOAL) / 1000,
          bound: { value: startBoundMs() / 1000, why: WHY_START },
        },
        {
          name: 'until the policy is ready',
          value: took / 1000,
          unit: 's',
          goal: ((startBoundMs() + COPY_MS) * GOAL) / 1000,
          bound: { value: (startBoundMs() + COPY_MS) / 1000, why: `${WHY_START}, and the time that a copy takes` },
          detail: `${sum(({ count }) => count)} calls, of them ${sum(({ action, count }) => (action === 'CopyImage' ? count : 0))} CopyImage and ${reads} reads`,
        },
        { name: 'throttle answers', value: sum(({ throttled }) => throttled), unit: 'calls', goal: 0 },
      ],
    };
  },
};

const { burst, refill } = sizeOf('CopyImage');
const WHY_START = `EC2 has a bucket of ${burst} CopyImage for each account and region, which fills by ${refill} a second; ${100 * DEFAULT_SHARE} % of that may be used`;

/** When the last copy into a target can be asked for at the earliest: those that the full bucket does not hold wait for its refill. */
const startBoundMs = (): number => ((IMAGES - burst * DEFAULT_SHARE) / (refill * DEFAULT_SHARE)) * 1000;

/** Accounts with few regions more than the policy names. */
function seed(): object {
  const disabledRegions = [...DEFAULT_REGIONS, ...OPTED_IN_REGIONS].filter(
    (region) => region !== HOME && !REGIONS.includes(region),
  );
  return seedOf({
    copySeconds: [COPY_MS / 1000, COPY_MS / 1000],
    accounts: {
      [BUILDERS]: {
        disabledRegions,
        [HOME]: {
          images: Array.from({ length: IMAGES }, (_, index) => ({
            name: `web-${String(index).padStart(3, '0')}`,
            ageDays: 1 + IMAGES - index,
            tags: { app: 'web' },
          })),
        },
      },
      [PRODUCTION]: { disabledRegions },
    },
  });
}

const everything = (): object =>
  policy(
    {
      source: { account: BUILDERS, region: HOME, images: { tags: { app: 'web' } }, newest: IMAGES },
      regions: REGIONS.map((name) => ({ name })),
      accounts: [{ id: PRODUCTION }],
      sharing: undefined,
    },
    'all',
  );
