import { describe, expect, it } from 'vitest';
import { lostBySnapshots } from '../../src/policy/leftovers.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { ami, codes, copiedSnapshot, daysAgo, EU, ids, kinds, NOW, SOURCE, spec, World } from './world.ts';

const MINUTE = 60_000;
const SNAP = 'snap-000000000000000aa';
const DEAD = ami(0xdead);

/** A world with a snapshot of ours whose image is gone. */
function leftover(tags: Readonly<Record<string, string>> = {}, minutesOld = 60, state = 'completed'): World {
  const world = new World();
  world.source(1);
  const copy = world.copy(1, EU);
  const dead = { ...world.image(EU, copy)!, id: DEAD };
  const snapshot = copiedSnapshot(SNAP, dead, state, NOW - minutesOld * MINUTE);
  world.place(EU).snapshots.set(SNAP, { ...snapshot, tags: { ...snapshot.tags, ...tags } });
  return world;
}

const deleting = (secondsAgo: number) => ({ [TAG.deleting]: `${DEAD} ${isoTime(NOW - secondsAgo * 1000)}` });

describe('a snapshot whose image is gone', () => {
  it.each<[string, World, string[]]>([
    ['goes when it was marked for it', leftover(deleting(60)), [`delete-snapshot ${SNAP}`]],
    ['waits until EC2 shows that the image is gone', leftover(deleting(5)), []],
    ['goes when its image vanished', leftover(), [`delete-snapshot ${SNAP}`]],
    ['waits while its image may only be invisible', leftover({}, 14), []],
    ['waits while it is pending', leftover(deleting(60), 60, 'pending'), []],
    ['stays when it was kept on purpose', leftover({ [TAG.kept]: DEAD }), []],
    ['stays when it is held', leftover({ ...deleting(60), [TAG.hold]: 'audit' }), []],
    ['stays when it belongs to another policy', leftover({ [TAG.policyUid]: 'uid-2', [TAG.policy]: 'a/b' }), []],
    ['stays when it belongs to nobody', leftover({ [TAG.policyUid]: '', [TAG.cluster]: 'other' }), []],
    [
      'goes by its mark even where the time in it is spoilt',
      leftover({ [TAG.deleting]: `${DEAD} soon` }),
      [`delete-snapshot ${SNAP}`],
    ],
  ])('%s', (_, world, expected) => {
    expect(ids(world.plan(spec()))).toEqual(expected);
  });

  it.each([
    ['stays when another image uses it', 'available'],
    ['peer complaint 22: stays when an image uses it that is disabled', 'disabled'],
  ] as const)('%s', (_, state) => {
    const world = leftover(deleting(60));
    world.put(EU, {
      ...world.image(SOURCE, ami(1))!,
      id: ami(7),
      state,
      volumes: [{ snapshotId: SNAP, sizeGiB: 8, encrypted: false }],
    });
    expect(world.plan(spec()).actions).toEqual([]);
  });

  it('stays while its image is in the Recycle Bin', () => {
    const world = leftover(deleting(60));
    world.place(EU).bin = { ok: true, value: new Map([[DEAD, {}]]) };
    expect(codes(world.plan(spec()))).toEqual(['InRecycleBin']);
    expect(world.plan(spec()).actions).toEqual([]);
  });

  it('stays while nobody can say what is in the Recycle Bin, and the permission is named', () => {
    const world = leftover(deleting(60));
    world.place(EU).bin = { ok: false, why: 'denied' };
    const plan = world.plan(spec());
    expect(plan.actions).toEqual([]);
    expect(plan.blocked[0]?.message).toContain('ec2:ListImagesInRecycleBin');
  });

  it('that others have orphaned stays where the policy keeps snapshots', () => {
    const keep = spec({ retention: { snapshots: 'Keep' } });
    expect(leftover().plan(keep).actions).toEqual([]);
    expect(kinds(leftover({}, 60, 'error').plan(keep))).toEqual(['DeleteSnapshot']);
    expect(kinds(leftover(deleting(60)).plan(keep))).toEqual(['DeleteSnapshot']);
  });
});

describe('copies that are lost', () => {
  const world = leftover();
  const snapshots = [...world.place(EU).snapshots.values()];
  const has = (id: string): boolean => world.image(EU, id) !== undefined;

  it('are known by the snapshots that they left behind', () => {
    expect(lostBySnapshots({ snapshots, has, now: NOW })).toEqual([
      { imageId: DEAD, sourceId: ami(1), attempt: undefined },
    ]);
  });

  it.each([
    ['they may only be invisible', snapshots, NOW - 50 * MINUTE],
    [
      'they were deleted on purpose',
      snapshots.map((each) => ({ ...each, tags: { ...each.tags, ...deleting(1) } })),
      NOW,
    ],
    [
      'they were kept on purpose',
      snapshots.map((each) => ({ ...each, tags: { ...each.tags, [TAG.kept]: DEAD } })),
      NOW,
    ],
  ])('are none where %s', (_, those, now) => {
    expect(lostBySnapshots({ snapshots: those, has, now })).toEqual([]);
  });
});

describe('a failed copy', () => {
  function failed(change?: (world: World, id: string) => void): { world: World; id: string } {
    const world = new World();
    world.source(1);
    const id = world.copy(1, EU, { state: 'failed', image: { createdAt: NOW } });
    change?.(world, id);
    return { world, id };
  }

  it('stays until its successor is there: the next attempt is reckoned from it', () => {
    const { world } = failed();
    expect(world.plan(spec()).actions).toEqual([]);
  });

  it('goes with its snapshots once its successor is there', () => {
    const { world, id } = failed();
    world.copy(1, EU, { state: 'pending' });
    expect(kinds(world.plan(spec()))).toEqual(['MarkForDeletion', 'CleanUpFailedCopy']);
    expect(ids(world.plan(spec()))).toContain(`deregister ${id}`);
  });

  it('goes once a later attempt failed, too', () => {
    const { world, id } = failed();
    world.copy(1, EU, { state: 'failed', image: { createdAt: NOW }, tags: { [TAG.attempt]: '1.0123456789abcdef' } });
    expect(ids(world.plan(spec())).filter((each) => each.startsWith('deregister'))).toEqual([`deregister ${id}`]);
  });

  it('goes once nobody wants the version there any more', () => {
    const { world } = failed();
    world.source(2);
    world.copy(2, EU);
    expect(kinds(world.plan(spec()))).toContain('CleanUpFailedCopy');
  });

  it('goes where the source itself is back', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    world.copy(1, SOURCE, { state: 'failed' });
    expect(kinds(world.plan(spec()))).toContain('CleanUpFailedCopy');
  });

  it.each<[string, (world: World, id: string) => void]>([
    ['the source cannot be seen', (world) => world.hide(SOURCE)],
    ['it is held', (world, id) => world.retag(EU, id, { [TAG.hold]: 'under investigation' })],
    ['it is protected', (world, id) => world.change(EU, id, { protection: 'enabled-without-cooldown' })],
  ])('stays while %s', (_, change) => {
    const { world } = failed(change);
    world.copy(1, EU, { state: 'pending' });
    expect(kinds(world.plan(spec())).filter((kind) => kind === 'CleanUpFailedCopy')).toEqual([]);
  });
});

describe('a removal that is interrupted', () => {
  const policy = spec({ retention: { deleteAfterDays: 1 } });
  const due = { [TAG.surplusSince]: isoTime(daysAgo(9)) };

  function dueVersion(): { world: World; old: string; snapshotId: string } {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(2, EU);
    const old = world.copy(1, EU, { tags: due });
    return { world, old, snapshotId: world.image(EU, old)!.volumes[0]!.snapshotId! };
  }

  it('peer complaint 27: goes on wherever it stopped, and leaves nothing', () => {
    for (const calls of [0, 1, 2, 3]) {
      const { world, old, snapshotId } = dueVersion();
      const acting = new Acting(world);
      let left = calls;
      for (let round = 1; round <= 6; round++) {
        const plan = world.plan(policy);
        const actions = round === 1 ? plan.actions.slice(0, left) : plan.actions;
        left -= actions.length;
        acting.carryOut({ ...plan, actions });
        world.now += MINUTE;
      }
      expect(world.image(EU, old)).toBeUndefined();
      expect(world.place(EU).snapshots.has(snapshotId)).toBe(false);
      expect(world.plan(policy).actions).toEqual([]);
    }
  });

  it.each(['Delete', 'Keep'] as const)('and is not to go on takes its marks off (%s)', (snapshots) => {
    const { world, old, snapshotId } = dueVersion();
    const first = world.plan(spec({ retention: { deleteAfterDays: 1, snapshots } }));
    new Acting(world).carryOut({ ...first, actions: first.actions.slice(0, 1) });
    const after = world.plan(spec({ retention: { keepNewest: 2 } }));
    expect(ids(after)).toEqual([`clear-surplus ${old}`, `clear-removal ${old}`]);
    expect(after.actions[1]?.call).toEqual({ do: 'untag', resources: [snapshotId], keys: [TAG.deleting, TAG.kept] });
  });

  it('leaves kept snapshots where they are', () => {
    const { world, old, snapshotId } = dueVersion();
    const keep = spec({ retention: { deleteAfterDays: 1, snapshots: 'Keep' } });
    const acting = new Acting(world);
    for (let round = 1; round <= 3; round++) {
      acting.carryOut(world.plan(keep));
      world.now += 60 * MINUTE;
    }
    expect(world.image(EU, old)).toBeUndefined();
    expect(world.place(EU).snapshots.get(snapshotId)?.tags[TAG.kept]).toBe(old);
  });
});
