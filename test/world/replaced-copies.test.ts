import { describe, expect, it } from 'vitest';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn } from './scene.ts';
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

describe('kmsKeyId', () => {
  it.each([
    [
      'published',
      {
        publish: { ssmParameter: '/ami/{architecture}' },
        source: { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } } },
      },
    ],
    ['protected', { protection: true }],
  ])('that changes replaces copies that are %s, and the old ones go', async (_, more) => {
    const world = begin(
      [
        policy({
          regions: [EU],
          accounts: undefined,
          sharing: undefined,
          retention: { keepNewest: 1, deleteAfterDays: 1 },
          ...more,
        }),
      ],
      { seed: seed(keys('alias/ami', 'alias/new')) },
    );
    world.launch({ resyncMs: HOUR });
    await world.untilReady('web');
    world.patch('web', { spec: { regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/new' }] } });
    await world.rest(20 * DAY);
    const left = copiesIn(world, BUILDERS, 'eu-west-1');
    expect(left.map(({ volumes }) => volumes[0]?.kmsKeyId)).toEqual([keyOf(world, 'alias/new')]);
    expect(world.aws.world().parameters.every(({ value }) => left.some(({ id }) => id === value))).toBe(true);
  });
});
