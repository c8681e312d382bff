import { describe, expect, it } from 'vitest';
import { canonical, canonicalStatus } from './canonical.ts';
import { ACCOUNTS, BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import type { Death } from './lifeline.ts';
import { copiesIn } from './scene.ts';
import { DAY, HOUR, World } from './world.ts';

const VENDOR = '777788889999';

const seed = (): object => {
  const { accounts, ...given } = seedOf() as { accounts: Record<string, Record<string, object>> };
  const keys = ['alias/ami', 'alias/new'].map((alias) => ({ alias, grantsTo: [PRODUCTION] }));
  const image = {
    name: 'vendor-1',
    launchPermissions: { accounts: [BUILDERS] },
    createVolumePermissions: [BUILDERS],
  };
  return {
    ...given,
    accounts: {
      ...accounts,
      [BUILDERS]: { ...accounts[BUILDERS], 'us-east-1': { keys } },
      [VENDOR]: { 'us-east-1': { images: [image] } },
    },
  };
};

const POLICY = policy({
  source: { account: BUILDERS, region: 'us-east-1', images: { owner: VENDOR, names: ['vendor-*'] } },
  regions: [{ name: 'us-east-1', kmsKeyId: 'alias/ami' }],
  accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }],
  sharing: undefined,
  retention: { keepNewest: 1, deleteAfterDays: 1 },
});

/** An image of another account comes into the source account and from there to a third; then its key is changed. */
async function run(death?: Death): Promise<{ changes: readonly string[]; made: number; end: object; status: object }> {
  const world = new World(seed());
  for (const document of [...ACCOUNTS, POLICY]) world.apply(document);
  let controller = world.launch({ resyncMs: HOUR, ...(death && { death }) });
  const until = (what: string, done: () => boolean, limit: number): Promise<void> =>
    world.until(
      what,
      () => {
        if (controller.life.isCut) controller = world.launch({ resyncMs: HOUR });
        return done();
      },
      limit,
    );
  await until('it is everywhere', () => world.isReady('web'), 3 * HOUR);
  world.patch('web', { spec: { regions: [{ name: 'us-east-1', kmsKeyId: 'alias/new' }] } });
  const key = world.aws.world().keys.find(({ alias }) => alias === 'alias/new')?.arn;
  const isReplaced = (): boolean => {
    const copies = copiesIn(world, BUILDERS, 'us-east-1');
    return copies.length === 1 && copies[0]?.volumes.every(({ kmsKeyId }) => kmsKeyId === key) === true;
  };
  await until('it is under the other key, and the old copy is gone', isReplaced, 4 * DAY);
  for (let look = 0; look < 4; look++) {
    await world.rest(HOUR);
    if (controller.life.isCut) controller = world.launch({ resyncMs: HOUR });
  }
  expect(world.condition('web', 'Ready')).toMatchObject({ status: 'True' });
  expect(world.oracle.violations).toEqual([]);
  return {
    changes: controller.life.changes,
    made: world.oracle.made.size,
    end: canonical(world.aws.world()),
    status: canonicalStatus(world.policy('web')?.status),
  };
}

const reference = await run();
const deaths = reference.changes.flatMap((name, index) =>
  name.startsWith('aws ') ? (['before', 'after'] as const).map((when) => ({ at: index + 1, when, name })) : [],
);

describe('an image of another account whose key is changed, while the controller is killed', () => {
  it('is copied twice into the source account and once into the third, and the first copy goes', () => {
    expect(reference.made).toBe(3);
    expect(JSON.stringify(reference.end)).not.toContain('nothing, in');
    expect(deaths.length).toBeGreaterThan(20);
  });

  it.each(deaths)('$when change $at, $name: ends in the same state, with no second copy', async ({ at, when }) => {
    const { made, end, status } = await run({ at, when });
    expect({ made, end, status }).toEqual({ made: reference.made, end: reference.end, status: reference.status });
  });
});
