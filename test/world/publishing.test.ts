import { describe, expect, it } from 'vitest';
import { BUILDERS, DELETE, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, copiesIn, expectRest, saying } from './scene.ts';
import { DAY, HOUR, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
const NAME = '/ami/web/x86_64';
const PUBLISH = { ssmParameter: '/ami/{app}/{architecture}' };
const spec = (more: object = {}): object => ({ sharing: undefined, publish: PUBLISH, ...more });
const pointers = (world: World): string[] =>
  world.aws
    .world()
    .parameters.filter(({ name }) => name === NAME)
    .map(({ account, region, value }) => {
      const image = world.aws.world().images.find(({ id }) => id === value);
      return `${account}/${region} ${image?.name ?? value}`;
    });
const everywhere = (name: string): string[] => [
  `${BUILDERS}/eu-west-1 ${name}`,
  `${BUILDERS}/us-east-1 ${name}`,
  `${PRODUCTION}/eu-west-1 ${name}`,
];

async function start(more: object = {}, seed: object = seedOf()): Promise<World> {
  const world = begin([policy(spec(more))], { seed });
  world.launch();
  await world.untilReady('web');
  return world;
}

describe('publishing', () => {
  it('peer complaint 34: points at the newest version in every target, and moves with a release once that is ready everywhere', async () => {
    const world = await start();
    expect(pointers(world)).toEqual(everywhere('web-3'));
    expect(world.aws.world().parameters[0]).toMatchObject({ dataType: 'aws:ec2:image' });
    await expectRest(world);
    world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
    await world.until('it moves', () => pointers(world).join() === everywhere('web-4').join(), HOUR);
    await world.untilReady('web');
    expect(saying(world, 'web', 'Published')).toMatch(/^True PublishedAsReady/);
    await expectRest(world);
  });

  it('peer complaint 35: goes back by a pin and forward without it', async () => {
    const world = await start({
      source: {
        account: BUILDERS,
        region: 'us-east-1',
        images: { tags: { release: 'stable' } },
        groupBy: ['app'],
        newest: 2,
      },
    });
    world.patch('web', { spec: { publish: { pin: ['web-2'] } } });
    await world.until('it goes back', () => pointers(world).join() === everywhere('web-2').join(), HOUR);
    await world.untilReady('web');
    world.patch('web', { spec: { publish: { pin: null } } });
    await world.until('it goes forward', () => pointers(world).join() === everywhere('web-3').join(), HOUR);
    await world.untilReady('web');
    expect(pointers(world)).toEqual(everywhere('web-3'));
  });

  it('leaves a parameter alone that is somebody else’s, and says so', async () => {
    const given = seedOf() as { accounts: Record<string, object> };
    const world = begin([policy(spec())], {
      seed: {
        ...given,
        accounts: {
          ...given.accounts,
          [PRODUCTION]: {
            ...given.accounts[PRODUCTION],
            'eu-west-1': { parameters: [{ name: NAME, value: 'theirs' }] },
          },
        },
      },
    });
    world.launch();
    await world.until('it is said', () => saying(world, 'web', 'Published').startsWith('False ParameterForeign'), HOUR);
    expect(pointers(world).at(-1)).toBe(`${PRODUCTION}/eu-west-1 theirs`);
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined, HOUR);
    await expectRest(world);
  });

  it('takes its parameters back when the policy no longer publishes', async () => {
    const world = await start();
    world.patch('web', { spec: { publish: null } });
    await world.until('they are gone', () => pointers(world).length === 0, HOUR);
    await world.untilReady('web');
    expect(world.condition('web', 'Published')).toBeUndefined();
    await expectRest(world);
  });

  it('with deletionPolicy Delete the parameters go first, then the copies; with Retain all stays', async () => {
    const world = await start(DELETE);
    world.delete('web');
    await world.until('it is gone', () => world.policy('web') === undefined, DAY);
    expect(pointers(world)).toEqual([]);
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
    const other = await start();
    other.delete('web');
    await other.until('it is gone', () => other.policy('web') === undefined, DAY);
    expect(pointers(other)).toEqual(everywhere('web-3'));
  });

  it('a target that the policy no longer names loses its parameter before its copies', async () => {
    const world = await start({ retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } });
    world.patch('web', { spec: { accounts: null } });
    await world.until('the copies are gone', () => copiesIn(world, PRODUCTION, 'eu-west-1').length === 0, DAY);
    expect(pointers(world)).toEqual(everywhere('web-3').slice(0, 2));
    await world.untilReady('web');
    await expectRest(world);
  });
});
