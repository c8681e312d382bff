import { describe, expect, it } from 'vitest';
import { retryDelayMs } from '../../src/policy/attempts.ts';
import { targetKey } from '../../src/policy/model.ts';
import { DEFAULT_LIMITS, type PlanInput } from '../../src/policy/pass.ts';
import type { Action, Plan } from '../../src/policy/plan.ts';
import { TAG } from '../../src/policy/tags.ts';
import { attemptIn, nextAttempt } from '../../src/policy/token.ts';
import { foreignKey } from '../../src/policy/versions.ts';
import { AWAY, AWAY_EU, ami, codes, daysAgo, EU, HOME, NOW, OWNER, SOURCE, spec, World } from './world.ts';

const copies = (plan: Plan) => plan.actions.flatMap((action) => (action.call.do === 'copy' ? [action] : []));
const callOf = (action: Action | undefined) => {
  if (action?.call.do !== 'copy') throw new Error('no copy is planned');
  return action.call;
};
/** `<number of the version> <target>` of each copy that is planned. */
const placed = (plan: Plan) =>
  copies(plan).map(
    (action) => `${Number.parseInt(callOf(action).sourceImage.slice(4), 16)} ${targetKey(action.target)}`,
  );
const TOKYO = { account: HOME, region: 'ap-northeast-1' };

describe('a copy', () => {
  it('is made in each target that lacks it, and not where the source itself is', () => {
    const world = new World(AWAY_EU);
    world.source(1, { grants: { accounts: [AWAY] } });
    const plan = world.plan(spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }));
    expect(placed(plan)).toEqual([`1 ${targetKey(EU)}`, `1 ${targetKey(AWAY_EU)}`]);
  });

  it('carries its whole identity from the first moment, with name, description and tags of the source', () => {
    const world = new World();
    world.source(1, { tags: { app: 'web', 'aws:cloudformation:stack-id': 'x', CreatedBy: 'EC2 Image Builder' } });
    const call = callOf(copies(world.plan(spec({ tags: { exclude: ['secret'], add: { team: 'platform' } } })))[0]);
    expect(call).toMatchObject({ name: 'web-1', description: 'release 1', origin: { imageId: ami(1) } });
    expect(call.tags).toEqual({
      app: 'web',
      team: 'platform',
      [TAG.policy]: 'platform/web',
      [TAG.policyUid]: 'uid-1',
      [TAG.cluster]: 'cluster-1',
      [TAG.sourceImage]: ami(1),
      [TAG.sourceRegion]: 'us-east-1',
      [TAG.sourceAccount]: HOME,
      [TAG.sourceCreated]: new Date(daysAgo(99)).toISOString(),
      [TAG.sourceName]: 'web-1',
      [TAG.family]: 'x86_64',
      [TAG.origin]: ami(1),
    });
  });

  it.each([
    ['all tags of the source by default', {}, { app: 'web', secret: 'x' }],
    ['none of them', { tags: { fromSource: 'None' } }, {}],
    ['all but what is excluded', { tags: { exclude: ['secret'] } }, { app: 'web' }],
    ['what is added before what the source has', { tags: { add: { app: 'mine' } } }, { app: 'mine', secret: 'x' }],
  ] as const)('gets %s', (_, tags, expected) => {
    const world = new World();
    world.source(1, { tags: { app: 'web', secret: 'x' } });
    const call = callOf(copies(world.plan(spec(tags as Parameters<typeof spec>[0])))[0]);
    expect(Object.fromEntries(Object.entries(call.tags).filter(([key]) => !key.startsWith('amifleet.io/')))).toEqual(
      expected,
    );
  });

  it('is refused where it would carry more tags than EC2 allows', () => {
    const world = new World();
    world.source(1, { tags: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`key-${index}`, 'x'])) });
    const plan = world.plan(spec());
    expect(codes(plan)).toEqual(['TooManyTags']);
    expect(plan.blocked[0]?.message).toContain('tags.exclude');
    expect(copies(plan)).toEqual([]);
  });

  it('fills just the gap when a region is added', () => {
    const world = new World(TOKYO);
    for (const number of [1, 2]) {
      world.source(number);
      world.copy(number, EU);
    }
    const plan = world.plan(spec({ regions: ['us-east-1', 'eu-west-1', 'ap-northeast-1'], source: { newest: 2 } }));
    expect(placed(plan)).toEqual([`1 ${targetKey(TOKYO)}`, `2 ${targetKey(TOKYO)}`]);
  });

  it('of an older version goes first within its family and target', () => {
    const world = new World();
    world.source(3, { createdAt: daysAgo(30) });
    world.source(1, { createdAt: daysAgo(10) });
    world.source(2, { createdAt: daysAgo(20), architecture: 'arm64' });
    const planned = copies(world.plan(spec({ source: { newest: 2 } })));
    expect(placed(world.plan(spec({ source: { newest: 2 } })))).toEqual([3, 2, 1].map((n) => `${n} ${targetKey(EU)}`));
    expect(planned.map(({ follows }) => follows)).toEqual([[], [], [planned[0]?.id]]);
  });

  it.each(['pending', 'available', 'transient'] as const)('that is %s is not made again', (state) => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { state });
    expect(copies(world.plan(spec()))).toEqual([]);
  });

  it.each([
    ['disabled', 'CopyDisabled'],
    ['invalid', 'CopyBroken'],
    ['error', 'CopyBroken'],
  ] as const)('that is %s is not made again, and somebody must look at it', (state, code) => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU, { state });
    const plan = world.plan(spec());
    expect(copies(plan)).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code, effect: 'stalls' }]);
    expect(plan.blocked[0]?.message).toContain(copy);
  });

  it('is not begun while the source cannot be listed', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.copy(1, EU);
    world.hide(SOURCE);
    expect(copies(world.plan(spec({ accounts: [{ id: AWAY }] })))).toEqual([]);
  });

  it('goes on in other targets when one cannot be reached', () => {
    const world = new World(TOKYO);
    world.source(1);
    world.hide(EU);
    const plan = world.plan(spec({ regions: ['eu-west-1', 'ap-northeast-1'] }));
    expect(placed(plan)).toEqual([`1 ${targetKey(TOKYO)}`]);
    expect(codes(plan)).toEqual(['UnauthorizedOperation']);
  });

  it('is refused by the hundreds when the selector takes in too much', () => {
    const world = new World();
    for (const number of [1, 2, 3]) world.source(number);
    const plan = world.plan(spec({ source: { newest: 3 } }), { limits: { ...DEFAULT_LIMITS, wantedVersions: 2 } });
    expect(copies(plan)).toEqual([]);
    expect(codes(plan)).toEqual(['SelectorTooBroad']);
  });
});

describe('the origin of a copy', () => {
  const originOf = (world: World, policy: PlanInput['spec']) => callOf(copies(world.plan(policy))[0]).origin;
  const three = spec({ regions: ['us-east-1', 'eu-west-1', 'ap-northeast-1'] });

  it('is the source while it is usable', () => {
    const world = new World(TOKYO);
    world.source(1);
    world.copy(1, EU);
    expect(originOf(world, three)).toMatchObject({ imageId: ami(1), region: 'us-east-1' });
  });

  it('is a ready copy when the source is gone, of the source account before any other', () => {
    const world = new World(TOKYO, AWAY_EU);
    world.source(1, { gone: true });
    const away = world.copy(1, AWAY_EU);
    const home = world.copy(1, EU);
    expect(away < home).toBe(true);
    expect(originOf(world, spec({ regions: ['eu-west-1', 'ap-northeast-1'], accounts: [{ id: AWAY }] }))).toMatchObject(
      {
        imageId: home,
        region: 'eu-west-1',
      },
    );
  });

  it('is the ready copy in the same region, where the source account has one', () => {
    const world = new World(TOKYO, AWAY_EU, { account: AWAY, region: 'ap-northeast-1' });
    world.source(1, { gone: true });
    const tokyo = world.copy(1, TOKYO, { grants: { accounts: [AWAY] } });
    world.copy(1, EU, { grants: { accounts: [AWAY] } });
    const policy = spec({
      regions: ['eu-west-1', 'ap-northeast-1'],
      accounts: [{ id: AWAY, regions: [{ name: 'ap-northeast-1' }] }],
    });
    world.place(TOKYO).volume.set(world.image(TOKYO, tokyo)!.volumes[0]!.snapshotId!, { ok: true, value: [AWAY] });
    expect(originOf(world, policy).imageId).toBe(tokyo);
  });

  it('brings the version back into the region of its source', () => {
    const world = new World();
    world.source(1, { gone: true });
    const copy = world.copy(1, EU);
    const plan = world.plan(spec());
    expect(placed(plan)).toEqual([`1 ${targetKey(SOURCE)}`]);
    expect(callOf(copies(plan)[0]).origin.imageId).toBe(copy);
    expect(copies(plan)[0]?.reason).toContain('because the source image is gone');
  });

  it.each(['pending', 'transient'] as const)('is waited for while the only copy is %s', (state) => {
    const world = new World(TOKYO);
    world.source(1, { gone: true });
    world.source(2, { state: 'pending' });
    world.copy(1, EU, { state: 'pending' });
    world.copy(1, EU, { state });
    const plan = world.plan(three);
    expect(copies(plan)).toEqual([]);
    expect(codes(plan)).toEqual([]);
    expect(plan.waits.some(({ message }) => message.includes('once that is ready'))).toBe(true);
  });
});

describe('a copy that others have, or want', () => {
  const other = { ...OWNER, name: 'other', uid: 'uid-2' };
  const rival = (createdAt: number) => ({ owner: other, spec: spec(), createdAt });

  it('is left to whoever has made it, and both are named', () => {
    const world = new World();
    world.source(1);
    const theirs = world.copy(1, EU, { owner: other });
    const plan = world.plan(spec());
    expect(copies(plan)).toEqual([]);
    expect(codes(plan)).toEqual(['OwnershipConflict']);
    for (const word of [theirs, 'platform/other', 'platform/web']) expect(plan.blocked[0]?.message).toContain(word);
  });

  it('is made beside a failed one of somebody else', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { owner: other, state: 'failed' });
    expect(copies(world.plan(spec()))).toHaveLength(1);
  });

  it.each([
    ['an older policy', 91, { owner: other, spec: spec() }, false],
    ['a younger policy', 1, { owner: other, spec: spec() }, true],
    ['an older policy of other targets', 91, { owner: other, spec: spec({ regions: ['us-west-2'] }) }, true],
    [
      'an older policy of other images',
      91,
      { owner: other, spec: spec({ source: { images: { names: ['db'] } } }) },
      true,
    ],
    ['a policy of the same age whose UID comes first', 90, { owner: { ...other, uid: 'a' }, spec: spec() }, false],
    ['a policy of the same age whose UID comes later', 90, { owner: { ...other, uid: 'z' }, spec: spec() }, true],
  ])('against %s', (_, age, one, expected) => {
    const world = new World();
    world.source(1);
    const plan = world.plan(spec(), { rivals: [{ ...one, createdAt: daysAgo(age) }] });
    expect(copies(plan).length > 0).toBe(expected);
  });

  it('stays with the younger policy that has made it already', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    expect(codes(world.plan(spec(), { rivals: [rival(daysAgo(365))] }))).toEqual([]);
  });

  it('is taken over from an earlier policy of the same name', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { owner: { ...OWNER, uid: 'uid-0' } });
    const plan = world.plan(spec());
    expect(plan.actions.map(({ kind }) => kind)).toEqual(['TakeOver']);
  });

  it.each([
    ['the same name in another cluster', { cluster: 'cluster-2' }],
    ['another name in this cluster', { name: 'other' }],
    ['another source region', { source: { account: HOME, region: 'us-west-2' } }],
  ])('is not taken over from %s', (_, who) => {
    const world = new World();
    world.source(1);
    const owner = { ...OWNER, uid: 'uid-0', ...who };
    world.copy(1, EU, { owner, tags: { [TAG.sourceRegion]: owner.source.region } });
    expect(world.plan(spec()).actions.map(({ kind }) => kind)).toEqual([]);
  });
});

describe('after a failure', () => {
  const failing = (world: World, minutesAgo: number, attempt?: string) =>
    world.copy(1, EU, {
      state: 'failed',
      image: { createdAt: NOW - minutesAgo * 60_000, stateReason: 'the key is disabled' },
      ...(attempt !== undefined && { tags: { [TAG.attempt]: attempt } }),
    });

  it.each([
    ['the first, too soon', 0.5, undefined, false],
    ['the first, after a minute', 1, undefined, true],
    ['the third, too soon', 3.9, '2.0123456789abcdef', false],
    ['the third, after four minutes', 4, '2.0123456789abcdef', true],
    ['the hundredth, too soon', 359, '99.0123456789abcdef', false],
    ['the hundredth, after six hours', 360, '99.0123456789abcdef', true],
  ])('%s', (_, minutes, attempt, again) => {
    const world = new World();
    world.source(1);
    failing(world, minutes, attempt);
    const plan = world.plan(spec());
    expect(copies(plan).length > 0).toBe(again);
    expect(plan.waits.some(({ until }) => until !== undefined && until > NOW)).toBe(!again);
    expect(plan.blocked).toMatchObject([{ code: 'CopyFailed', effect: 'retries' }]);
    expect(plan.blocked[0]?.message).toContain('the key is disabled');
  });

  it('the next one has a new token that is the same in every pass, and says which it is', () => {
    const world = new World();
    world.source(1);
    const first = callOf(copies(world.plan(spec()))[0]);
    const failed = failing(world, 10);
    const second = callOf(copies(world.plan(spec()))[0]);
    expect(second.token).not.toBe(first.token);
    expect(callOf(copies(world.plan(spec()))[0]).token).toBe(second.token);
    expect(attemptIn(second.tags[TAG.attempt])).toEqual(nextAttempt({ count: 0, digest: '' }, failed));
  });

  it('a copy that was lost is made again under the attempt that follows it', () => {
    const world = new World();
    world.source(1);
    const attempt = nextAttempt({ count: 0, digest: '' }, ami(99));
    const lost = new Map([[foreignKey(targetKey(EU), ami(1)), attempt]]);
    expect(callOf(copies(world.plan(spec(), { lost }))[0]).attempt).toEqual(attempt);
  });

  it('knowing of a later loss does not cut the wait short', () => {
    const world = new World();
    world.source(1);
    failing(world, 1);
    const lost = new Map([[foreignKey(targetKey(EU), ami(1)), { count: 3, digest: '0123456789abcdef' }]]);
    expect(copies(world.plan(spec(), { lost }))).toEqual([]);
  });

  it('waits from one minute to six hours', () => {
    expect([1, 2, 3, 10, 1000].map((count) => retryDelayMs(count) / 60_000)).toEqual([1, 2, 4, 360, 360]);
  });
});

describe('tags of a copy', () => {
  it('are put right on the image and on its snapshots, and what others wrote stays', () => {
    const world = new World();
    world.source(1, { tags: { app: 'web' } });
    const copy = world.copy(1, EU, { tags: { app: 'changed by hand', note: 'mine' } });
    const [action] = world.plan(spec()).actions;
    expect(action?.call).toEqual({
      do: 'tag',
      resources: [copy, world.image(EU, copy)?.volumes[0]?.snapshotId],
      tags: { app: 'web' },
    });
  });

  it('are left as they are while the source cannot be seen', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { tags: { app: 'changed by hand' } });
    world.hide(SOURCE);
    expect(world.plan(spec()).actions).toEqual([]);
  });

  it('are reported where there is no room for them', () => {
    const world = new World();
    world.source(1, { tags: { app: 'web' } });
    const many = Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`key-${index}`, 'x']));
    world.copy(1, EU, { tags: many });
    expect(codes(world.plan(spec({ tags: { add: { team: 'platform' } } })))).toEqual(['TooManyTags']);
  });
});
