import { describe, expect, it } from 'vitest';
import { BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, expectRest, saying } from './scene.ts';
import { DAY, HOUR, type World } from './world.ts';

const keys = (...aliases: string[]): object => ({ keys: aliases.map((alias) => ({ alias })) });
const seed = (eu: object, production: object = {}): object => {
  const given = seedOf() as { accounts: Record<string, Record<string, object>> };
  return {
    ...given,
    accounts: {
      [BUILDERS]: { ...given.accounts[BUILDERS], 'eu-west-1': eu },
      [PRODUCTION]: { ...given.accounts[PRODUCTION], 'eu-west-1': production },
    },
  };
};
const EU = { name: 'eu-west-1', kmsKeyId: 'alias/ami' };
const keyOf = (world: World, alias: string, account = BUILDERS): string | undefined =>
  world.aws.world().keys.find((key) => key.alias === alias && key.account === account)?.arn;
const keysIn = (world: World, account: string): (string | undefined)[] =>
  copiesIn(world, account, 'eu-west-1').flatMap(({ volumes }) => volumes.map(({ kmsKeyId }) => kmsKeyId));

describe('kmsKeyId', () => {
  it('encrypts the copies of each account with its own key of that name', async () => {
    const world = begin([policy({ regions: [EU], accounts: [{ id: PRODUCTION }], sharing: undefined })], {
      seed: seed(keys('alias/ami'), keys('alias/ami')),
    });
    world.launch();
    await world.untilReady('web');
    expect(new Set(keysIn(world, BUILDERS))).toEqual(new Set([keyOf(world, 'alias/ami')]));
    expect(new Set(keysIn(world, PRODUCTION))).toEqual(new Set([keyOf(world, 'alias/ami', PRODUCTION)]));
    await expectRest(world);
  });

  it('peer complaint 24: that changes replaces the copies: the new one first, then the old one goes', async () => {
    const world = begin(
      [
        policy({
          regions: [EU],
          accounts: undefined,
          sharing: { accounts: [CONSUMER] },
          retention: { keepNewest: 1, deleteAfterDays: 1 },
        }),
      ],
      { seed: seed(keys('alias/ami', 'alias/new')) },
    );
    world.launch({ resyncMs: HOUR });
    await world.untilReady('web');
    const [old] = copiesIn(world, BUILDERS, 'eu-west-1');
    world.patch('web', { spec: { regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/new' }] } });
    const right = (): boolean =>
      copiesIn(world, BUILDERS, 'eu-west-1').some(
        ({ state, volumes }) =>
          state === 'available' && volumes.every(({ kmsKeyId }) => kmsKeyId === keyOf(world, 'alias/new')),
      );
    await world.until('the new one is there', right, HOUR);
    expect(copiesIn(world, BUILDERS, 'eu-west-1').map(({ id }) => id)).toContain(old?.id);
    await world.until('the old one is gone', () => copiesIn(world, BUILDERS, 'eu-west-1').length === 1, 3 * DAY);
    expect(right()).toBe(true);
    expect(copiesIn(world, BUILDERS, 'eu-west-1')[0]?.permissions.accounts).toEqual([CONSUMER]);
    await world.untilReady('web');
    await expectRest(world);
  });

  it('peer complaint 11: in the own region of the source: the source is copied too, and the copy is what is shared', async () => {
    const given = seedOf() as { accounts: Record<string, Record<string, object>> };
    const world = begin(
      [
        policy({
          regions: [{ name: 'us-east-1', kmsKeyId: 'alias/ami' }],
          accounts: undefined,
          sharing: { accounts: [CONSUMER] },
        }),
      ],
      {
        seed: {
          ...given,
          accounts: {
            ...given.accounts,
            [BUILDERS]: {
              ...given.accounts[BUILDERS],
              'us-east-1': { ...given.accounts[BUILDERS]?.['us-east-1'], ...keys('alias/ami') },
            },
          },
        },
      },
    );
    world.launch();
    await world.untilReady('web');
    const [copy] = copiesIn(world, BUILDERS, 'us-east-1');
    expect(copy?.permissions.accounts).toEqual([CONSUMER]);
    expect(world.aws.world().images.find(({ id }) => id === copy?.sourceImageId)?.permissions.accounts).toEqual([]);
    await expectRest(world);
  });

  it.each([
    ['is not there', keys('alias/other'), /KeyNotFound: .*there is no key alias\/ami in 111122223333\/eu-west-1/],
    ['is disabled', { keys: [{ alias: 'alias/ami', state: 'Disabled' }] }, /KeyNotUsable: .*its state is Disabled/],
    ['is asymmetric', { keys: [{ alias: 'alias/ami', spec: 'RSA_2048' }] }, /KeyNotUsable: .*asymmetric/],
  ])(
    'peer complaint 12: that %s: nothing is copied there, other targets go on, and status says what to do',
    async (_, eu, text) => {
      const world = begin(
        [
          policy({
            regions: [EU],
            accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }],
            sharing: undefined,
          }),
        ],
        { seed: seed(eu) },
      );
      world.launch();
      await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
      expect(saying(world, 'web', 'Replicated')).toMatch(text);
      expect(copiesIn(world, BUILDERS, 'eu-west-1')).toEqual([]);
      expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toHaveLength(1);
      await expectRest(world);
    },
  );

  it('that may not be looked at is used all the same', async () => {
    const world = begin([policy({ regions: [EU], accounts: undefined, sharing: undefined })], {
      seed: seed({ keys: [{ alias: 'alias/ami', hidden: true }] }),
    });
    world.launch();
    await world.untilReady('web');
    expect(new Set(keysIn(world, BUILDERS))).toEqual(new Set([keyOf(world, 'alias/ami')]));
    await expectRest(world);
  });
});

it('peer complaint 14: a region that encrypts by default with the key of AWS: what is to be shared is not copied in vain', async () => {
  const world = begin([policy({ regions: [{ name: 'eu-west-1' }], accounts: undefined })], {
    seed: seed({ defaultEncryption: { enabled: true } }),
  });
  world.launch();
  await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined);
  expect(saying(world, 'web', 'Replicated')).toMatch(
    /^False WouldBeUnshareable: .*encrypts by default in eu-west-1.*Set kmsKeyId/,
  );
  expect(copiesIn(world, BUILDERS, 'eu-west-1')).toEqual([]);
  await expectRest(world);
});

it('peer complaint 13: a source whose key another account may not use: the failure names key, account and grants', async () => {
  const given = seedOf() as { accounts: Record<string, Record<string, object>> };
  const world = begin(
    [policy({ regions: [{ name: 'us-east-1' }], accounts: [{ id: PRODUCTION, regions: [EU] }], sharing: undefined })],
    {
      seed: {
        ...given,
        accounts: {
          [BUILDERS]: {
            ...given.accounts[BUILDERS],
            'us-east-1': {
              images: [
                {
                  name: 'web-9',
                  tags: { app: 'web', release: 'stable' },
                  encrypted: true,
                  kmsKeyId: 'alias/builders',
                },
              ],
              ...keys('alias/builders'),
            },
          },
          [PRODUCTION]: { ...given.accounts[PRODUCTION], 'eu-west-1': keys('alias/ami') },
        },
      },
    },
  );
  world.launch();
  await world.until('it has failed', () => saying(world, 'web', 'Replicated').includes('KeyNotAccessible'));
  expect(saying(world, 'web', 'Replicated')).toMatch(
    /Given key ID is not accessible \(snap-[0-9a-f]+\)\. Account 222233334444 must be able to use alias\/ami in eu-west-1, and the key of the source: kms:DescribeKey, kms:CreateGrant, kms:Decrypt, kms:GenerateDataKey\* and kms:ReEncrypt\*/,
  );
});
