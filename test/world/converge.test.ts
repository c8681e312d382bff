import { describe, expect, it } from 'vitest';
import { ACCOUNTS, BUILDERS, CONSUMER, PRODUCTION, policy, seedOf, UNIT } from './documents.ts';
import { World } from './world.ts';

const begin = (...documents: readonly object[]): World => {
  const world = new World(seedOf());
  for (const document of [...ACCOUNTS, ...documents]) world.apply(document);
  return world;
};
const copies = (world: World, account: string, region: string) =>
  world.aws
    .world()
    .images.filter(
      (image) =>
        image.account === account &&
        image.region === region &&
        image.state === 'available' &&
        image.tags['amifleet.io/source-image'] !== undefined,
    );

describe('a policy in a whole world under virtual time', () => {
  it('becomes images in every target, shared as listed, and then nothing happens any more', async () => {
    const world = begin(policy());
    world.launch();
    await world.untilReady('web');
    expect(copies(world, BUILDERS, 'eu-west-1').map(({ name }) => name)).toEqual(['web-3']);
    expect(copies(world, PRODUCTION, 'eu-west-1').map(({ name }) => name)).toEqual(['web-3']);
    expect(copies(world, BUILDERS, 'eu-west-1')[0]?.permissions).toMatchObject({
      accounts: [CONSUMER],
      organizationalUnits: [UNIT],
    });
    expect(copies(world, PRODUCTION, 'eu-west-1')[0]?.permissions.accounts).toEqual([]);
    await world.rest();
    const { mutations, statusWrites } = world.oracle;
    await world.rest();
    expect(world.oracle).toMatchObject({ mutations, statusWrites, violations: [] });
  });
});
