import { describe, expect, it } from 'vitest';
import type { Snapshot, TargetKey, TargetView } from '../../src/policy/model.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { ami, codes, daysAgo, EU, ids, kinds, NOW, SOURCE, spec, World } from './world.ts';

const DELETE = { retention: { deleteAfterDays: 1 } };
const DUE = { [TAG.surplusSince]: isoTime(daysAgo(9)) };
const YEAR = Date.UTC(2027, 0, 1);

/** A copy that is due, and its snapshot. */
function due(): { world: World; old: string; snapshotId: string; change: (change: Partial<Snapshot>) => void } {
  const world = new World();
  for (const number of [1, 2]) world.source(number);
  world.copy(2, EU);
  const old = world.copy(1, EU, { tags: DUE });
  const snapshotId = world.image(EU, old)!.volumes[0]!.snapshotId!;
  const { snapshots } = world.place(EU);
  return {
    world,
    old,
    snapshotId,
    change: (change) => snapshots.set(snapshotId, { ...snapshots.get(snapshotId)!, ...change }),
  };
}

type Due = ReturnType<typeof due>;

const RESTRAINTS: readonly [string, (scene: Due) => void, code: string, says: RegExp][] = [
  [
    'is held',
    ({ world, snapshotId }) => world.retag(EU, snapshotId, { [TAG.hold]: 'audit' }),
    'Held',
    /: audit on snap-\w+\. Remove the tag/,
  ],
  [
    'was made by AWS Backup',
    ({ change }) => change({ description: 'This snapshot is created by the AWS Backup service.' }),
    'ManagedByOther',
    /AWS Backup, which manages it/,
  ],
  [
    'carries the mark of another manager',
    ({ world, snapshotId }) => world.retag(EU, snapshotId, { 'aws:dlm:lifecycle-policy-id': 'policy-1' }),
    'ManagedByOther',
    /Data Lifecycle Manager/,
  ],
  ['is archived', ({ change }) => change({ archived: true }), 'SnapshotArchived', /aws ec2 restore-snapshot-tier/],
  [
    'is locked in governance mode',
    ({ world, snapshotId }) => {
      world.place(EU).locks = { ok: true, value: new Map([[snapshotId, { mode: 'governance', until: YEAR }]]) };
    },
    'SnapshotLocked',
    /until 2027-01-01T00:00:00.000Z\. .*aws ec2 unlock-snapshot --snapshot-id snap-/,
  ],
  [
    'is locked in compliance mode',
    ({ world, snapshotId }) => {
      world.place(EU).locks = { ok: true, value: new Map([[snapshotId, { mode: 'compliance', until: YEAR }]]) };
    },
    'SnapshotLocked',
    /which nobody can take off/,
  ],
];

describe('an image that is due stays while its snapshot', () => {
  it.each(RESTRAINTS)('%s', (_, restrain, code, says) => {
    const scene = due();
    restrain(scene);
    const plan = scene.world.plan(spec(DELETE));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code, message: expect.stringMatching(says), effect: 'keeps' }]);
  });

  it.each(RESTRAINTS)('%s, unless the policy keeps snapshots anyway', (_, restrain) => {
    const scene = due();
    restrain(scene);
    const keep = spec({ retention: { deleteAfterDays: 1, snapshots: 'Keep' } });
    expect(ids(scene.world.plan(keep))).toContain(`deregister ${scene.old}`);
  });

  it.each(RESTRAINTS)('%s, also when its policy is being deleted', (_, restrain, __, says) => {
    const scene = due();
    restrain(scene);
    const plan = scene.world.plan(spec({ deletionPolicy: 'Delete' }), { deleting: true });
    expect(ids(plan)).not.toContain(`deregister ${scene.old}`);
    expect(plan.blocked.find(({ subject }) => subject.includes(scene.old))).toMatchObject({
      code: 'DeletionBlocked',
      message: expect.stringMatching(says),
    });
    expect(plan.released).toBe(false);
  });
});

describe('a snapshot whose image is gone stays while it', () => {
  it.each(RESTRAINTS)('%s', (_, restrain, code, says) => {
    const scene = due();
    restrain(scene);
    scene.world.retag(EU, scene.snapshotId, { [TAG.deleting]: `${scene.old} ${isoTime(NOW - 60_000)}` });
    scene.world.place(EU).images.delete(scene.old);
    const plan = scene.world.plan(spec(DELETE));
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([{ code, message: expect.stringMatching(says), effect: 'keeps' }]);
  });
});

describe('locks', () => {
  it('are asked for before an image goes, and once for all snapshots of a target', () => {
    const { world } = due();
    const targets = new Map<TargetKey, TargetView>();
    for (const [key, view] of world.views()) {
      if (view.kind === 'observed') delete (view.inventory as { locks?: unknown }).locks;
      targets.set(key, view);
    }
    const plan = world.plan(spec(DELETE), { targets });
    expect(plan.needs).toEqual([{ kind: 'locks', target: EU }]);
    expect(plan.actions).toEqual([]);
  });

  it('that cannot be read hold nothing back: EC2 enforces them by itself', () => {
    const { world, old } = due();
    world.place(EU).locks = { ok: false, why: 'denied' };
    expect(ids(world.plan(spec(DELETE)))).toContain(`deregister ${old}`);
  });

  it('on the snapshot of a source image keep that, too', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.claim(1);
    for (const number of [1, 2]) world.copy(number, EU);
    world.retag(SOURCE, ami(1), DUE);
    world.place(SOURCE).allow = ['RetireSources'];
    const policy = spec({ retention: { deleteAfterDays: 1, scope: 'CopiesAndSource', keepDays: 0 } });
    expect(ids(world.plan(policy))).toContain(`deregister ${ami(1)}`);
    const { snapshotId } = world.image(SOURCE, ami(1))!.volumes[0]!;
    world.place(SOURCE).locks = { ok: true, value: new Map([[snapshotId!, { mode: 'governance' }]]) };
    const plan = world.plan(policy);
    expect(ids(plan)).not.toContain(`deregister ${ami(1)}`);
    expect(codes(plan)).toContain('SnapshotLocked');
  });
});

describe('a source image that AWS Backup made', () => {
  it('is not retired, and a copy with its description is', () => {
    const world = new World();
    const description = 'This image is created by the AWS Backup service.';
    world.source(1, { description });
    world.source(2);
    world.claim(1);
    world.copy(2, EU);
    const old = world.copy(1, EU, { tags: DUE });
    world.retag(SOURCE, ami(1), DUE);
    world.place(SOURCE).allow = ['RetireSources'];
    const plan = world.plan(spec({ retention: { deleteAfterDays: 1, scope: 'CopiesAndSource', keepDays: 0 } }));
    expect(ids(plan)).toContain(`deregister ${old}`);
    expect(ids(plan)).not.toContain(`deregister ${ami(1)}`);
    expect(codes(plan)).toContain('ManagedByOther');
    expect(kinds(plan)).toContain('MarkForDeletion');
  });
});
