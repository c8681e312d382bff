import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_MS, type Image, type Target, targetKey } from '../../src/policy/model.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import { TAG } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { build, drawn, policies } from './random-worlds.ts';
import { targetsNamed, versionsIn, wantedIn } from './reference.ts';
import { violations } from './safety.ts';
import { AWAY_EU, AWAY_US, EU, SOURCE, type World } from './world.ts';

type Kind = 'plain' | 'right' | 'other' | 'managed';
const arn = ({ account, region }: Target, kind: Kind): string => `arn:aws:kms:${region}:${account}:key/${kind}`;

/** What is in these regions is to be under the key `right` of its account. */
const keyed = (policy: PlanInput['spec'], regions: readonly string[]): PlanInput['spec'] => ({
  ...policy,
  regions: policy.regions.map(({ name }) => ({ name, ...(regions.includes(name) && { kmsKeyId: 'alias/ami' }) })),
});

/** Puts images under keys, in turn. */
function encrypt(world: World, targets: readonly Target[], kinds: readonly Kind[]): void {
  let next = 0;
  for (const target of targets) {
    const { keys, images, snapshots, snapshotKeys } = world.place(target);
    const known = (kind: Kind) => ({
      ok: true as const,
      value: { kind: 'usable' as const, arn: arn(target, kind), managedByAws: kind === 'managed' },
    });
    keys.set('alias/ami', known('right'));
    for (const kind of ['right', 'other', 'managed'] as const) keys.set(arn(target, kind), known(kind));
    for (const image of images.values()) {
      const kind = kinds[next++ % kinds.length] ?? 'plain';
      if (kind === 'plain') continue;
      world.change(target, image.id, { volumes: image.volumes.map((volume) => ({ ...volume, encrypted: true })) });
      for (const { snapshotId = '' } of image.volumes) {
        const snapshot = snapshots.get(snapshotId);
        if (snapshot) snapshots.set(snapshotId, { ...snapshot, encrypted: true, kmsKeyId: arn(target, kind) });
        else snapshotKeys.set(snapshotId, { ok: true, value: arn(target, kind) });
      }
    }
  }
}

const kinds = fc.array(fc.constantFrom<Kind>('plain', 'right', 'other', 'managed'), { minLength: 1, maxLength: 7 });

it.each([
  ['copies', [EU, AWAY_EU], ['eu-west-1'], violations],
  // The reference takes a plain source for the image in its own region, so that it cannot judge what may go there.
  ['copies and sources', [SOURCE, EU, AWAY_EU, AWAY_US], ['us-east-1', 'eu-west-1'], () => []],
])('%s come under the key that is asked for, by the safety rules, or it is said why not', (_, at, regions, judge) => {
  fc.assert(
    fc.property(drawn, policies, kinds, (world, policy, drawnKinds) => {
      const built = build(world);
      fc.pre(!built.place(SOURCE).unavailable);
      encrypt(built, at, drawnKinds);
      const spec = keyed(policy, regions);
      const acting = new Acting(built);
      let plan = built.plan(spec, { withdrawalConfirmed: true });
      for (let round = 1; round <= 50; round++) {
        expect(plan.needs).toEqual([]);
        expect(judge(built, spec, plan)).toEqual([]);
        acting.carryOut(plan);
        if (round % 2 === 0) acting.finishCopies();
        built.now += DAY_MS;
        plan = built.plan(spec, { withdrawalConfirmed: true });
      }
      expect(plan.actions.map(({ id }) => id)).toEqual([]);
      const said = new Set([...plan.blocked, ...plan.waits].map(({ target }) => target && targetKey(target)));
      const wanted = wantedIn(built, spec);
      for (const target of targetsNamed(spec).filter(({ region }) => regions.includes(region))) {
        if (said.has(targetKey(target)) || built.place(target).unavailable) continue;
        for (const { id } of versionsIn(built, spec).filter((version) => wanted.has(version.id)))
          expect([...built.place(target).images.values()].some((image) => isRight(built, target, image, id))).toBe(
            true,
          );
      }
    }),
    { numRuns: 150 },
  );
});

/** Whether an image is that of a version, and every snapshot of it under the right key. */
function isRight(world: World, target: Target, image: Image, version: string): boolean {
  if (image.state !== 'available' || (image.tags[TAG.sourceImage] ?? image.id) !== version) return false;
  const { snapshots, snapshotKeys } = world.place(target);
  return image.volumes.every(({ snapshotId = '' }) => {
    const answer = snapshotKeys.get(snapshotId);
    const key = snapshots.get(snapshotId)?.kmsKeyId ?? (answer?.ok ? answer.value : undefined);
    return key === arn(target, 'right');
  });
}
