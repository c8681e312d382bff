import { describe, expect, it } from 'vitest';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, expectRest, saying } from './scene.ts';

/** The newest source as `image` says, and a key of the builders in its region. */
const seed = (image: object): object => {
  const given = seedOf() as { accounts: Record<string, Record<string, object>> };
  return {
    ...given,
    accounts: {
      ...given.accounts,
      [BUILDERS]: {
        ...given.accounts[BUILDERS],
        'us-east-1': {
          images: [{ id: 'ami-00000000000000003', name: 'web-3', tags: { app: 'web', release: 'stable' }, ...image }],
          keys: [{ alias: 'alias/ami', grantsTo: [PRODUCTION] }],
        },
      },
    },
  };
};
const crossing = (...regions: object[]): object =>
  policy({ regions, accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }], sharing: undefined });

describe('a source under the key that AWS manages', () => {
  it('goes to another account by way of a copy in its own, under the key that the policy names', async () => {
    const world = begin([crossing({ name: 'us-east-1', kmsKeyId: 'alias/ami' })], { seed: seed({ encrypted: true }) });
    world.launch();
    await world.untilReady('web');
    const [first] = copiesIn(world, BUILDERS, 'us-east-1');
    const [there] = copiesIn(world, PRODUCTION, 'eu-west-1');
    expect(there?.sourceImageId).toBe(first?.id);
    await expectRest(world);
    expect(copiesIn(world, BUILDERS, 'us-east-1')[0]?.permissions.accounts).toEqual([]);
  });

  it('is refused to another account where the policy names none, before anything is given', async () => {
    const world = begin([crossing({ name: 'us-east-1' })], { seed: seed({ encrypted: true }) });
    world.launch();
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    expect(saying(world, 'web', 'Replicated')).toMatch(/^False OriginKeyNotShareable: .*Set kmsKeyId of us-east-1/);
    await expectRest(world);
    expect(world.oracle.mutations).toBe(0);
  });
});

it('an image of AWS Marketplace is copied within its account, and refused to others before anything is given', async () => {
  const world = begin([crossing({ name: 'eu-west-1' })], { seed: seed({ productCodes: ['abcd1234'] }) });
  world.launch();
  await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
  await world.until('it is copied', () => copiesIn(world, BUILDERS, 'eu-west-1')[0]?.state === 'available');
  expect(saying(world, 'web', 'Replicated')).toMatch(/^False MarketplaceImage: /);
  expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
  await expectRest(world);
});
