import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_MS, type Image, targetKey } from '../../src/policy/model.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import { Acting } from './act.ts';
import { build, drawn, policies } from './random-worlds.ts';
import { copiesIn, targetsNamed, versionsIn, wantedIn } from './reference.ts';
import { violations } from './safety.ts';
import { AWAY_EU, EU, SOURCE, type World } from './world.ts';

type Kind = 'plain' | 'right' | 'other' | 'managed';
const KEYED = [EU, AWAY_EU];
const arn = (account: string, kind: Kind): string => `arn:aws:kms:eu-west-1:${account}:key/${kind}`;

/** Everything in eu-west-1 is to be under the key `right` of its account. */
const keyed = (policy: PlanInput['spec']): PlanInput['spec'] => ({
  ...policy,
  regions: policy.regions.map(({ name }) => ({ name, ...(name === 'eu-west-1' && { kmsKeyId: 'alias/ami' }) })),
});

/** Puts the copies in eu-west-1 under keys, in turn. */
function encrypt(world: World, kinds: readonly Kind[]): void {
  let next = 0;
  for (const target of KEYED) {
    const { keys, images, snapshots } = world.place(target);
    const known = (kind: Kind) => ({
      ok: true as const,
      value: { kind: 'usable' as const, arn: arn(target.account, kind), managedByAws: kind === 'managed' },
    });
    keys.set('alias/ami', known('right'));
    for (const kind of ['right', 'other', 'managed'] as const) keys.set(arn(target.account, kind), known(kind));
    for (const image of images.values()) {
      const kind = kinds[next++ % kinds.length] ?? 'plain';
      if (kind === 'plain') continue;
      world.change(target, image.id, { volumes: image.volumes.map((volume) => ({ ...volume, encrypted: true })) });
      for (const { snapshotId = '' } of image.volumes) {
        const snapshot = snapshots.get(snapshotId);
        if (snapshot) snapshots.set(snapshotId, { ...snapshot, encrypted: true, kmsKeyId: arn(target.account, kind) });
      }
    }
  }
}

const kinds = fc.array(fc.constantFrom<Kind>('plain', 'right', 'other', 'managed'), { minLength: 1, maxLength: 7 });

it('copies come under the key that is asked for, by the safety rules, or it is said why not', () => {
  fc.assert(
    fc.property(drawn, policies, kinds, (world, policy, drawnKinds) => {
      const built = build(world);
      fc.pre(!built.place(SOURCE).unavailable);
      encrypt(built, drawnKinds);
      const spec = keyed(policy);
      const acting = new Acting(built);
      let plan = built.plan(spec, { withdrawalConfirmed: true });
      for (let round = 1; round <= 50; round++) {
        expect(plan.needs).toEqual([]);
        expect(violations(built, spec, plan)).toEqual([]);
        acting.carryOut(plan);
        if (round % 2 === 0) acting.finishCopies();
        built.now += DAY_MS;
        plan = built.plan(spec, { withdrawalConfirmed: true });
      }
      expect(plan.actions.map(({ id }) => id)).toEqual([]);
      const said = new Set([...plan.blocked, ...plan.waits].map(({ target }) => target && targetKey(target)));
      const wanted = wantedIn(built, spec);
      for (const target of targetsNamed(spec).filter(({ region }) => region === 'eu-west-1')) {
        if (said.has(targetKey(target))) continue;
        for (const { id } of versionsIn(built, spec).filter((version) => wanted.has(version.id)))
          expect(copiesIn(built).some(({ key, image }) => key === targetKey(target) && isRight(built, image, id))).toBe(
            true,
          );
      }
    }),
    { numRuns: 150 },
  );
});

function isRight(world: World, image: Image, version: string): boolean {
  const place = KEYED.map((target) => world.place(target)).find(({ images }) => images.has(image.id));
  const keys = image.volumes.map(({ snapshotId = '' }) => place?.snapshots.get(snapshotId)?.kmsKeyId);
  const isVersion = image.tags['amifleet.io/source-image'] === version && image.state === 'available';
  return isVersion && keys.every((key) => key?.endsWith(':key/right') === true);
}
