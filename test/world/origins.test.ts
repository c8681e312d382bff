import { describe, expect, it } from 'vitest';
import { BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, expectRest, saying } from './scene.ts';
import { DAY, HOUR } from './world.ts';

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

describe('images of another account', () => {
  const VENDOR = '777788889999';
  const vendorSeed = (more: object = {}): object => {
    const given = seedOf() as { accounts: Record<string, Record<string, object>> };
    const image = (version: number): object => ({
      id: `ami-0000000000000000${version}`,
      name: `vendor-${version}`,
      ageDays: 10 - version,
      tags: { app: 'hidden', 'ec2:SharedTag/app': 'web' },
      launchPermissions: { accounts: [BUILDERS] },
      createVolumePermissions: [BUILDERS],
      ...more,
    });
    return {
      ...given,
      accounts: { ...given.accounts, [VENDOR]: { 'us-east-1': { images: [image(7), image(8)] } } },
    };
  };
  const vendorPolicy = (spec: object = {}): object =>
    policy({
      source: {
        account: BUILDERS,
        region: 'us-east-1',
        images: { owner: VENDOR, names: ['vendor-*'], tags: { app: 'web' } },
        groupBy: ['app'],
      },
      sharing: { accounts: [CONSUMER] },
      ...spec,
    });

  it('are copied into the source account first; that copy is shared there, and is what the others are made from', async () => {
    const world = begin([vendorPolicy()], { seed: vendorSeed() });
    const vendors = (): unknown => world.aws.world().images.filter(({ account }) => account === VENDOR);
    const before = vendors();
    world.launch();
    await world.untilReady('web');
    const [first] = copiesIn(world, BUILDERS, 'us-east-1');
    expect(first).toMatchObject({
      name: 'vendor-8',
      sourceImageId: 'ami-00000000000000008',
      permissions: { accounts: [CONSUMER] },
    });
    expect(first?.tags).toMatchObject({ app: 'web', 'amifleet.io/family': 'x86_64 app=web' });
    expect(first?.tags).not.toHaveProperty('ec2:SharedTag/app');
    for (const account of [BUILDERS, PRODUCTION])
      expect(copiesIn(world, account, 'eu-west-1').map(({ sourceImageId }) => sourceImageId)).toEqual([first?.id]);
    await expectRest(world);
    expect(vendors()).toEqual(before);
  });

  it('outlive what their owner takes back', async () => {
    const world = begin([vendorPolicy({ regions: [{ name: 'us-east-1' }], accounts: undefined })], {
      seed: vendorSeed(),
    });
    world.launch();
    await world.untilReady('web');
    world.call(VENDOR, 'us-east-1', {
      Action: 'DeregisterImage',
      Version: '2016-11-15',
      ImageId: 'ami-00000000000000008',
    });
    world.patch('web', { spec: { regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }] } });
    await world.untilReady('web');
    expect(copiesIn(world, BUILDERS, 'eu-west-1').map(({ name }) => name)).toEqual(['vendor-8']);
    await expectRest(world);
  });

  it('leave what was copied of them where the policy is suspended, and go with it where it says so', async () => {
    const world = begin([vendorPolicy({ accounts: undefined, deletionPolicy: 'Delete' })], { seed: vendorSeed() });
    world.launch({ resyncMs: HOUR });
    await world.untilReady('web');
    world.patch('web', { spec: { suspend: true } });
    await world.until('it is suspended', () => world.condition('web', 'Ready')?.reason === 'Suspended');
    await expectRest(world);
    expect(copiesIn(world, BUILDERS, 'us-east-1')).toHaveLength(1);
    world.delete('web');
    const left = (): number => ['us-east-1', 'eu-west-1'].flatMap((each) => copiesIn(world, BUILDERS, each)).length;
    await world.until('all but one are gone', () => left() === 1, 3 * DAY);
    // What another account shares today it may take back tomorrow: the last image of our own is the last one.
    await world.until('it is blocked', () => /last usable image/.test(saying(world, 'web', 'Ready')), HOUR);
    world.patch('web', { spec: { deletionPolicy: 'Retain' } });
    await world.until('it is gone', () => world.policy('web') === undefined, HOUR);
    expect(left()).toBe(1);
    expect(world.aws.world().images.filter(({ account }) => account === VENDOR)).toHaveLength(2);
  });

  it('of which only the image is shared cannot be copied, and status says who must do what', async () => {
    const world = begin([vendorPolicy({ regions: [{ name: 'us-east-1' }], accounts: undefined })], {
      seed: vendorSeed({ createVolumePermissions: [] }),
    });
    world.launch();
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    expect(saying(world, 'web', 'Replicated')).toMatch(
      /SourceNotReadable: .*may not read ami-00000000000000008 of account 777788889999.*create-volume permission/,
    );
    expect(copiesIn(world, BUILDERS, 'us-east-1')).toEqual([]);
  });

  it('are found by no policy that does not name their owner', async () => {
    const world = begin([vendorPolicy(ownImages)], { seed: vendorSeed() });
    world.launch();
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
    expect(saying(world, 'web', 'SourceResolved')).toMatch(/NoSourceImages/);
    await expectRest(world);
    expect(world.oracle.mutations).toBe(0);
  });
});

const ownImages = {
  source: { account: BUILDERS, region: 'us-east-1', images: { names: ['vendor-*'] } },
};
