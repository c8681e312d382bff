import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/policy/plan.ts';
import { TAG, tempGrantTag } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { AWAY, AWAY_EU, AWAY_US, ami, codes, EU, ids, kinds, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

const MARK = tempGrantTag(AWAY);
const away = spec({ regions: ['us-east-1'], accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] });
const snapshotsOf = (world: World, number = 1): string[] =>
  world.image(SOURCE, ami(number))!.volumes.flatMap(({ snapshotId }) => snapshotId ?? []);
const TWO = [
  { snapshotId: 'snap-0000000000000000a', sizeGiB: 8, encrypted: false },
  { snapshotId: 'snap-0000000000000000b', sizeGiB: 8, encrypted: false },
];
const markIn = (plan: Plan) =>
  plan.actions.flatMap(({ kind, call }) => (kind === 'MarkTemporaryGrant' && call.do === 'tag' ? call.tags[MARK] : []));
/** Lets an account read a snapshot of a source. */
const open = (world: World, snapshotId: string): void => {
  world.place(SOURCE).volume.set(snapshotId, { ok: true, value: [AWAY] });
};

/** What was given is not visible. */
function hide(world: World, ...what: readonly ('launch' | 'snapshots')[]): void {
  if (what.includes('launch')) world.grant(SOURCE, ami(1), {});
  if (!what.includes('snapshots')) return;
  for (const id of snapshotsOf(world)) world.place(SOURCE).volume.set(id, { ok: true, value: [] });
}

/** A source that was lent to the other account for a copy there. */
function lent(state?: 'pending' | 'available', mark = 'launch+snapshots'): World {
  const world = new World(AWAY_EU, AWAY_US);
  world.source(1, { grants: { accounts: [AWAY] } });
  world.claim(1);
  world.retag(SOURCE, ami(1), { [MARK]: mark });
  for (const id of snapshotsOf(world)) open(world, id);
  if (state) world.copy(1, AWAY_EU, { state });
  return world;
}

describe('letting another account in for a copy', () => {
  it('claims the source, marks it, grants launch and snapshots, and only then copies', () => {
    const world = new World(AWAY_EU);
    world.source(1, { volumes: TWO });
    const plan = world.plan(away);
    expect(kinds(plan)).toEqual([
      'ClaimSource',
      'MarkTemporaryGrant',
      'GrantTemporarily',
      'GrantTemporarily',
      'GrantTemporarily',
      'CopyImage',
    ]);
    const [claim, mark, ...grants] = ids(plan);
    const copy = plan.actions.at(-1);
    expect(plan.actions[1]?.needs).toEqual([claim]);
    for (const action of plan.actions.slice(2, 5)) expect(action.needs).toContain(mark);
    expect(copy?.needs).toEqual(expect.arrayContaining(grants.slice(0, 3)));
    expect(plan.actions.slice(0, 5).map(({ target }) => target)).toEqual(Array.from({ length: 5 }, () => SOURCE));
    expect(copy?.target).toEqual(AWAY_EU);
  });

  it.each([
    ['nothing is open', false, [], 'launch+snapshots'],
    ['launching is allowed', true, [], 'snapshots'],
    ['the snapshots can be read', false, ['a', 'b'], 'launch'],
    ['one snapshot can be read', true, ['a'], 'snap-0000000000000000b'],
  ] as const)('marks no more than is opened: %s', (_, launch, readable, expected) => {
    const world = new World(AWAY_EU);
    world.source(1, { volumes: TWO, ...(launch && { grants: { accounts: [AWAY] } }) });
    for (const letter of readable) open(world, `snap-0000000000000000${letter}`);
    expect(markIn(world.plan(away))).toEqual([expected]);
  });

  it('needs nothing where everything is open already', () => {
    const world = new World(AWAY_EU);
    world.source(1, { grants: { accounts: [AWAY] } });
    for (const id of snapshotsOf(world)) open(world, id);
    expect(kinds(world.plan(away))).toEqual(['CopyImage']);
  });

  it('extends the mark before it opens more', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.claim(1);
    world.retag(SOURCE, ami(1), { [MARK]: 'launch' });
    const plan = world.plan(away);
    expect(kinds(plan)).toEqual(['MarkTemporaryGrant', 'GrantTemporarily', 'GrantTemporarily', 'CopyImage']);
    expect(markIn(plan)).toEqual(['launch+snapshots']);
  });

  it('is refused where what it opens cannot be written down', () => {
    const world = new World(AWAY_EU);
    const volumes = Array.from({ length: 20 }, (_, index) => ({
      snapshotId: `snap-${String(index).padStart(17, '0')}`,
      sizeGiB: 1,
      encrypted: false,
    }));
    world.source(1, { volumes });
    open(world, volumes[0]!.snapshotId);
    expect(codes(world.plan(away))).toEqual(['MixedSnapshotPermissions']);
  });

  it('never touches a source that somebody else has claimed', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.claim(1, { ...OWNER, name: 'other', uid: 'uid-2' });
    const plan = world.plan(away);
    expect(plan.actions).toEqual([]);
    expect(codes(plan)).toEqual(['SourceClaimed']);
    expect(plan.blocked[0]?.message).toContain(TAG.claimedBy);
  });

  it('takes a claim over from a policy that is no more', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.claim(1, { ...OWNER, name: 'other', uid: 'uid-2' });
    const plan = world.plan(away, { livePolicies: new Set([OWNER.uid]) });
    expect(plan.actions[0]).toMatchObject({ kind: 'ClaimSource', call: { instead: 'platform/other cluster-1 uid-2' } });
  });

  it('waits while the permissions cannot be read, and says so', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.place(SOURCE).launch.set(ami(1), { ok: false, why: 'denied' });
    const plan = world.plan(away);
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code: 'PermissionsUnknown', part: 'replication', effect: 'retries' }]);
  });
});

describe('taking a temporary grant back', () => {
  const REVOKED = ['RevokeTemporaryGrant', 'RevokeTemporaryGrant', 'UnmarkTemporaryGrant'];

  it('happens when the copy has ended, and the mark goes last', () => {
    const plan = lent('available').plan(away);
    expect(kinds(plan)).toEqual(REVOKED);
    expect(plan.actions[2]?.needs).toEqual(ids(plan).slice(0, 2));
  });

  it.each<[string, (world: World) => void, readonly string[]]>([
    ['shows', (world) => hide(world, 'launch', 'snapshots'), []],
    ['shows of the snapshots', (world) => hide(world, 'snapshots'), ['RevokeTemporaryGrant']],
    ['shows of the launch', (world) => hide(world, 'launch'), ['RevokeTemporaryGrant']],
  ])(
    'leaves the mark for as long as what was given before the start may not show yet, and nothing %s',
    (_, change, first) => {
      const world = lent('available');
      change(world);
      const settlesAt = world.now + 60_000;
      const plan = world.plan(away, { settlesAt });
      expect(kinds(plan)).toEqual(first);
      expect(plan.waits).toMatchObject([{ part: 'replication', until: settlesAt }]);
      expect(kinds(world.plan(away))).toEqual([...first, 'UnmarkTemporaryGrant']);
      expect(world.plan(away, { deleting: true, settlesAt }).released).toBe(false);
    },
  );

  it('waits while the copy is pending', () => {
    const plan = lent('pending').plan(away);
    expect(plan.actions).toEqual([]);
    expect(plan.waits.some(({ message }) => message.includes('stays until copy'))).toBe(true);
  });

  it('waits while the copy of any other policy is', () => {
    const world = lent('available');
    world.copy(1, AWAY_US, { state: 'pending', owner: { ...OWNER, name: 'other', uid: 'uid-2' } });
    expect(world.plan(away).actions).toEqual([]);
  });

  it('waits for a pending copy of which EC2 does not say what it is made from', () => {
    const world = lent('available');
    const id = world.copy(1, AWAY_US, { state: 'pending' });
    const { madeFrom: _, ...image } = world.image(AWAY_US, id)!;
    world.place(AWAY_US).images.set(id, image);
    expect(world.plan(away).actions.filter(({ kind }) => kind === 'RevokeTemporaryGrant')).toEqual([]);
  });

  it('waits while a target of the account cannot be seen', () => {
    const world = lent('available');
    world.hide(AWAY_US);
    const plan = world.plan(away);
    expect(plan.actions).toEqual([]);
    expect(plan.waits.some(({ message }) => message.includes('cannot be seen'))).toBe(true);
  });

  it('waits while another copy is still to be made, after a failure for instance', () => {
    const world = lent();
    world.copy(1, AWAY_EU, { state: 'failed', image: { createdAt: world.now } });
    expect(world.plan(away).actions).toEqual([]);
  });

  it.each([
    ['launch only', 'launch', ['RevokeTemporaryGrant', 'UnmarkTemporaryGrant'], 'modifyLaunch'],
    ['snapshots only', 'snapshots', ['RevokeTemporaryGrant', 'UnmarkTemporaryGrant'], 'modifyVolume'],
    ['nothing that is still there', 'snap-00000000000000fff', ['UnmarkTemporaryGrant'], 'untag'],
  ] as const)('takes no more than the mark says: %s', (_, mark, expected, first) => {
    const plan = lent('available', mark).plan(away);
    expect(kinds(plan)).toEqual(expected);
    expect(plan.actions[0]?.call.do).toBe(first);
  });

  it('never touches the grant of somebody else', () => {
    const world = lent('available');
    world.retag(SOURCE, ami(1), {}, [MARK]);
    expect(world.plan(away).actions).toEqual([]);
  });

  it('leaves what the policy shares by itself, and takes the mark off', () => {
    const plan = lent('available', 'launch').plan(spec({ ...awaySpec, sharing: { accounts: [AWAY] } }));
    expect(kinds(plan)).toEqual(['UnmarkTemporaryGrant']);
  });

  it('counts the grant as wanted until then', () => {
    const plan = lent('pending').plan(spec({ ...awaySpec, sharing: { accounts: [PARTNER] } }));
    expect(kinds(plan)).toEqual(['Share']);
  });

  it('goes on while the policy is suspended', () => {
    expect(kinds(lent('available').plan({ ...away, suspend: true }))).toEqual(REVOKED);
  });

  it('comes before the finalizer goes', () => {
    const world = lent('available');
    const acting = new Acting(world);
    const first = world.plan(away, { deleting: true });
    expect(first.released).toBe(false);
    expect(kinds(first)).toEqual(REVOKED);
    acting.carryOut(first);
    expect(world.plan(away, { deleting: true }).released).toBe(true);
  });

  it('does not let the finalizer go while the copy is pending', () => {
    const plan = lent('pending').plan(away, { deleting: true });
    expect(plan.released).toBe(false);
    expect(plan.actions).toEqual([]);
  });

  it('does not happen because the source cannot be seen for a moment', () => {
    const world = new World(AWAY_EU, AWAY_US);
    world.source(1, { gone: true });
    const copy = world.copy(1, EU, { grants: { accounts: [AWAY] }, tags: { [MARK]: 'launch' } });
    world.hide(SOURCE);
    const plan = world.plan(spec({ regions: ['eu-west-1'], accounts: [{ id: AWAY }] }));
    expect(ids(plan).filter((id) => id.includes(copy))).toEqual([]);
  });

  it('is not tried on an image that only carries the copied claim of a source', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.claim(1);
    const theirs = world.copy(1, SOURCE, { owner: { ...OWNER, name: 'other', uid: 'uid-2' } });
    world.retag(SOURCE, theirs, { ...world.image(SOURCE, ami(1))!.tags, [MARK]: 'launch' });
    expect(ids(world.plan(spec())).filter((id) => id.includes(theirs))).toEqual([]);
  });
});

const awaySpec = { regions: ['us-east-1'], accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] };

describe('a cross-account copy from the first call to the last', () => {
  it('ends with nothing left of the grant', () => {
    const world = new World(AWAY_EU);
    world.source(1, { volumes: TWO });
    open(world, TWO[0]!.snapshotId);
    const acting = new Acting(world);
    for (let round = 1; round <= 4; round++) {
      acting.carryOut(world.plan(away));
      acting.finishCopies();
    }
    const place = world.place(SOURCE);
    expect(place.launch.get(ami(1))).toMatchObject({ value: { accounts: [] } });
    expect(TWO.map(({ snapshotId }) => place.volume.get(snapshotId))).toMatchObject([{ value: [AWAY] }, { value: [] }]);
    expect(place.images.get(ami(1))?.tags[MARK]).toBeUndefined();
    expect(world.plan(away).actions).toEqual([]);
  });
});
