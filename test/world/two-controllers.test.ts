import { describe, expect, it } from 'vitest';
import { canonical } from './canonical.ts';
import { BUILDERS, policy, seedOf } from './documents.ts';
import { begin, everywhere, expectRest } from './scene.ts';
import { HOUR, MINUTE, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };

/** A release takes the place of the version before it, while `controllers` of them run that know nothing of each other. */
async function run(spec: object, start: (world: World) => void) {
  const world = begin([policy({ ...spec, retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } })], {
    seed: seedOf({ copySeconds: [5, 10] }),
  });
  start(world);
  await world.untilReady('web', 2 * HOUR);
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('only the release is left', () => everywhere(world, 'web-4'), 2 * HOUR);
  await world.untilReady('web', HOUR);
  await world.rest(30 * MINUTE);
  await expectRest(world);
  return { end: canonical(world.aws.world()), made: world.oracle.made.size };
}

describe('two controllers that run at the same time, as in a rollout that went wrong', () => {
  const alone = run({ sharing: undefined }, (world) => void world.launch());

  it('begun together: no second copy, nothing left over, and the same end as with one', async () => {
    const both = await run({ sharing: undefined }, (world) => {
      world.launch();
      world.launch();
    });
    expect(both).toEqual(await alone);
  });

  it.each([1, 5, 20, 61])('the second %i seconds after the first: the same end', async (seconds) => {
    const both = await run({ sharing: undefined }, (world) => {
      world.launch();
      world.clock.after(seconds * 1000, () => world.launch());
    });
    expect(both).toEqual(await alone);
  });
});
