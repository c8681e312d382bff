import { describe, expect, it } from 'vitest';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { ami, codes, daysAgo, EU, ids, kinds, NOW, SOURCE, spec, World } from './world.ts';

const rules = { keepNewest: 1, deleteAfterDays: 3, scope: 'CopiesAndSource' } as const;
const policy = (more: object = {}) => spec({ retention: { ...rules, ...more } });

/** Two versions with copies; the older one is wanted nowhere. */
function behind(allow: 'RetireSources' | undefined = 'RetireSources'): World {
  const world = new World();
  for (const number of [1, 2]) world.source(number);
  world.copy(2, EU);
  world.place(SOURCE).allow = allow ? [allow] : [];
  return world;
}
const mark = (world: World, days: number): void => {
  world.claim(1);
  world.retag(SOURCE, ami(1), { [TAG.surplusSince]: isoTime(daysAgo(days)) });
};

describe('a source image that no target wants', () => {
  it('is claimed and marked, and then waits for its days', () => {
    const world = behind();
    const plan = world.plan(policy());
    expect(ids(plan)).toEqual([`claim ${ami(1)}`, `mark-surplus ${ami(1)}`]);
    mark(world, 2);
    expect(world.plan(policy()).actions).toEqual([]);
    expect(world.plan(policy()).waits).toMatchObject([{ until: daysAgo(-1) }]);
  });

  it('leaves with its snapshots, which are marked as this policy’s first', () => {
    const world = behind();
    mark(world, 3);
    const plan = world.plan(policy());
    const snapshotId = world.image(SOURCE, ami(1))?.volumes[0]?.snapshotId;
    expect(plan.actions).toMatchObject([
      {
        kind: 'MarkForDeletion',
        call: { resources: [snapshotId], tags: { [TAG.sourceImage]: ami(1), [TAG.policyUid]: 'uid-1' } },
      },
      { kind: 'DeregisterImage', call: { imageId: ami(1) }, destroys: { versionId: ami(1) } },
    ]);
  });

  it('leaves a snapshot alone that another image uses', () => {
    const world = behind();
    mark(world, 3);
    const volumes = world.image(SOURCE, ami(1))?.volumes ?? [];
    world.put(SOURCE, { ...world.image(SOURCE, ami(2))!, id: ami(0x77), name: 'theirs', tags: {}, volumes });
    expect(kinds(world.plan(policy()))).toEqual(['DeregisterImage']);
  });

  it.each<[string, (world: World) => void, string | undefined]>([
    ['the AwsAccount does not allow it', (world) => (world.place(SOURCE).allow = []), 'SourceRetirementNotAllowed'],
    [
      'another policy has claimed it',
      (world) => world.retag(SOURCE, ami(1), { [TAG.claimedBy]: 'other/web cluster-1 uid-9' }),
      undefined,
    ],
    [
      'it carries the mark of another manager',
      (world) => world.retag(SOURCE, ami(1), { CreatedBy: 'EC2 Image Builder' }),
      'ManagedByOther',
    ],
    ['it is held', (world) => world.retag(SOURCE, ami(1), { [TAG.hold]: 'audit' }), 'Held'],
    [
      'it is used',
      (world) => world.place(SOURCE).references.set(ami(1), { ok: true, value: ['ec2:Instance i-1'] }),
      'InUse',
    ],
  ])('stays when %s', (_, change, code) => {
    const world = behind();
    mark(world, 30);
    change(world);
    const plan = world.plan(policy());
    expect(plan.actions.filter(({ kind }) => kind === 'DeregisterImage' || kind === 'DisableImage')).toEqual([]);
    expect(code === undefined || codes(plan).includes(code)).toBe(true);
  });

  it('stays with scope: Copies, and a mark from before is taken off', () => {
    const world = behind();
    expect(world.plan(policy({ scope: 'Copies' })).actions).toEqual([]);
    mark(world, 30);
    expect(ids(world.plan(policy({ scope: 'Copies' })))).toEqual([`clear-surplus ${ami(1)}`]);
  });

  it('stays while any target still keeps its version', () => {
    const world = behind();
    world.copy(1, EU);
    world.change(EU, [...world.place(EU).images.keys()][0] ?? '', { state: 'pending' });
    expect(world.plan(policy()).actions.filter(({ target }) => target.region === SOURCE.region)).toEqual([]);
  });

  it('goes through the stages, stays a version while it is disabled, and comes back when it is wanted again', () => {
    const world = behind();
    const staged = policy({ disableAfterDays: 0, deleteAfterDays: 3 });
    const acting = new Acting(world);
    for (let round = 0; round < 3; round++) {
      acting.carryOut(world.plan(staged, { began: world.now }));
      world.now += 60_000;
    }
    expect(world.image(SOURCE, ami(1))?.state).toBe('disabled');
    expect(codes(world.plan(staged))).toEqual([]);
    const again = spec({ source: { newest: 2 }, retention: { ...rules, disableAfterDays: 0 } });
    expect(ids(world.plan(again))).toContain(`enable ${ami(1)}`);
    world.now = NOW + 4 * 86_400_000;
    world
      .place(SOURCE)
      .usage.set(ami(1), { ok: true, value: { kind: 'available', id: 'amiur-1', createdAt: world.now, usages: [] } });
    expect(ids(world.plan(staged))).toContain(`deregister ${ami(1)}`);
  });
});
