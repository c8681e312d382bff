import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, type Image } from '../../src/policy/model.ts';
import { type Next, nextStage } from '../../src/policy/stages.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { AWAY_EU, ami, codes, daysAgo, EU, ids, kinds, NOW, PARTNER, spec, World } from './world.ts';

const RULES = {
  keepNewest: 1,
  inUse: 'Protect',
  minUnusedDays: 30,
  scope: 'Copies',
  snapshots: 'Delete',
  maxDeletionsPerDay: 10,
} as const;
const STAGED = { ...RULES, deprecateAfterDays: 0, disableAfterDays: 14, deleteAfterDays: 30 };

const image = (change: Partial<Image> = {}): Image => ({
  id: ami(1),
  name: 'web-1',
  description: '',
  state: 'available',
  createdAt: daysAgo(100),
  architecture: 'x86_64',
  tags: {},
  volumes: [],
  protection: 'disabled',
  ...change,
});
const deprecated = (days: number): Partial<Image> => ({
  deprecatesAt: daysAgo(days),
  tags: { [TAG.deprecatedSince]: isoTime(daysAgo(days)) },
});
const disabled = (days: number): Partial<Image> => ({
  state: 'disabled',
  tags: { [TAG.disabledSince]: isoTime(daysAgo(days)) },
});

describe('the stage that follows', () => {
  it.each<[string, object, Partial<Image>, number, Next]>([
    ['without stages: none', RULES, {}, 100, { kind: 'nothing' }],
    ['at once, where it says 0 days', STAGED, {}, 0, { kind: 'due', stage: 'deprecate' }],
    [
      'disabling, not before its days',
      STAGED,
      deprecated(13),
      13,
      { kind: 'wait', stage: 'disable', until: daysAgo(-1) },
    ],
    ['disabling, after its days', STAGED, deprecated(14), 14, { kind: 'due', stage: 'disable' }],
    [
      'disabling, its gap after a deprecation that came late',
      STAGED,
      deprecated(3),
      60,
      { kind: 'wait', stage: 'disable', until: daysAgo(-11) },
    ],
    [
      'deleting, its gap after disabling',
      STAGED,
      disabled(15),
      60,
      { kind: 'wait', stage: 'delete', until: daysAgo(-1) },
    ],
    ['deleting', STAGED, disabled(16), 60, { kind: 'due', stage: 'delete' }],
    ['only deleting', { ...RULES, deleteAfterDays: 3 }, {}, 3, { kind: 'due', stage: 'delete' }],
    ['only disabling', { ...RULES, disableAfterDays: 3 }, disabled(90), 100, { kind: 'nothing' }],
    [
      'a date in the future that somebody set is no deprecation',
      STAGED,
      { deprecatesAt: daysAgo(-300) },
      0,
      { kind: 'due', stage: 'deprecate' },
    ],
    [
      'deleting what is still being made, without the stages before',
      STAGED,
      { state: 'pending' },
      30,
      { kind: 'due', stage: 'delete' },
    ],
  ])('is %s', (_, rules, change, days, next) => {
    expect(nextStage({ ...RULES, ...rules }, image(change), daysAgo(days), NOW, NOW)).toEqual(next);
  });

  it('is not before it is written down since when the image is disabled', () => {
    const begun = { state: 'disabled', tags: { [TAG.disabledSince]: 'begun' } } as const;
    expect(nextStage(STAGED, image(begun), daysAgo(90), NOW, NOW)).toEqual({
      kind: 'markDisabled',
      value: isoTime(NOW),
    });
    expect(nextStage(STAGED, image({ state: 'disabled' }), daysAgo(90), NOW, NOW)).toEqual({
      kind: 'markDisabled',
      value: `found ${isoTime(NOW)}`,
    });
  });

  it('never follows in the pass that applied the one before it, however long that is overdue', () => {
    const at = { ...STAGED, disableAfterDays: 0, deleteAfterDays: 0 };
    const now = NOW + 5000;
    const justNow = { state: 'disabled', tags: { [TAG.disabledSince]: isoTime(NOW + 2000) } } as const;
    expect(nextStage(at, image(justNow), daysAgo(90), now, NOW).kind).toBe('wait');
    expect(nextStage(at, image(justNow), daysAgo(90), now, NOW + 3000)).toEqual({ kind: 'due', stage: 'delete' });
  });

  it('keeps its order and its gaps, whenever it is looked at', () => {
    const days = fc.nat(40);
    fc.assert(
      fc.property(fc.tuple(days, days, days), fc.array(fc.nat(20 * 24), { minLength: 1 }), (unordered, looks) => {
        const after = unordered.toSorted((left, right) => left - right);
        const [deprecateAfterDays = 0, disableAfterDays = 0, deleteAfterDays = 0] = after;
        const applied = livedThrough({ ...RULES, deprecateAfterDays, disableAfterDays, deleteAfterDays }, looks);
        expect(applied.map(([stage]) => stage)).toEqual(['deprecate', 'disable', 'delete'].slice(0, applied.length));
        for (const [index, [, at]] of applied.entries()) {
          expect(at - NOW).toBeGreaterThanOrEqual((after[index] ?? 0) * DAY_MS);
          const [, before = Number.NEGATIVE_INFINITY] = applied[index - 1] ?? [];
          expect(at - before).toBeGreaterThanOrEqual(((after[index] ?? 0) - (after[index - 1] ?? 0)) * DAY_MS);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** The stages that an image goes through, and when, if it is looked at after so many hours each time. */
function livedThrough(rules: Parameters<typeof nextStage>[0], looks: readonly number[]): [stage: string, at: number][] {
  let state: Image['state'] = 'available';
  let deprecatesAt: number | undefined;
  const tags: Record<string, string> = {};
  const applied: [string, number][] = [];
  let now = NOW;
  for (const hours of looks) {
    now += hours * 3_600_000;
    const seen = image({ state, tags: { ...tags }, ...(deprecatesAt !== undefined && { deprecatesAt }) });
    const next = nextStage(rules, seen, NOW, now, now);
    if (next.kind === 'markDisabled') tags[TAG.disabledSince] = next.value;
    if (next.kind !== 'due') continue;
    applied.push([next.stage, now]);
    if (next.stage === 'delete') break;
    if (next.stage === 'deprecate') deprecatesAt = now;
    if (next.stage === 'deprecate') tags[TAG.deprecatedSince] = isoTime(now);
    if (next.stage === 'disable') state = 'disabled';
    if (next.stage === 'disable') tags[TAG.disabledSince] = 'begun';
  }
  return applied;
}

const staged = (more: object = {}) =>
  spec({ retention: { keepNewest: 1, deprecateAfterDays: 0, disableAfterDays: 7, deleteAfterDays: 14, ...more } });
const since = (days: number): Record<string, string> => ({ [TAG.surplusSince]: isoTime(daysAgo(days)) });

/** Two versions ready in eu-west-1; the older one has been surplus for so long. */
function fallenBehind(days: number, change: Partial<Image> = {}): { world: World; old: string } {
  const world = new World();
  for (const number of [1, 2]) world.source(number);
  world.copy(2, EU);
  const old = world.copy(1, EU, { tags: { ...since(days), ...change.tags } });
  const { tags: _, ...rest } = change;
  world.change(EU, old, rest);
  return { world, old };
}

describe('a surplus copy', () => {
  it('is marked before it is deprecated, and no evidence is asked for', () => {
    const { world, old } = fallenBehind(0);
    const plan = world.plan(staged());
    expect(ids(plan)).toEqual([`mark-deprecated ${old}`, `deprecate ${old}`]);
    expect(plan.actions[1]).toMatchObject({
      needs: [`mark-deprecated ${old}`],
      call: { do: 'deprecate', imageId: old },
    });
    expect(plan.needs).toEqual([]);
  });

  it('is disabled only with evidence, and that it is begun is written first', () => {
    const { world, old } = fallenBehind(8, deprecated(8));
    const plan = world.plan(staged());
    expect(ids(plan)).toEqual([`mark-disabling ${old}`, `disable ${old}`]);
    expect(plan.actions[1]?.reason).toContain('disabled after 7; unused: nothing in its account refers to it');
    world.place(EU).references.set(old, { ok: true, value: ['ec2:Instance i-1'] });
    expect(codes(world.plan(staged()))).toEqual(['InUse']);
  });

  it('is not disabled when somebody who is not listed would lose it for good', () => {
    const { world, old } = fallenBehind(8, deprecated(8));
    world.grant(EU, old, { accounts: [PARTNER] });
    const plan = world.plan(staged());
    expect(codes(plan)).toEqual(['UnlistedGrants']);
    expect(plan.actions).toEqual([]);
  });

  it.each([
    ['a hold', (world: World, old: string) => world.retag(EU, old, { [TAG.hold]: 'audit' }), 'Held'],
    [
      'protection by others',
      (world: World, old: string) => world.change(EU, old, { protection: 'enabled-with-cooldown' }),
      'Protected',
    ],
  ] as const)('goes through no stage under %s', (_, disturb, code) => {
    const { world, old } = fallenBehind(0);
    disturb(world, old);
    expect(codes(world.plan(staged()))).toEqual([code]);
    expect(kinds(world.plan(staged()))).toEqual([]);
  });

  it('that was disabled and that somebody has enabled again stays, and that is said', () => {
    const { world } = fallenBehind(30, {
      tags: { [TAG.disabledSince]: isoTime(daysAgo(20)), [TAG.deprecatedSince]: isoTime(daysAgo(29)) },
      deprecatesAt: daysAgo(29),
    });
    const plan = world.plan(staged());
    expect(codes(plan)).toEqual(['EnabledAgain']);
    expect(plan.actions).toEqual([]);
  });

  it('is disabled no sooner than its replacement is there', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(2, EU, { state: 'pending' });
    world.copy(1, EU, { tags: since(30), image: deprecated(20) });
    // By the rules it is retained: the newest that is ready there.
    expect(kinds(world.plan(staged())).includes('DisableImage')).toBe(false);
  });

  it('in a target that is no longer named goes through the same stages', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    world.copy(1, EU);
    const old = world.copy(1, AWAY_EU, { tags: since(0) });
    expect(ids(world.plan(staged()))).toEqual([`mark-deprecated ${old}`, `deprecate ${old}`]);
  });
});

describe('a copy that the rules keep again', () => {
  it('is enabled, un-deprecated and unmarked', () => {
    const { world, old } = fallenBehind(30, {
      state: 'disabled',
      tags: { [TAG.disabledSince]: isoTime(daysAgo(20)), [TAG.deprecatedSince]: isoTime(daysAgo(29)) },
      deprecatesAt: daysAgo(29),
    });
    const plan = world.plan(staged({ keepNewest: 2 }));
    expect(ids(plan)).toEqual([`enable ${old}`, `undeprecate ${old}`, `clear-stages ${old}`, `clear-surplus ${old}`]);
    expect(plan.actions[1]?.needs).toEqual([`enable ${old}`]);
  });

  it('is enabled also where disabling was only begun', () => {
    const { world, old } = fallenBehind(30, { state: 'disabled', tags: { [TAG.disabledSince]: 'begun' } });
    expect(ids(world.plan(staged({ keepNewest: 2 })))).toContain(`enable ${old}`);
  });

  it('stays disabled where somebody else had disabled it, and that is said', () => {
    const { world, old } = fallenBehind(30, {
      state: 'disabled',
      tags: { [TAG.disabledSince]: `found ${isoTime(daysAgo(20))}` },
    });
    const plan = world.plan(spec({ source: { newest: 2 }, retention: { keepNewest: 2, disableAfterDays: 7 } }));
    expect(ids(plan)).not.toContain(`enable ${old}`);
    expect(codes(plan)).toEqual(['CopyDisabled']);
  });

  it('keeps a deprecation that somebody else has set', () => {
    const { world, old } = fallenBehind(1, { deprecatesAt: daysAgo(3) });
    expect(ids(world.plan(staged({ keepNewest: 2 })))).toEqual([`clear-surplus ${old}`]);
  });

  it('is public and cannot be un-deprecated: its marks are taken off all the same', () => {
    const { world, old } = fallenBehind(30, { ...deprecated(29), public: true });
    expect(ids(world.plan(staged({ keepNewest: 2 })))).toEqual([`clear-stages ${old}`, `clear-surplus ${old}`]);
  });

  it('because what was newer is withdrawn counts as one that can be had, although it is disabled', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(2, EU);
    const old = world.copy(1, EU, {
      tags: { ...since(30), [TAG.disabledSince]: isoTime(daysAgo(20)) },
      image: { state: 'disabled' },
    });
    world.lose(1);
    const policy = spec({
      source: { images: { names: ['web-*'], exclude: ['web-2'] } },
      retention: { keepNewest: 1, disableAfterDays: 7 },
    });
    expect(ids(world.plan(policy))).toContain(`enable ${old}`);
  });
});

describe('deregistration protection', () => {
  const protectedSpec = (more: object = {}) =>
    spec({ protection: true, retention: { keepNewest: 1, deleteAfterDays: 3 }, ...more });

  it('is put on wanted copies, marked first, and is then at rest', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    expect(ids(world.plan(protectedSpec()))).toEqual([`mark-protected ${copy}`, `protect ${copy}`]);
    world.retag(EU, copy, { [TAG.protectedSince]: isoTime(NOW) });
    world.change(EU, copy, { protection: 'enabled-without-cooldown' });
    expect(world.plan(protectedSpec()).actions).toEqual([]);
  });

  it('of ours comes off before a surplus copy goes, and does not keep it', () => {
    const { world, old } = fallenBehind(4, {
      tags: { [TAG.protectedSince]: isoTime(daysAgo(9)) },
      protection: 'enabled-without-cooldown',
    });
    world.change(EU, old, { protection: 'enabled-without-cooldown' });
    const plan = world.plan(spec({ retention: { keepNewest: 1, deleteAfterDays: 3 } }));
    expect(ids(plan)).toEqual([`unprotect ${old}`, `unmark-protected ${old}`]);
    expect(codes(plan)).toEqual([]);
  });

  it('that somebody else has put on is left alone, also where the policy asks for protection', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, { image: { protection: 'enabled-with-cooldown' } });
    expect(world.plan(protectedSpec()).actions).toEqual([]);
  });

  it('comes off when the policy does not ask for it any more', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU, {
      tags: { [TAG.protectedSince]: isoTime(NOW) },
      image: { protection: 'enabled-without-cooldown' },
    });
    expect(ids(world.plan(spec()))).toEqual([`unprotect ${copy}`, `unmark-protected ${copy}`]);
  });
});
