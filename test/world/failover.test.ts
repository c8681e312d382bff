import { describe, expect, it } from 'vitest';
import { canonical } from './canonical.ts';
import { BUILDERS, policy, seedOf } from './documents.ts';
import { begin, everywhere, expectRest } from './scene.ts';
import { HOUR, MINUTE, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
const POLICY = policy({ sharing: undefined, retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } });

/** A release takes the place of the version before it, by one leader or several. */
async function run(disturb: (world: World) => void | Promise<void>) {
  const world = begin([POLICY], { seed: seedOf({ copySeconds: [5, 10] }) });
  await disturb(world);
  await world.untilReady('web', 2 * HOUR);
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('only the release is left', () => everywhere(world, 'web-4'), 2 * HOUR);
  await world.untilReady('web', HOUR);
  await world.rest(30 * MINUTE);
  await expectRest(world);
  return { end: canonical(world.aws.world()), made: world.oracle.made.size };
}

describe('two replicas with one lease', () => {
  const alone = run((world) => void world.launch());

  it('do what one does, and the standby changes nothing', async () => {
    let standby = 0;
    const both = await run((world) => {
      world.launch({ identity: 'a' });
      const { life } = world.launch({ identity: 'b' });
      standby = life.changes.length;
    });
    expect(both).toEqual(await alone);
    expect(standby).toBe(0);
  });

  it.each([2, 8, 15, 31, 60])(
    'the leader is killed after %i seconds: the same end, by the standby',
    async (seconds) => {
      const both = await run((world) => {
        const { life } = world.launch({ identity: 'a' });
        world.clock.after(1000, () => world.launch({ identity: 'b' }));
        world.clock.after(seconds * 1000, () => life.cut());
      });
      expect(both).toEqual(await alone);
    },
  );

  it.each([3, 9, 20, 45])(
    'the leader loses sight of the API server after %i seconds: it ends, and nothing is written twice',
    async (seconds) => {
      const both = await run((world) => {
        const { life } = world.launch({ identity: 'a' });
        world.clock.after(1000, () => world.launch({ identity: 'b' }));
        world.clock.after(seconds * 1000, () => {
          life.isPartitioned = true;
        });
      });
      expect(both).toEqual(await alone);
    },
  );

  it('the leader is stopped: the standby goes on at once', async () => {
    let stopped = 0;
    let went = 0;
    const both = await run(async (world) => {
      const leader = world.launch({ identity: 'a' });
      await world.clock.advance(8000);
      const standby = world.launch({ identity: 'b' });
      await world.clock.advance(4000);
      stopped = world.clock.monotonic();
      void leader.stop();
      await world.until(
        'the standby changes something',
        () => standby.life.changes.some((each) => each.startsWith('aws')),
        MINUTE,
      );
      went = world.clock.monotonic();
    });
    expect(both).toEqual(await alone);
    expect(went - stopped).toBeGreaterThan(0);
  });
});
