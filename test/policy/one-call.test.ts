import { describe, expect, it } from 'vitest';
import type { CallOf } from '../../src/policy/plan.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { ami, daysAgo, EU, SOURCE, spec, World } from './world.ts';

const MINUTE = 60_000;
const DELETE = spec({ retention: { deleteAfterDays: 1 } });

interface Scene {
  readonly world: World;
  readonly old: string;
  readonly snapshotId: string;
}

/** A copy that is due in an account that allows to skip the Recycle Bin. */
function due(allow: readonly 'SkipRecycleBin'[] = ['SkipRecycleBin']): Scene {
  const world = new World();
  for (const number of [1, 2]) world.source(number);
  world.copy(2, EU);
  const old = world.copy(1, EU, { tags: { [TAG.surplusSince]: isoTime(daysAgo(9)) } });
  world.place(EU).allow = allow;
  return { world, old, snapshotId: world.image(EU, old)!.volumes[0]!.snapshotId! };
}

const deregistration = ({ world, old }: Scene, policy = DELETE): CallOf<'deregister'> | undefined =>
  world
    .plan(policy)
    .actions.map(({ call }) => call)
    .find((call) => call.do === 'deregister' && call.imageId === old) as CallOf<'deregister'> | undefined;

const reason = ({ world, old }: Scene, policy = DELETE): string | undefined =>
  world.plan(policy).actions.find(({ id }) => id === `deregister ${old}`)?.reason;

describe('an image that is deregistered takes its snapshots along', () => {
  it('where its account allows to skip the Recycle Bin, and says that it is for good', () => {
    const scene = due();
    expect(deregistration(scene)).toEqual({
      do: 'deregister',
      imageId: scene.old,
      withSnapshots: [scene.snapshotId],
    });
    expect(reason(scene)).toMatch(/with its snapshots, and for good$/);
  });

  it.each(['failed', 'pending'] as const)(
    'wherever it is, where it is %s: the bin would keep nothing of use',
    (state) => {
      const world = new World();
      world.source(1);
      world.source(2);
      world.copy(2, EU);
      const old = world.copy(1, EU, { state, tags: { [TAG.surplusSince]: isoTime(daysAgo(9)) } });
      const snapshotId = [...world.place(EU).snapshots.values()].find(({ description }) =>
        description.includes(old),
      )!.id;
      world.change(EU, old, { volumes: [{ snapshotId, sizeGiB: 8, encrypted: false }] });
      expect(deregistration({ world, old, snapshotId })?.withSnapshots).toEqual([snapshotId]);
    },
  );

  it('marked all the same: what is left of them is found again', () => {
    const scene = due();
    const plan = scene.world.plan(DELETE);
    expect(plan.actions.map(({ kind, needs }) => [kind, needs])).toEqual([
      ['MarkForDeletion', []],
      ['DeregisterImage', [`mark-snapshots ${scene.old}`]],
    ]);
    new Acting(scene.world).carryOut(plan);
    scene.world.now += MINUTE;
    expect(scene.world.place(EU).snapshots.has(scene.snapshotId)).toBe(false);
    expect(scene.world.plan(DELETE).actions).toEqual([]);
  });
});

describe('an image that is deregistered leaves its snapshots for later', () => {
  it.each<[string, (scene: Scene) => void]>([
    [
      'one of them is another image’s, too',
      ({ world, old }) => world.put(EU, { ...world.image(EU, old)!, id: ami(7), tags: {} }),
    ],
    [
      'one of them is of a disabled image, too',
      ({ world, old }) => world.put(EU, { ...world.image(EU, old)!, id: ami(7), tags: {}, state: 'disabled' }),
    ],
    ['one was kept on purpose', ({ world, snapshotId }) => world.retag(EU, snapshotId, { [TAG.kept]: ami(9) })],
    ['one is not this policy’s', ({ world, snapshotId }) => world.retag(EU, snapshotId, { [TAG.policyUid]: 'uid-2' })],
    ['one is not listed', ({ world, snapshotId }) => world.place(EU).snapshots.delete(snapshotId)],
    ['the bin may be needed', ({ world }) => (world.place(EU).allow = [])],
  ])('where %s', (_, change) => {
    const scene = due();
    change(scene);
    expect(deregistration(scene)).toEqual({ do: 'deregister', imageId: scene.old });
    expect(reason(scene)).toMatch(/whether the Recycle Bin keeps it shows afterwards$/);
  });

  it('where the policy keeps them', () => {
    const keep = spec({ retention: { deleteAfterDays: 1, snapshots: 'Keep' } });
    expect(deregistration(due(), keep)).not.toHaveProperty('withSnapshots');
    expect(reason(due(), keep)).toMatch(/its snapshots stay$/);
  });

  it('where it is a source image: nothing is known of its snapshots', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.claim(1);
    for (const number of [1, 2]) world.copy(number, EU);
    world.retag(SOURCE, ami(1), { [TAG.surplusSince]: isoTime(daysAgo(9)) });
    world.place(SOURCE).allow = ['RetireSources', 'SkipRecycleBin'];
    const policy = spec({ retention: { deleteAfterDays: 1, scope: 'CopiesAndSource', keepDays: 0 } });
    const snapshotId = world.image(SOURCE, ami(1))!.volumes[0]!.snapshotId!;
    expect(deregistration({ world, old: ami(1), snapshotId }, policy)).toEqual({ do: 'deregister', imageId: ami(1) });
  });
});

describe('what the Recycle Bin has kept of a deletion', () => {
  it('is said with its end and the way back, and keeps the snapshots until then', () => {
    const { world, old, snapshotId } = due([]);
    const acting = new Acting(world);
    acting.carryOut(world.plan(DELETE));
    world.now += MINUTE;
    const exitsAt = world.now + 7 * 24 * 60 * MINUTE;
    world.place(EU).bin = { ok: true, value: new Map([[old, { exitsAt }]]) };
    const plan = world.plan(DELETE);
    expect(plan.actions).toEqual([]);
    expect(plan.blocked).toMatchObject([
      {
        code: 'InRecycleBin',
        subject: `${snapshotId} of ${old}`,
        message: expect.stringContaining(
          `in the Recycle Bin until ${isoTime(exitsAt)}, and could not be restored without it. Until then: aws ec2 restore-image-from-recycle-bin --image-id ${old} --region eu-west-1`,
        ),
      },
    ]);
    world.place(EU).bin = { ok: true, value: new Map() };
    expect(world.plan(DELETE).actions).toMatchObject([
      {
        id: `delete-snapshot ${snapshotId}`,
        reason: expect.stringMatching(/not in the Recycle Bin: it cannot be restored$/),
      },
    ]);
  });
});
