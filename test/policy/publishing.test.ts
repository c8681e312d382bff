import { describe, expect, it } from 'vitest';
import { parameterName } from '../../src/policy/parameter-name.ts';
import { parameterDescription } from '../../src/policy/parameter-ownership.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { ami, codes, daysAgo, EU, ids, kinds, OWNER, SOURCE, spec, World } from './world.ts';

const NAME = '/ami/x86_64';
const publishing = (more: object = {}, publish: object = {}) =>
  spec({ publish: { ssmParameter: '/ami/{architecture}', ...publish }, ...more });
const points = (world: World): (string | undefined)[] =>
  [SOURCE, EU].map((target) => {
    const answer = world.place(target).parameters.get(NAME);
    return answer?.ok ? answer.value?.value : undefined;
  });
const reasons = (plan: Plan): string[] => plan.actions.map(({ reason }) => reason);

/** Nothing is published yet; every target has been asked. */
function ready(...numbers: number[]): World {
  const world = new World();
  for (const number of numbers) world.source(number);
  for (const target of [SOURCE, EU]) world.place(target).parameters.set(NAME, { ok: true, value: undefined });
  return world;
}

describe('the name of a parameter', () => {
  it.each([
    ['/ami/{app}/{architecture}', { app: 'web' }, '/ami/web/x86_64'],
    ['/ami/{app}', { app: 'team/web' }, '/ami/team/web'],
    ['/ami/{app}-{os}', { app: 'a', os: 'b.2' }, '/ami/a-b.2'],
  ])('%s with %j is %s', (template, group, name) => {
    expect(parameterName(template, 'x86_64', group)).toEqual({ ok: true, name });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['/ami/{app}', { app: 'web base' }, /\{app\} is "web base"/],
    ['/ami/{app}', { app: '' }, /\{app\} is ""/],
    ['/ami/{app}', {}, /\{app\} is ""/],
    ['/ami/{app}', { app: 'a//b' }, /\{app\}/],
    ['/ami/{app}', { app: 'x'.repeat(1010) }, /1011|characters/],
    [`/${'a/'.repeat(15)}{app}`, { app: 'x' }, /15 levels/],
  ])('%s with %j is refused', (template, group, why) => {
    expect(parameterName(template, 'x86_64', group)).toEqual({ ok: false, why: expect.stringMatching(why) });
  });
});

describe('a parameter', () => {
  it('is created when the newest version is ready in every target, and then at rest', () => {
    const world = ready(1);
    expect(kinds(world.plan(publishing()))).toEqual(['CopyImage']);
    const copy = world.copy(1, EU);
    const plan = world.plan(publishing());
    expect(plan.actions).toMatchObject([
      { kind: 'PublishImage', target: SOURCE, call: { name: NAME, value: ami(1) } },
      { kind: 'PublishImage', target: EU, call: { name: NAME, value: copy } },
    ]);
    new Acting(world).carryOut(plan);
    expect(points(world)).toEqual([ami(1), copy]);
    expect(world.plan(publishing()).actions).toEqual([]);
  });

  it('moves in each target by itself with gate: Target', () => {
    const plan = ready(1).plan(publishing({}, { gate: 'Target' }));
    expect(plan.actions.filter(({ kind }) => kind === 'PublishImage')).toMatchObject([{ target: SOURCE }]);
  });

  it('peer complaint 33: is not moved before what it would point at is shared as the policy says', () => {
    const world = ready(1);
    world.copy(1, EU);
    const plan = world.plan(publishing({ sharing: { accounts: ['555566667777'] } }));
    expect(kinds(plan)).not.toContain('PublishImage');
    expect(plan.waits).toContainEqual(expect.objectContaining({ part: 'publishing' }));
  });

  it('of somebody else is left alone, and named', () => {
    const world = ready(1);
    world.copy(1, EU);
    world.place(EU).parameters.set(NAME, { ok: true, value: { value: 'ami-theirs', version: 3 } });
    expect(world.plan(publishing()).needs).toEqual([{ kind: 'description', target: EU, name: NAME }]);
    world.place(EU).descriptions.set(NAME, { ok: true, value: 'by hand' });
    const plan = world.plan(publishing());
    expect(codes(plan)).toEqual(['ParameterForeign']);
    expect(plan.actions.map(({ target }) => target)).toEqual([SOURCE]);
    world.place(EU).ownParameters = [
      { name: NAME, description: parameterDescription({ ...OWNER, name: 'other', uid: 'uid-2' }) },
    ];
    expect(codes(world.plan(publishing()))).toEqual(['ParameterForeign']);
  });

  it('that cannot be read is left alone', () => {
    const world = ready(1);
    world.copy(1, EU);
    world.place(EU).parameters.set(NAME, { ok: false, why: 'AWS refused' });
    const plan = world.plan(publishing());
    expect(codes(plan)).toEqual(['ParameterUnknown']);
    expect(plan.actions.map(({ target }) => target)).toEqual([SOURCE]);
  });
});

/** Both versions are ready, and the newer one is published. */
function published(policy = publishing({ source: { newest: 2 } })): {
  world: World;
  copies: string[];
  policy: typeof policy;
} {
  const world = ready(1, 2);
  const copies = [world.copy(1, EU), world.copy(2, EU)];
  new Acting(world).carryOut(world.plan(policy));
  return { world, copies, policy };
}

describe('what is published', () => {
  it('does not go back by itself when another target loses the version', () => {
    const { world, copies, policy } = published();
    expect(points(world)).toEqual([ami(2), copies[1]]);
    world.place(EU).images.delete(copies[1] ?? '');
    const plan = world.plan(policy);
    // Where the image is gone there is no way but back; at home the pointer stays.
    expect(plan.actions.filter(({ kind }) => kind === 'PublishImage')).toMatchObject([
      { target: EU, call: { value: copies[0] } },
    ]);
  });

  it('goes back to a pinned version, which is wanted everywhere, and forward again', () => {
    const { world, copies, policy } = published();
    const pinned = publishing({ source: { newest: 1 } }, { pin: ['web-1'] });
    const plan = world.plan(pinned);
    expect(plan.actions).toMatchObject([{ call: { value: ami(1) } }, { call: { value: copies[0] } }]);
    expect(reasons(plan)[0]).toContain('is pinned; it pointed at');
    new Acting(world).carryOut(plan);
    expect(world.plan(pinned).actions).toEqual([]);
    expect(world.plan(policy).actions).toMatchObject([{ call: { value: ami(2) } }, { call: { value: copies[1] } }]);
  });

  it('moves away from a version that is withdrawn', () => {
    const { world, copies } = published();
    const plan = world.plan(publishing({ source: { newest: 2, images: { names: ['web-*'], exclude: ['web-2'] } } }));
    expect(plan.actions.filter(({ kind }) => kind === 'PublishImage')).toMatchObject([
      { call: { value: ami(1) } },
      { call: { value: copies[0] } },
    ]);
  });

  it('is kept, whatever the rules say', () => {
    const { world, copies } = published();
    world.source(3);
    world.copy(3, EU, { state: 'pending' });
    world.retag(EU, copies[1] ?? '', {
      [TAG.surplusSince]: isoTime(daysAgo(9)),
      [TAG.withdrawnSince]: isoTime(daysAgo(9)),
    });
    world.retag(EU, copies[0] ?? '', { [TAG.surplusSince]: isoTime(daysAgo(9)) });
    const policy = publishing({
      source: { newest: 1, images: { names: ['web-*'], exclude: ['web-2', 'web-1'] } },
      retention: { keepNewest: 1, deleteAfterDays: 1 },
    });
    const plan = world.plan(policy, { withdrawalConfirmed: true });
    expect(plan.blocked.find(({ subject }) => subject.includes(copies[1] ?? ''))?.code).toBe('Published');
  });

  it('is taken back when the policy no longer publishes, by what it says of its owner', () => {
    const { world } = published();
    world.place(EU).ownParameters = [
      ...world.place(EU).ownParameters,
      { name: '/other', description: parameterDescription({ ...OWNER, name: 'other', uid: 'uid-2' }) },
    ];
    expect(world.plan(spec(), { published: true }).actions.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual([
      `UnpublishImage ${NAME}`,
      `UnpublishImage ${NAME}`,
    ]);
    expect(world.plan(spec()).actions).toEqual([]);
  });

  it('goes under its old name when the template changes', () => {
    const { world } = published();
    const plan = world.plan(publishing({ source: { newest: 2 } }, { ssmParameter: '/new/{architecture}' }));
    expect(plan.needs).toContainEqual({ kind: 'parameter', target: EU, name: '/new/x86_64' });
    expect(ids(plan)).toContain(`unpublish ${NAME} ${EU.account}/${EU.region}`);
  });
});

it('families whose names would be the same are refused, and so is a value that fits into no name', () => {
  const world = new World();
  world.source(1, { tags: { app: 'a b' } });
  const plan = world.plan(spec({ source: { groupBy: ['app'] }, publish: { ssmParameter: '/{app}/{architecture}' } }));
  expect(codes(plan)).toEqual(['BadParameterName']);
});
