import { describe, expect, it } from 'vitest';
import { contestKey, heldUntil, repaired } from '../../src/policy/contests.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { codes, EU, kinds, NOW, PARTNER, SOURCE, spec, World } from './world.ts';

const UNIT = 'arn:aws:organizations::111122223333:ou/o-abc1234567/ou-ab12-cdef1234';
const MINUTE = 60_000;
const snapshotOf = (world: World, id: string): string => world.image(EU, id)?.volumes[0]?.snapshotId ?? '';
const reasonOf = (plan: Plan, kind: string) => plan.actions.find((action) => action.kind === kind)?.reason;

function shared(): { world: World; copy: string } {
  const world = new World();
  world.source(1);
  return { world, copy: world.copy(1, EU) };
}
const only = (sharing: object) => spec({ regions: ['eu-west-1'], sharing });

describe('the quota of EC2 for one image', () => {
  const accounts = (count: number, from = 0): string[] =>
    Array.from({ length: count }, (_, i) => String(500_000_000_000 + from + i));

  it('is counted before anything is called, with those that stay unlisted', () => {
    const { world, copy } = shared();
    world.grant(EU, copy, { accounts: accounts(600, 5000) });
    const plan = world.plan(only({ accounts: accounts(401), unlistedGrants: 'Keep' }));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([
      { code: 'SharingQuota', effect: 'stalls', message: expect.stringContaining('1001') },
    ]);
    expect(kinds(world.plan(only({ accounts: accounts(400), unlistedGrants: 'Keep' })))).toEqual(['Share']);
  });

  it('leaves room for those that are taken off in the same pass', () => {
    const { world, copy } = shared();
    world.grant(EU, copy, { accounts: accounts(1000, 5000) });
    expect(kinds(world.plan(only({ accounts: accounts(1000) })))).toEqual(['Share', 'Unshare']);
  });
});

describe('what is taken from an account', () => {
  it.each([
    [
      'a unit is listed',
      { organizationalUnits: [UNIT] },
      'who belongs to an organisation or unit that is listed still may',
    ],
    ['nothing else lets it in', {}, 'sharing does not list them'],
  ])('says what that changes where %s', (_, sharing, text) => {
    const { world, copy } = shared();
    world.grant(EU, copy, { accounts: [PARTNER], organizationalUnits: [UNIT] });
    const plan = world.plan(only({ ...sharing, unlistedGrants: 'Revoke' }));
    expect(reasonOf(plan, 'Unshare')).toContain(text);
  });
});

describe('sharing.snapshots: Accounts', () => {
  const policy = only({ accounts: [PARTNER], organizationalUnits: [UNIT], snapshots: 'Accounts' });
  const granted = (world: World, copy: string) =>
    world.grant(EU, copy, { accounts: [PARTNER], organizationalUnits: [UNIT] });

  it('gives each snapshot to exactly the listed accounts', () => {
    const { world, copy } = shared();
    granted(world, copy);
    const snapshotId = snapshotOf(world, copy);
    world.place(EU).volume.set(snapshotId, { ok: true, value: ['999988887777'] });
    const plan = world.plan(policy);
    expect(plan.actions).toMatchObject([
      { kind: 'ShareSnapshot', call: { do: 'modifyVolume', snapshotId, add: [PARTNER], remove: [] } },
      { kind: 'UnshareSnapshot', call: { do: 'modifyVolume', snapshotId, add: [], remove: ['999988887777'] } },
    ]);
    world.place(EU).volume.set(snapshotId, { ok: true, value: [PARTNER] });
    expect(world.plan(policy).actions).toEqual([]);
  });

  it('leaves them alone by default, and where they cannot be read', () => {
    const { world, copy } = shared();
    granted(world, copy);
    world.place(EU).volume.set(snapshotOf(world, copy), { ok: true, value: ['999988887777'] });
    expect(world.plan(only({ accounts: [PARTNER], organizationalUnits: [UNIT] })).actions).toEqual([]);
    world.place(EU).volume.set(snapshotOf(world, copy), { ok: false, why: 'AWS refused' });
    expect(codes(world.plan(policy))).toEqual(['PermissionsUnknown']);
  });
});

describe('what is under the key that AWS manages', () => {
  it('is not shared in vain: that is said, with the way out', () => {
    const { world, copy } = shared();
    const snapshotId = snapshotOf(world, copy);
    const arn = 'arn:aws:kms:eu-west-1:111122223333:key/33333333-3333-3333-3333-333333333333';
    world.change(EU, copy, { volumes: [{ snapshotId, sizeGiB: 8, encrypted: true }] });
    const snapshot = world.place(EU).snapshots.get(snapshotId)!;
    world.place(EU).snapshots.set(snapshotId, { ...snapshot, encrypted: true, kmsKeyId: arn });
    expect(world.plan(only({ accounts: [PARTNER] })).needs).toEqual([{ kind: 'key', target: EU, key: arn }]);
    world.place(EU).keys.set(arn, { ok: true, value: { kind: 'usable', arn, managedByAws: true } });
    const plan = world.plan(only({ accounts: [PARTNER] }));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([
      { code: 'UnderManagedKey', message: expect.stringMatching(/Set kmsKeyId of eu-west-1/) },
    ]);
  });
});

describe('a grant that comes undone again and again', () => {
  it('is put right at once at first, then after ten minutes, doubling to six hours', () => {
    const pauses = Array.from({ length: 10 }, (_, count) => (heldUntil({ count, at: NOW }, NOW) ?? NOW) - NOW);
    expect(pauses.map((ms) => ms / MINUTE)).toEqual([0, 0, 10, 20, 40, 80, 160, 320, 360, 360]);
    expect(heldUntil({ count: 9, at: NOW }, NOW + 360 * MINUTE)).toBeUndefined();
    expect(heldUntil(undefined, NOW)).toBeUndefined();
  });

  it('is forgotten after a day of peace', () => {
    expect(repaired({ count: 5, at: NOW }, NOW + 25 * 60 * MINUTE)).toEqual({ count: 0, at: NOW + 25 * 60 * MINUTE });
    expect(repaired({ count: 5, at: NOW }, NOW + MINUTE)).toEqual({ count: 6, at: NOW + MINUTE });
  });

  it('is named, waits its time, and does not hold up others', () => {
    const { world, copy } = shared();
    const contests = new Map([[contestKey(copy, 'add', PARTNER), { count: 4, at: NOW - MINUTE }]]);
    const plan = world.plan(only({ accounts: [PARTNER, '555566667777'] }), { contests });
    expect(plan.actions).toMatchObject([{ kind: 'Share', call: { add: { accounts: ['555566667777'] } } }]);
    expect(plan.blocked).toMatchObject([{ code: 'DriftContested', subject: expect.stringContaining(PARTNER) }]);
    expect(plan.waits).toMatchObject([{ until: NOW + 39 * MINUTE }]);
    expect(world.plan(only({ accounts: [PARTNER] }), { contests, now: NOW + 40 * MINUTE }).actions).toHaveLength(1);
  });
});

describe('tags.shared', () => {
  const policy = spec({ regions: ['eu-west-1'], tags: { shared: ['app', 'none'] } });

  it('goes into the copy, on the image alone', () => {
    const world = new World();
    world.source(1);
    const [action] = world.plan(policy).actions;
    expect(action?.call).toMatchObject({ do: 'copy', imageTags: { 'ec2:SharedTag/app': 'web' } });
    expect(action?.call.do === 'copy' && Object.keys(action.call.tags)).not.toContain('ec2:SharedTag/app');
  });

  it('is kept on the copies that are there', () => {
    const { world, copy } = shared();
    expect(world.plan(policy).actions).toMatchObject([
      { kind: 'Tag', call: { resources: [copy], tags: { 'ec2:SharedTag/app': 'web' } } },
    ]);
    world.retag(EU, copy, { 'ec2:SharedTag/app': 'web' });
    expect(world.plan(policy).actions).toEqual([]);
  });

  it('of a source image is nobody else’s business: it does not travel', () => {
    const world = new World();
    world.source(1, { tags: { app: 'web', 'ec2:SharedTag/secret': 'x' } });
    const [action] = world.plan(spec({ regions: ['eu-west-1'] })).actions;
    expect(JSON.stringify(action?.call)).not.toContain('secret');
    expect(world.plan(spec()).actions.some(({ target }) => target.region === SOURCE.region)).toBe(false);
  });
});
