import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../src/policy/make-plan.ts';
import { DAY_MS, type TargetKey, type TargetView, targetKey } from '../../src/policy/model.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import type { Action, Plan } from '../../src/policy/plan.ts';
import { report } from '../../src/policy/report.ts';
import { TAG, tempGrantAccounts } from '../../src/policy/tags.ts';
import { Acting } from './act.ts';
import { brokenBy } from './broken-by.ts';
import { build, drawn, handOver, planForVendor, policies, VENDOR } from './random-worlds.ts';
import { granteesOf, granteesWanted, isOurs, keptIn, targetsNamed, versionsIn, wantedIn } from './reference.ts';
import { violations } from './safety.ts';
import { ids, SOURCE, type World } from './world.ts';

const RUNS = { numRuns: 400 };
const seen = (world: World): boolean => !world.place(SOURCE).unavailable;

describe('against a naive reference', () => {
  it('the same versions are wanted', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const built = build(world);
        fc.pre(seen(built));
        expect(makePlan(built.input(policy)).standings.wanted).toEqual(wantedIn(built, policy));
      }),
      RUNS,
    );
  });

  it('the same versions are kept in each target', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const built = build(world);
        fc.pre(seen(built));
        const { set, standings } = makePlan(built.input(policy));
        for (const target of targetsNamed(policy)) {
          const kept = set.versions.filter((version) => standings.of(version, target).kind !== 'surplus');
          expect(new Set(kept.map(({ id }) => id))).toEqual(keptIn(built, policy, target));
        }
      }),
      RUNS,
    );
  });

  it('images of wanted versions end up shared with whom they must, and nobody else loses or gets anything', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const built = build(world);
        fc.pre(seen(built) && policy.sharing !== undefined);
        const plan = built.plan(policy);
        const wanted = wantedIn(built, policy);
        const shared = targetsNamed(policy).filter(
          ({ account }) =>
            account === SOURCE.account || policy.accounts?.some(({ id, share }) => id === account && share),
        );
        for (const target of shared.filter((each) => !built.place(each).unavailable)) {
          for (const image of built.place(target).images.values()) {
            if (!isOurs(image) || image.state !== 'available' || !wanted.has(image.tags[TAG.sourceImage] ?? ''))
              continue;
            const current = built.place(target).launch.get(image.id);
            const before = new Set(current?.ok ? granteesOf(current.value) : []);
            const listed = granteesWanted(policy, target.account);
            const stays = policy.sharing?.unlistedGrants === 'Keep' ? [...before] : tempGrantAccounts(image.tags);
            const expected = new Set([...listed, ...[...before].filter((each) => stays.includes(each))]);
            expect(sharedAfter(plan, image.id, before)).toEqual(expected);
          }
        }
      }),
      RUNS,
    );
  });
});

/** Who may launch an image after a plan, but for what concerns temporary grants. */
function sharedAfter(plan: Plan, imageId: string, before: ReadonlySet<string>): Set<string> {
  const after = new Set(before);
  for (const { call, kind } of plan.actions) {
    if (call.do !== 'modifyLaunch' || call.imageId !== imageId || (kind !== 'Share' && kind !== 'Unshare')) continue;
    for (const grantee of granteesOf(call.add)) after.add(grantee);
    for (const grantee of granteesOf(call.remove)) after.delete(grantee);
  }
  return after;
}

describe('every plan', () => {
  it('keeps the safety rules', () => {
    fc.assert(
      fc.property(drawn, policies, fc.boolean(), (world, policy, withdrawalConfirmed) => {
        const built = build(world);
        expect(violations(built, policy, built.plan(policy, { withdrawalConfirmed }))).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  it('is the same for the same input, in whatever order it comes', () => {
    fc.assert(
      fc.property(drawn, policies, fc.boolean(), (world, policy, deleting) => {
        const input = build(world).input(policy, { deleting });
        const plan = makePlan(input).plan;
        expect(makePlan(input).plan).toEqual(plan);
        expect(makePlan(reversed(input)).plan).toEqual(plan);
      }),
      RUNS,
    );
  });

  it('says of every action, wait and refusal why', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const plan = build(world).plan(policy);
        for (const { reason, subject } of plan.actions) expect(`${subject}: ${reason}`).toMatch(/^\S.*: \S.{8,}/s);
        for (const { message, subject } of plan.waits) expect(`${subject}: ${message}`).toMatch(/^\S.*: \S.{8,}/s);
        for (const { message, code, effect } of plan.blocked) {
          expect(code).toMatch(/^[A-Z][A-Za-z]+$/);
          expect(message, `${effect} ${code}`).toMatch(/^\S.{12,}/s);
        }
      }),
      RUNS,
    );
  });

  it('names each action once, and what an action needs before it', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const plan = build(world).plan(policy);
        const names = ids(plan);
        expect(new Set(names).size).toBe(names.length);
        plan.actions.forEach(({ needs, follows }, index) => {
          for (const id of [...needs, ...follows]) expect(names.indexOf(id)).toBeLessThan(index);
        });
      }),
      RUNS,
    );
  });

  it('makes conditions that tools read right', () => {
    fc.assert(
      fc.property(drawn, policies, fc.boolean(), fc.boolean(), (world, policy, deleting, planned) => {
        const spec = { ...policy, ...(planned && { mode: 'Plan' as const }) };
        const input = build(world).input(spec, { deleting });
        const { findings } = report(input, makePlan(input), []);
        expect(new Set(findings.map(({ type }) => type)).size).toBe(findings.length);
        expect(brokenBy(findings)).toEqual([]);
      }),
      RUNS,
    );
  });
});

/** The same input with every map the other way round. */
function reversed(input: PlanInput): PlanInput {
  const turned = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => new Map([...map].toReversed());
  const targets = [...turned(input.targets)].map(([key, view]): [TargetKey, TargetView] => {
    if (view.kind !== 'observed') return [key, view];
    const { images, snapshots, ...rest } = view.inventory;
    const inventory = { ...rest, images: turned(images), snapshots: turned(snapshots) };
    return [key, { ...view, inventory }];
  });
  return { ...input, targets: new Map(targets) };
}

describe('carried out again and again', () => {
  const LAST = 60;

  it('plans come to an end, stay there, and keep the safety rules all the way', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const built = build(world);
        const acting = new Acting(built);
        let plan = built.plan(policy, { withdrawalConfirmed: true });
        for (let round = 1; round <= LAST; round++) {
          expect(violations(built, policy, plan)).toEqual([]);
          acting.carryOut(plan);
          if (round % 2 === 0) acting.finishCopies();
          built.now += DAY_MS;
          plan = built.plan(policy, { withdrawalConfirmed: true });
        }
        expect(ids(plan)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('nothing is left undone without a word', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const built = build(world);
        const acting = new Acting(built);
        for (let round = 1; round <= LAST; round++) {
          acting.carryOut(built.plan(policy));
          acting.finishCopies();
          built.now += DAY_MS;
        }
        const plan = built.plan(policy);
        const wanted = wantedIn(built, policy);
        fc.pre(seen(built));
        const silent = targetsNamed(policy).filter((target) => {
          const key = targetKey(target);
          const missing = versionsIn(built, policy).some(({ id, readyIn }) => wanted.has(id) && !readyIn(target));
          const said = [...plan.blocked, ...plan.waits].some(
            (entry) => entry.target && targetKey(entry.target) === key,
          );
          return missing && !said;
        });
        expect(silent).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('with sources of another account', () => {
  it('nothing of it is touched, each version is copied from it once and only into the source account, and it ends', () => {
    fc.assert(
      fc.property(drawn, policies, (world, policy) => {
        const built = build(world);
        handOver(built);
        const acting = new Acting(built);
        let plan = planForVendor(built, policy);
        for (let round = 1; round <= 40; round++) {
          expect(plan.actions.flatMap((action) => wrongWithVendor(built, action))).toEqual([]);
          expect(direct(plan).length).toBe(new Set(direct(plan)).size);
          acting.carryOut(plan);
          if (round % 2 === 0) acting.finishCopies();
          built.now += DAY_MS;
          plan = planForVendor(built, policy);
        }
        expect(ids(plan)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

/** The versions that are copied from the other account. */
const direct = (plan: Plan): string[] =>
  plan.actions.flatMap(({ call }) => (call.do === 'copy' && call.foreignOwner !== undefined ? [call.sourceImage] : []));

function wrongWithVendor(world: World, { id, call, target }: Action): string[] {
  if (call.do === 'claim') return [`${id} claims what is another account's`];
  if ('imageId' in call && world.place(VENDOR).images.has(call.imageId)) return [`${id} touches it`];
  if (call.do !== 'copy') return [];
  if (call.foreignOwner === undefined)
    return call.origin.account === VENDOR.account ? [`${id} is made from it unsaid`] : [];
  const there = [...world.places].flatMap(([key, { images, unavailable }]) =>
    key.startsWith(SOURCE.account) && !unavailable ? [...images.values()] : [],
  );
  const has = there.some(
    (image) =>
      isOurs(image) &&
      image.tags[TAG.sourceImage] === call.sourceImage &&
      (image.state === 'available' || image.state === 'pending'),
  );
  const wrong = target.account !== SOURCE.account || call.origin.account !== VENDOR.account || has;
  return wrong ? [`${id} is copied from another account in vain`] : [];
}
