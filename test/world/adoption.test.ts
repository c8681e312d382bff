import { describe, expect, it } from 'vitest';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import type { Death } from './lifeline.ts';
import { begin, copiesIn, expectRest, saying } from './scene.ts';
import { HOUR, type World } from './world.ts';

const SOURCE = 'ami-00000000000000003';
const MATCHING = { adoption: 'Matching', sharing: undefined };
const images = (world: World) =>
  world.aws.world().images.filter(({ region, state }) => region === 'eu-west-1' && state !== 'deregistered');
const asCounted = (world: World): string[] =>
  images(world)
    .map(({ account, name }) => `${account} ${name}`)
    .toSorted();
const byHand = (world: World) => images(world).find(({ name }) => name === 'by-hand');

/** Somebody has copied the newest version into eu-west-1 already, under a name of his own. */
async function withForeignCopy(spec: object = MATCHING, more: Readonly<Record<string, string>> = {}): Promise<World> {
  const world = begin([policy(spec)]);
  world.call(BUILDERS, 'eu-west-1', {
    Action: 'CopyImage',
    Version: '2016-11-15',
    SourceImageId: SOURCE,
    SourceRegion: 'us-east-1',
    Name: 'by-hand',
    'TagSpecification.1.ResourceType': 'image',
    'TagSpecification.1.Tag.1.Key': 'Owner',
    'TagSpecification.1.Tag.1.Value': 'somebody',
    ...more,
  });
  await world.rest(HOUR);
  return world;
}

describe('a copy that somebody else made', () => {
  it('is taken over: nothing is copied there, its own tags stay, and the world is at rest', async () => {
    const world = await withForeignCopy();
    world.launch();
    await world.untilReady('web');
    expect(asCounted(world)).toEqual([`${BUILDERS} by-hand`, `${PRODUCTION} web-3`]);
    expect(copiesIn(world, BUILDERS, 'eu-west-1')).toMatchObject([
      { name: 'by-hand', tags: { Owner: 'somebody', app: 'web', 'amifleet.io/policy': 'platform/web' } },
    ]);
    expect(world.aws.world().snapshots.filter(({ tags }) => tags['amifleet.io/policy-uid'] !== undefined)).toHaveLength(
      4,
    );
    await expectRest(world);
  });

  it('is retired as any copy, snapshots and all, once a newer version is there', async () => {
    const world = await withForeignCopy({
      ...MATCHING,
      retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 },
    });
    world.launch();
    await world.untilReady('web');
    world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'stable' });
    await world.until(
      'it is gone',
      () => asCounted(world).join() === `${BUILDERS} web-4,${PRODUCTION} web-4`,
      48 * HOUR,
    );
    await world.untilReady('web');
    expect(world.aws.world().snapshots.filter(({ region }) => region === 'eu-west-1')).toHaveLength(2);
  });

  it('is left alone without adoption, and blocks nothing', async () => {
    const world = await withForeignCopy({ sharing: undefined });
    world.launch();
    await world.untilReady('web');
    expect(asCounted(world)).toEqual([`${BUILDERS} by-hand`, `${BUILDERS} web-3`, `${PRODUCTION} web-3`]);
    expect(byHand(world)?.tags).toEqual({ Owner: 'somebody' });
  });

  it('and that another manager marks is left alone: it is named, and a copy is made', async () => {
    const world = await withForeignCopy(MATCHING, {
      'TagSpecification.1.Tag.1.Key': 'CreatedBy',
      'TagSpecification.1.Tag.1.Value': 'EC2 Image Builder',
    });
    world.launch();
    await world.untilReady('web');
    expect(asCounted(world)).toContain(`${BUILDERS} web-3`);
    expect(byHand(world)?.tags).toEqual({ CreatedBy: 'EC2 Image Builder' });
  });

  it('is taken over once although the controller dies around the request', async () => {
    for (const when of ['before', 'after'] as const) {
      for (const at of [1, 2, 3, 4, 5, 6]) {
        const world = await withForeignCopy();
        const death: Death = { at, when };
        let controller = world.launch({ death });
        const revived = (): boolean => {
          if (controller.life.isCut) controller = world.launch();
          return world.isReady('web');
        };
        await world.until('it is ready', revived, 3 * HOUR);
        expect(asCounted(world)).toEqual([`${BUILDERS} by-hand`, `${PRODUCTION} web-3`]);
      }
    }
  });
});

describe('a parameter that somebody else wrote', () => {
  const NAME = '/ami/web/x86_64';
  const PUBLISH = { publish: { ssmParameter: '/ami/{app}/{architecture}' } };
  const withParameter = (spec: object): World => {
    const given = seedOf() as { accounts: Record<string, object> };
    const parameters = [{ name: NAME, value: 'theirs' }];
    return begin([policy({ sharing: undefined, ...PUBLISH, ...spec })], {
      seed: {
        ...given,
        accounts: { ...given.accounts, [PRODUCTION]: { ...given.accounts[PRODUCTION], 'eu-west-1': { parameters } } },
      },
    });
  };

  it('is taken over with adoption, and goes with the policy that took it', async () => {
    const world = withParameter({ adoption: 'Matching' });
    world.launch();
    await world.untilReady('web');
    const parameter = world.aws.world().parameters.find(({ account }) => account === PRODUCTION);
    expect(parameter).toMatchObject({
      value: copiesIn(world, PRODUCTION, 'eu-west-1')[0]?.id,
      tags: { 'amifleet.io/policy': 'platform/web' },
    });
    expect(saying(world, 'web', 'Published')).toMatch(/^True/);
    await expectRest(world);
    world.patch('web', { spec: { publish: null } });
    await world.until('they are gone', () => world.aws.world().parameters.length === 0, HOUR);
  });
});
