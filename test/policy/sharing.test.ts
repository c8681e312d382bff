import { describe, expect, it } from 'vitest';
import type { LaunchGrants } from '../../src/policy/model.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { TAG } from '../../src/policy/tags.ts';
import { AWAY, AWAY_EU, ami, codes, EU, HOME, kinds, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

const ORG = 'arn:aws:organizations::111122223333:organization/o-abc123';
const OU = 'arn:aws:organizations::111122223333:ou/o-abc123/ou-ab12-cdef';
const STRANGER = '999900001111';
const accounts = (...ids: string[]): Partial<LaunchGrants> => ({ accounts: ids });

/** What changes on an image: who gets it, who loses it. */
function changesOf(plan: Plan, imageId: string): { add: LaunchGrants[]; remove: LaunchGrants[] } {
  const calls = plan.actions.flatMap(({ call }) =>
    call.do === 'modifyLaunch' && call.imageId === imageId ? [call] : [],
  );
  const some = (grants: LaunchGrants): boolean =>
    grants.public ||
    [grants.accounts, grants.organizations, grants.organizationalUnits].some((list) => list.length > 0);
  return { add: calls.map(({ add }) => add).filter(some), remove: calls.map(({ remove }) => remove).filter(some) };
}

describe('launch permissions of a copy', () => {
  it.each<
    [string, Parameters<typeof spec>[0], Partial<LaunchGrants>, Partial<LaunchGrants>[], Partial<LaunchGrants>[]]
  >([
    ['are given', { sharing: { accounts: [PARTNER] } }, {}, [accounts(PARTNER)], []],
    ['are left when they are right', { sharing: { accounts: [PARTNER] } }, accounts(PARTNER), [], []],
    ['are taken when they are not listed', { sharing: {} }, accounts(STRANGER), [], [accounts(STRANGER)]],
    ['are kept with Keep', { sharing: { unlistedGrants: 'Keep' } }, accounts(STRANGER), [], []],
    ['are not managed without sharing', {}, accounts(STRANGER), [], []],
    ['are never listed for the owner', { sharing: { accounts: [HOME] } }, {}, [], []],
    ['are given to organizations', { sharing: { organizations: [ORG] } }, {}, [{ organizations: [ORG] }], []],
    ['are given to units', { sharing: { organizationalUnits: [OU] } }, {}, [{ organizationalUnits: [OU] }], []],
    ['are taken from units', { sharing: {} }, { organizationalUnits: [OU] }, [], [{ organizationalUnits: [OU] }]],
    ['are taken from everyone', { sharing: {} }, { public: true }, [], [{ public: true }]],
    [
      'are given and taken in one pass',
      { sharing: { accounts: [PARTNER] } },
      accounts(STRANGER),
      [accounts(PARTNER)],
      [accounts(STRANGER)],
    ],
  ])('%s', (_, policy, grants, add, remove) => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU, { grants });
    const changes = changesOf(world.plan(spec({ regions: ['eu-west-1'], ...policy })), copy);
    expect(changes).toMatchObject({ add, remove });
  });

  it('are given as soon as it is available, and that is waited for', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU, { state: 'pending' });
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: { accounts: [PARTNER] } }));
    expect(changesOf(plan, copy).add).toEqual([]);
    expect(plan.waits.find(({ part }) => part === 'sharing')?.message).toBe(
      `account ${PARTNER} may launch it once it is available`,
    );
  });

  it('are nothing to wait for where nobody is listed', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { state: 'pending' });
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: {} }));
    expect(plan.waits.filter(({ part }) => part === 'sharing')).toEqual([]);
  });

  it.each([
    ['are managed where the account says share', true, 1],
    ['are left alone where it does not', false, 0],
  ])('in another account %s', (_, share, count) => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.copy(1, EU, { grants: accounts(PARTNER, AWAY) });
    const copy = world.copy(1, AWAY_EU);
    const plan = world.plan(
      spec({ regions: ['eu-west-1'], accounts: [{ id: AWAY, share }], sharing: { accounts: [PARTNER, AWAY] } }),
    );
    expect(changesOf(plan, copy).add).toMatchObject(Array.from({ length: count }, () => ({ accounts: [PARTNER] })));
  });

  it('are asked for before anything is concluded', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    world.place(EU).launch.delete(copy);
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: {} }));
    expect(plan.needs).toEqual([{ kind: 'launchGrants', target: EU, imageId: copy }]);
    expect(plan.actions).toEqual([]);
  });

  it('are left as they are while they cannot be read', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    world.place(EU).launch.set(copy, { ok: false, why: 'denied' });
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: {} }));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code: 'PermissionsUnknown', part: 'sharing', effect: 'retries' }]);
  });

  it.each(['former', 'theirs'] as const)('are never changed on a copy that is %s', (whose) => {
    const world = new World();
    world.source(1);
    const owner = whose === 'former' ? { ...OWNER, uid: 'uid-0' } : { ...OWNER, uid: 'uid-2', name: 'other' };
    const copy = world.copy(1, EU, { owner, grants: accounts(STRANGER) });
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: { accounts: [PARTNER] } }));
    expect(changesOf(plan, copy)).toEqual({ add: [], remove: [] });
  });
});

describe('launch permissions of a source image', () => {
  const sharing = { accounts: [PARTNER] };

  it('are changed after it is claimed, where its own region is listed', () => {
    const world = new World();
    world.source(1);
    const plan = world.plan(spec({ regions: ['us-east-1'], sharing }));
    expect(kinds(plan)).toEqual(['ClaimSource', 'Share']);
    expect(plan.actions[1]?.needs).toEqual([plan.actions[0]?.id]);
  });

  it('are left alone where its region is not listed', () => {
    const world = new World();
    world.source(1, { grants: accounts(STRANGER) });
    world.copy(1, EU, { grants: accounts(PARTNER) });
    expect(world.plan(spec({ regions: ['eu-west-1'], sharing })).actions).toEqual([]);
  });

  it('are left alone where another policy has claimed it', () => {
    const world = new World();
    world.source(1);
    world.claim(1, { ...OWNER, uid: 'uid-2', name: 'other' });
    const plan = world.plan(spec({ regions: ['us-east-1'], sharing }));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code: 'SourceClaimed', part: 'sharing', effect: 'stalls' }]);
  });

  it.each([
    ['surplus and never ours', false, { retention: {} }, []],
    ['surplus and ours: only what is not listed goes', true, { retention: {} }, ['Unshare']],
    ['old and never ours, without retention', false, {}, []],
    ['old and ours, without retention', true, {}, ['Share', 'Unshare']],
  ] as const)('%s', (_, claimed, rules, expected) => {
    const world = new World();
    world.source(1, { grants: accounts(STRANGER) });
    world.source(2, { grants: accounts(PARTNER) });
    world.claim(2);
    if (claimed) world.claim(1);
    const plan = world.plan(spec({ regions: ['us-east-1'], sharing, ...rules }));
    expect(kinds(plan)).toEqual(expected);
  });
});

describe('what is surplus', () => {
  it('stays shared, gets nobody new, and loses what is not listed', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(2, EU, { grants: accounts(AWAY, PARTNER) });
    const old = world.copy(1, EU, {
      grants: accounts(PARTNER, STRANGER),
      tags: { [TAG.surplusSince]: '2026-06-30T00:00:00.000Z' },
    });
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: { accounts: [PARTNER, AWAY] }, retention: {} }));
    expect(changesOf(plan, old)).toMatchObject({ add: [], remove: [accounts(STRANGER)] });
  });

  it('names who gets what in plain words', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    const many = Array.from({ length: 5 }, (_, index) => `00000000000${index}`);
    const plan = world.plan(
      spec({ regions: ['eu-west-1'], sharing: { accounts: many, organizations: [ORG], organizationalUnits: [OU] } }),
    );
    expect(plan.actions.find(({ id }) => id.includes(copy))?.reason).toBe(
      '5 accounts and organization o-abc123 and organizational unit ou-ab12-cdef must be able to launch it',
    );
    expect(codes(plan)).toEqual([]);
    expect(world.image(SOURCE, ami(1))).toBeDefined();
  });
});
