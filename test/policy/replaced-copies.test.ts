import { describe, expect, it } from 'vitest';
import { parameterDescription } from '../../src/policy/parameter-ownership.ts';
import { scopeOf } from '../../src/policy/scope.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { ami, daysAgo, EU, ids, kinds, OWNER, SOURCE, spec, World } from './world.ts';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111';
const OTHER_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/22222222-2222-2222-2222-222222222222';
const NAME = '/ami/x86_64';
const policy = (more: object = {}) =>
  spec({
    regions: ['us-east-1', { name: 'eu-west-1', kmsKeyId: 'alias/ami' }],
    retention: { keepNewest: 1, deleteAfterDays: 1 },
    ...more,
  });

function under(world: World, id: string, kmsKeyId: string): void {
  const image = world.image(EU, id);
  for (const { snapshotId } of image?.volumes ?? []) {
    const snapshot = world.place(EU).snapshots.get(snapshotId ?? '');
    if (snapshot) world.place(EU).snapshots.set(snapshot.id, { ...snapshot, encrypted: true, kmsKeyId });
  }
  world.change(EU, id, { volumes: (image?.volumes ?? []).map((volume) => ({ ...volume, encrypted: true })) });
}

/** A copy under the key of before, and the one under the new key, which is ready. */
function replaced(image: object = {}, tags: object = {}): { world: World; old: string; fresh: string } {
  const world = new World();
  world.source(1);
  world.place(EU).keys.set('alias/ami', { ok: true, value: { kind: 'usable', arn: KEY, managedByAws: false } });
  const old = world.copy(1, EU, { image, tags: { [TAG.surplusSince]: isoTime(daysAgo(5)), ...tags } });
  under(world, old, OTHER_KEY);
  const fresh = world.copy(1, EU);
  under(world, fresh, KEY);
  return { world, old, fresh };
}

describe('a copy that another one under the right key has replaced', () => {
  it('is not published any more: the parameter moves to the new one, and the old one leaves', () => {
    const { world, old, fresh } = replaced();
    for (const [target, value] of [
      [SOURCE, ami(1)],
      [EU, old],
    ] as const) {
      world.place(target).parameters.set(NAME, { ok: true, value: { value, version: 1 } });
      world.place(target).ownParameters = [{ name: NAME, description: parameterDescription(OWNER) }];
    }
    const plan = world.plan(policy({ publish: { ssmParameter: '/ami/{architecture}' } }));
    expect(plan.actions).toMatchObject([{ kind: 'PublishImage', call: { value: fresh, name: NAME } }]);
  });

  it('is published in the first place', () => {
    const { world, fresh } = replaced();
    for (const target of [SOURCE, EU]) world.place(target).parameters.set(NAME, { ok: true, value: undefined });
    const plan = world.plan(policy({ publish: { ssmParameter: '/ami/{architecture}' } }));
    expect(plan.actions.filter(({ kind }) => kind === 'PublishImage')).toMatchObject([
      { target: SOURCE, call: { value: ami(1) } },
      { target: EU, call: { value: fresh } },
    ]);
  });

  it('loses the protection of this policy, and leaves', () => {
    const { world, old } = replaced(
      { protection: 'enabled-without-cooldown' },
      { [TAG.protectedSince]: isoTime(daysAgo(9)) },
    );
    const plan = world.plan(policy({ protection: true }));
    expect(ids(plan)).toContain(`unprotect ${old}`);
  });

  it('that stays because it is protected is said to', () => {
    const { world, old } = replaced(
      { protection: 'enabled-without-cooldown' },
      { [TAG.protectedSince]: isoTime(daysAgo(9)) },
    );
    const plan = world.plan(policy({ protection: true }));
    const said = [...plan.blocked, ...plan.waits].some(({ subject }) => subject.includes(old));
    expect(said || ids(plan).includes(`unprotect ${old}`)).toBe(true);
  });
});

describe('the annotation abandon', () => {
  it('says what of it cannot be read', () => {
    const scope = scopeOf(spec(), '222233334444/EU-WEST-1, production', []);
    expect(JSON.stringify(scope)).toContain('production');
  });
});

describe('a public image that was deprecated by its stage and is kept again', () => {
  it('is said to stay deprecated: EC2 cancels that of no public image', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU, {
      image: { public: true, deprecatesAt: daysAgo(2) },
      grants: { public: true },
      tags: { [TAG.deprecatedSince]: isoTime(daysAgo(2)), [TAG.surplusSince]: isoTime(daysAgo(3)) },
    });
    world.place(EU).allow = ['Public'];
    const plan = world.plan(
      spec({ regions: ['eu-west-1'], sharing: { public: true }, retention: { deprecateAfterDays: 0 } }),
    );
    expect(kinds(plan)).toContain('ClearMark');
    expect(plan.blocked.some(({ subject }) => subject.includes(copy))).toBe(true);
  });
});
