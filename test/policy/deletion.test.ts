import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/policy/pass.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { AWAY, AWAY_EU, ami, codes, daysAgo, EU, ids, kinds, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

const erase = spec({ deletionPolicy: 'Delete' });
const deleting = { deleting: true };

/** A version with its copy in eu-west-1. */
function oneVersion(): { world: World; copy: string } {
  const world = new World();
  world.source(1);
  return { world, copy: world.copy(1, EU) };
}

describe('a policy that is deleted with Retain', () => {
  it('changes nothing and is let go', () => {
    const { world } = oneVersion();
    const plan = world.plan(spec(), deleting);
    expect(plan.actions).toEqual([]);
    expect(plan.released).toBe(true);
  });

  it('is let go although another region cannot be seen, where only the source may hold grants', () => {
    const { world } = oneVersion();
    world.hide(EU);
    expect(world.plan(spec(), deleting).released).toBe(true);
    world.hide(SOURCE);
    const plan = world.plan(spec(), deleting);
    expect(plan.released).toBe(false);
    expect(plan.blocked[0]?.message).toContain('kubectl annotate amipolicy web -n platform');
  });
});

describe('a policy that is deleted with Delete', () => {
  it('deletes its copies at once, never a source, and is let go when nothing is left', () => {
    const { world, copy } = oneVersion();
    const acting = new Acting(world);
    expect(kinds(world.plan(erase, deleting))).toEqual(['MarkForDeletion', 'DeregisterImage']);
    for (let round = 1; round <= 3; round++) {
      const plan = world.plan(erase, deleting);
      expect(plan.released).toBe(round === 3);
      acting.carryOut(plan);
      world.now += 60_000;
    }
    expect(world.image(EU, copy)).toBeUndefined();
    expect(world.place(EU).snapshots.size).toBe(0);
    expect(world.image(SOURCE, ami(1))?.tags).toEqual({ app: 'web' });
  });

  it.each(['pending', 'failed'] as const)('does away with a copy that is %s', (state) => {
    const { world, copy } = oneVersion();
    world.change(EU, copy, { state });
    expect(ids(world.plan(erase, deleting))).toContain(`deregister ${copy}`);
  });

  it.each<[string, (world: World, copy: string) => void]>([
    ['is used', (world, copy) => world.place(EU).references.set(copy, { ok: true, value: ['ec2:Instance i-1'] })],
    [
      'is used in another account',
      (world, copy) =>
        world.place(EU).usage.set(copy, {
          ok: true,
          value: {
            kind: 'available',
            id: 'amiur-1',
            createdAt: daysAgo(0.5),
            usages: [{ account: PARTNER, type: 'ec2:Instance', count: 1 }],
          },
        }),
    ],
    ['is held', (world, copy) => world.retag(EU, copy, { [TAG.hold]: 'audit' })],
    ['is broken', (world, copy) => world.change(EU, copy, { state: 'error' })],
    ['is the last image', (world) => world.lose(1)],
    [
      'failed and is held',
      (world, copy) => {
        world.change(EU, copy, { state: 'failed' });
        world.retag(EU, copy, { [TAG.hold]: 'audit' });
      },
    ],
  ])('is kept from going by a copy that %s, and says the way out', (_, change) => {
    const { world, copy } = oneVersion();
    change(world, copy);
    const plan = world.plan(erase, deleting);
    expect(plan.actions).toEqual([]);
    expect(plan.released).toBe(false);
    expect(plan.blocked).toMatchObject([{ code: 'DeletionBlocked', effect: 'stalls', part: 'deletion' }]);
    expect(plan.blocked[0]?.message).toContain('deletionPolicy: Retain');
  });

  it('says why it waits where permissions cannot be read', () => {
    const { world, copy } = oneVersion();
    world.place(EU).launch.set(copy, { ok: false, why: 'denied' });
    const plan = world.plan(erase, deleting);
    expect(plan.released).toBe(false);
    expect(plan.blocked).toMatchObject([{ code: 'PermissionsUnknown', part: 'deletion' }]);
  });

  it('deletes what it can where one target cannot be seen, and does not go', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    const copy = world.copy(1, EU);
    world.hide(AWAY_EU);
    const plan = world.plan(spec({ deletionPolicy: 'Delete', accounts: [{ id: AWAY }] }), deleting);
    expect(ids(plan)).toContain(`deregister ${copy}`);
    expect(codes(plan)).toEqual(['DeletionBlocked']);
    expect(plan.released).toBe(false);
  });

  it('deletes nothing while the source cannot be seen', () => {
    const { world } = oneVersion();
    world.hide(SOURCE);
    const plan = world.plan(erase, deleting);
    expect(plan.actions).toEqual([]);
    expect(plan.released).toBe(false);
  });

  it('takes over what an earlier policy of its name has left, and deletes that then', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU, { owner: { ...OWNER, uid: 'uid-0' } });
    const acting = new Acting(world);
    expect(kinds(world.plan(erase, deleting))).toEqual(['TakeOver']);
    acting.carryOut(world.plan(erase, deleting));
    expect(ids(world.plan(erase, deleting))).toContain(`deregister ${copy}`);
  });

  it('leaves the copies of others alone and does not wait for them', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { owner: { ...OWNER, name: 'other', uid: 'uid-2' } });
    const plan = world.plan(erase, deleting);
    expect(plan.actions).toEqual([]);
    expect(plan.released).toBe(true);
  });

  it('keeps to the daily limit and goes on the next day', () => {
    const world = new World();
    for (const number of [1, 2, 3]) {
      world.source(number);
      world.copy(number, EU);
    }
    const policy = spec({ deletionPolicy: 'Delete', retention: { maxDeletionsPerDay: 2 } });
    const plan = world.plan(policy, deleting);
    expect(plan.actions.filter(({ kind }) => kind === 'DeregisterImage')).toHaveLength(2);
    expect(plan.blocked).toMatchObject([{ code: 'DeletionBlocked', effect: 'retries' }]);
  });

  it('also works while the policy is suspended', () => {
    const { world, copy } = oneVersion();
    expect(ids(world.plan({ ...erase, suspend: true }, deleting))).toContain(`deregister ${copy}`);
  });
});

describe('what is forbidden centrally', () => {
  const retention = { keepNewest: 1, deleteAfterDays: 1 };

  function due(): World {
    const world = new World();
    for (const number of [1, 2, 3]) world.source(number);
    world.copy(2, EU);
    world.copy(1, EU, { tags: { [TAG.surplusSince]: isoTime(daysAgo(9)) } });
    return world;
  }

  it('a suspended policy does nothing', () => {
    expect(due().plan(spec({ suspend: true, retention })).actions).toEqual([]);
  });

  it('a policy with mode Plan decides the same as one that applies', () => {
    expect(due().plan(spec({ mode: 'Plan', retention })).actions).toEqual(due().plan(spec({ retention })).actions);
  });

  it('a controller that must not delete does the rest', () => {
    const plan = due().plan(spec({ retention }), { limits: { ...DEFAULT_LIMITS, allowDelete: false } });
    expect(kinds(plan)).toEqual(['CopyImage']);
    expect(plan.blocked).toMatchObject([{ code: 'DeletionDisabled', effect: 'keeps' }]);
  });

  it('nothing is done in an account that is read-only, and the rest is', () => {
    const world = new World(AWAY_EU);
    for (const number of [1, 2]) world.source(number);
    world.place(AWAY_EU).readOnly = true;
    const plan = world.plan(spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }));
    expect(ids(plan)).toEqual([`copy ${ami(2)} ${EU.account}/eu-west-1`]);
    expect(codes(plan)).toEqual(['AccountReadOnly']);
  });

  it('what needs an action that is held back is held back, too', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    for (const target of [SOURCE, EU]) world.place(target).readOnly = true;
    const plan = world.plan(spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }));
    expect(plan.actions).toEqual([]);
    expect(codes(plan)).toEqual(['AccountReadOnly', 'AccountReadOnly', 'AccountReadOnly']);
  });

  it('a policy does not go while what it must still do is held back', () => {
    const world = due();
    const plan = world.plan(erase, { ...deleting, limits: { ...DEFAULT_LIMITS, allowDelete: false } });
    expect(plan.released).toBe(false);
    expect(plan.blocked).toMatchObject([{ code: 'DeletionDisabled', effect: 'stalls' }]);
  });
});
