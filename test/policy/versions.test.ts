import { describe, expect, it } from 'vitest';
import { foreignCopyOf } from '../../src/policy/foreign-copies.ts';
import { makePlan } from '../../src/policy/make-plan.ts';
import { targetKey } from '../../src/policy/model.ts';
import { TAG } from '../../src/policy/tags.ts';
import { ami, codes, daysAgo, EU, ids, OWNER, SOURCE, spec, World } from './world.ts';

const decide = (world: World, policy = spec()) => makePlan(world.input(policy));
const wanted = (world: World, policy = spec()) => [...decide(world, policy).standings.wanted].toSorted();

describe('what is wanted', () => {
  it('is the newest version of each family by the date of its source', () => {
    const world = new World();
    world.source(1, { createdAt: daysAgo(1) });
    world.source(2, { createdAt: daysAgo(2) });
    world.source(3, { createdAt: daysAgo(3), architecture: 'arm64' });
    expect(wanted(world)).toEqual([ami(1), ami(3)]);
  });

  it('is told apart by id where dates are equal', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number, { createdAt: daysAgo(1) });
    expect(wanted(world)).toEqual([ami(2)]);
  });

  it.each([
    ['one by default', {}, [5]],
    ['as many as newest says', { source: { newest: 2 } }, [4, 5]],
    ['as many as keepNewest says where newest is left out', { retention: { keepNewest: 3 } }, [3, 4, 5]],
    ['newest before keepNewest', { source: { newest: 1 }, retention: { keepNewest: 3 } }, [5]],
  ] as const)('%s', (_, rules, numbers) => {
    const world = new World();
    for (const number of [1, 2, 3, 4, 5]) world.source(number);
    expect(wanted(world, spec(rules as Parameters<typeof spec>[0]))).toEqual(numbers.map(ami));
  });

  it('goes by families of tags', () => {
    const world = new World();
    world.source(1, { tags: { app: 'a' } });
    world.source(2, { tags: { app: 'b' } });
    world.source(3, { tags: { app: 'b' } });
    expect(wanted(world, spec({ source: { groupBy: ['app'] } }))).toEqual([ami(1), ami(3)]);
  });

  it.each(['pending', 'failed', 'disabled'] as const)('is never a source that is %s', (state) => {
    const world = new World();
    world.source(1);
    world.source(2, { state });
    expect(wanted(world)).toEqual([ami(1)]);
  });

  it('is a version whose source is gone, too, as long as a copy is there', () => {
    const world = new World();
    world.source(1);
    world.source(2, { gone: true });
    world.copy(2, EU);
    expect(wanted(world)).toEqual([ami(2)]);
  });

  it('is not a version of which nothing is left but a failed copy', () => {
    const world = new World();
    world.source(1);
    world.source(2, { gone: true });
    world.copy(2, EU, { state: 'failed' });
    expect(wanted(world)).toEqual([ami(1)]);
  });

  it.each([
    ['excluded', spec({ source: { images: { names: ['web-*'], exclude: ['web-2'] } } })],
    ['not matched any more', spec({ source: { images: { names: ['web-1'] } } })],
  ])('is not a version that is %s', (_, policy) => {
    const world = new World();
    world.source(1);
    world.source(2);
    world.copy(2, EU);
    expect(wanted(world, policy)).toEqual([ami(1)]);
  });
});

describe('what is retained', () => {
  const standing = (world: World, policy: ReturnType<typeof spec>, number: number, target = EU) => {
    const { set, standings } = decide(world, policy);
    const version = set.versions.find(({ id }) => id === ami(number));
    return standings.of(version!, target).kind;
  };

  it('is everything, without retention', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(1, EU);
    expect(standing(world, spec(), 1)).toBe('retained');
  });

  it('is the old version until its replacement is ready in that very target', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(1, EU);
    const policy = spec({ retention: {} });
    expect(standing(world, policy, 1)).toBe('retained');
    expect(standing(world, policy, 1, SOURCE)).toBe('surplus');
    const copy = world.copy(2, EU, { state: 'pending' });
    expect(standing(world, policy, 1)).toBe('retained');
    world.change(EU, copy, { state: 'available' });
    expect(standing(world, policy, 1)).toBe('surplus');
  });

  it('is what is younger than keepDays', () => {
    const world = new World();
    for (const number of [80, 95, 99]) world.source(number);
    for (const number of [80, 95, 99]) world.copy(number, EU);
    const policy = spec({ retention: { keepDays: 10 } });
    expect(standing(world, policy, 95)).toBe('retained');
    expect(standing(world, policy, 80)).toBe('surplus');
  });

  it('is nothing in a target that the spec does not name', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    expect(standing(world, spec({ regions: ['us-east-1'] }), 1)).toBe('surplus');
  });

  it('is nothing that was withdrawn, however new', () => {
    const world = new World();
    world.source(1);
    world.source(2);
    world.copy(2, EU);
    const policy = spec({ source: { images: { names: ['web-*'], exclude: [ami(2)] } }, retention: { keepDays: 3000 } });
    expect(standing(world, policy, 2)).toBe('surplus');
  });
});

describe('versions', () => {
  it('keep the family of their source after it is gone, whatever tags.add writes over it', () => {
    const world = new World();
    world.source(1, { tags: { app: 'web' }, gone: true });
    world.copy(1, EU, { tags: { app: 'written by tags.add', [TAG.family]: 'x86_64 app=web' } });
    const policy = spec({ source: { groupBy: ['app'] }, tags: { add: { app: 'written by tags.add' } } });
    expect(decide(world, policy).set.versions[0]?.family).toBe('x86_64 app=web');
  });

  it('are grouped anew by the tags of a copy when groupBy changes after the source went', () => {
    const world = new World();
    world.source(1, { tags: { app: 'web', os: 'linux' }, gone: true });
    world.copy(1, EU, { tags: { [TAG.family]: 'x86_64 app=web' } });
    const policy = spec({ source: { groupBy: ['os'] } });
    expect(decide(world, policy).set.versions[0]?.family).toBe('x86_64 os=linux');
  });

  it('are withdrawn for good once that is written on a copy and the source went', () => {
    const world = new World();
    world.source(1, { gone: true });
    world.source(2);
    world.copy(1, EU, { tags: { [TAG.withdrawnSince]: '2026-01-01T00:00:00.000Z' } });
    expect(decide(world).set.versions.find(({ id }) => id === ami(1))?.withdrawn).toContain('before its source went');
  });

  it('stay withdrawn while their source is there and not available', () => {
    const world = new World();
    world.source(1, { state: 'disabled' });
    world.copy(1, EU, { tags: { [TAG.withdrawnSince]: '2026-01-01T00:00:00.000Z' } });
    expect(decide(world).set.versions[0]?.withdrawn).toContain('not available');
  });

  it('come back when their source is seen available and matching', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { tags: { [TAG.withdrawnSince]: '2026-01-01T00:00:00.000Z' } });
    const { set, plan } = decide(world);
    expect(set.versions[0]?.withdrawn).toBeUndefined();
    expect(plan.actions.find(({ kind }) => kind === 'ClearMark')?.reason).toBe(
      'its source is available and matches again',
    );
  });

  it('do not take an image for a copy that somebody made of one, tags and all', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    const somebodys = world.copy(1, EU, { image: { madeFrom: copy } });
    const policy = spec({ regions: ['us-east-1'], retention: { deleteAfterDays: 0 } });
    world.retag(EU, somebodys, { [TAG.surplusSince]: '2026-01-01T00:00:00.000Z' });
    const { plan, set } = decide(world, policy);
    expect(set.versions[0]?.copies.get(targetKey(EU))?.map(({ image }) => image.id)).toEqual([copy]);
    expect(ids(plan).filter((id) => id.includes(somebodys))).toEqual([]);
    expect(codes(plan)).toContain('NotOurCopy');
  });

  it('belong to nobody else for a single tag that is alike', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { owner: { ...OWNER, cluster: 'cluster-2' } });
    const { set } = decide(world);
    expect(set.versions[0]?.copies.size).toBe(0);
    expect(foreignCopyOf(world.input(spec()), EU, ami(1))).toMatchObject({ cluster: 'cluster-2' });
  });

  it('say which sources are waited for and which are passed over', () => {
    const world = new World();
    world.source(1, { state: 'pending' });
    world.source(2, { state: 'failed', stateReason: 'no luck' });
    world.source(3, { state: 'disabled' });
    const { plan } = decide(world);
    expect(plan.waits.map(({ message }) => message)).toEqual([
      'the source image is pending; it counts once it is available',
    ]);
    expect(codes(plan)).toEqual(['SourceFailed', 'SourceNotUsable']);
  });

  it('that are none is a fault which names the criteria and how to look', () => {
    const { plan } = decide(new World());
    expect(codes(plan)).toEqual(['NoSourceImages']);
    expect(plan.blocked[0]).toMatchObject({ effect: 'stalls', part: 'source' });
    expect(plan.blocked[0]?.message).toContain('names web-*');
    expect(plan.blocked[0]?.message).toContain('aws ec2 describe-images');
  });
});
