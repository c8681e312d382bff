import { describe, expect, it } from 'vitest';
import type { AmiPolicySpecInput } from '../../src/api/ami-policy.ts';
import {
  type Answer,
  DAY_MS,
  type LaunchGrants,
  NO_GRANTS,
  type Usage,
  type UsageReport,
} from '../../src/policy/model.ts';
import { DEFAULT_LIMITS } from '../../src/policy/pass.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { isoTime, TAG, tempGrantTag } from '../../src/policy/tags.ts';
import { AWAY, AWAY_EU, ami, codes, daysAgo, EU, kinds, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

const retention: NonNullable<AmiPolicySpecInput['retention']> = { keepNewest: 1, deleteAfterDays: 3 };
const policy = (more: Partial<typeof retention> = {}) => spec({ retention: { ...retention, ...more } });
const surplus = (days: number) => ({ [TAG.surplusSince]: isoTime(daysAgo(days)) });
const gone = (plan: Plan) => plan.actions.flatMap(({ call }) => (call.do === 'deregister' ? [call.imageId] : []));
const reasonOf = (plan: Plan, kind: string) => plan.actions.find((action) => action.kind === kind)?.reason;

const reported = (days: number, usages: readonly Usage[] = []): Answer<UsageReport> => ({
  ok: true,
  value: { kind: 'available', id: 'amiur-1', createdAt: daysAgo(days), usages },
});
const failedReport = (days: number): Answer<UsageReport> => ({
  ok: true,
  value: { kind: 'failed', id: 'amiur-1', createdAt: daysAgo(days), why: 'EC2 knows' },
});

/** Two versions that are ready in eu-west-1, of which the older has been surplus for so long. */
function twoVersions(days: number): { world: World; old: string } {
  const world = new World();
  for (const number of [1, 2]) world.source(number);
  world.copy(2, EU);
  return { world, old: world.copy(1, EU, { tags: surplus(days) }) };
}

describe('the mark of what is surplus', () => {
  it('is written before anything else happens, with its reason', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(2, EU);
    const old = world.copy(1, EU);
    const plan = world.plan(policy({ deleteAfterDays: 0 }));
    expect(plan.actions).toMatchObject([{ kind: 'MarkSurplus', call: { resources: [old], tags: surplus(0) } }]);
    expect(plan.actions[0]?.reason).toBe('older than the newest 1 of its family that are ready there');
  });

  it('is not written without retention', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    expect(world.plan(spec({ regions: ['us-east-1'] })).actions).toEqual([]);
  });

  it('is taken off when the rules keep the copy again', () => {
    const { world } = twoVersions(2);
    const plan = world.plan(policy({ keepNewest: 2 }));
    expect(kinds(plan)).toEqual(['ClearMark']);
  });

  it('is written again where it cannot be read as a time', () => {
    const { world, old } = twoVersions(2);
    world.retag(EU, old, { [TAG.surplusSince]: 'a while ago' });
    expect(kinds(world.plan(policy()))).toEqual(['MarkSurplus']);
  });

  it('is neither written nor taken off while the source cannot be seen', () => {
    const world = new World();
    world.source(1, { gone: true });
    world.copy(1, EU, { tags: surplus(2) });
    world.hide(SOURCE);
    expect(world.plan(policy()).actions).toEqual([]);
  });
});

describe('a surplus copy', () => {
  it('is waited for until its days are over', () => {
    const { world } = twoVersions(2);
    const plan = world.plan(policy());
    expect(gone(plan)).toEqual([]);
    expect(plan.waits).toMatchObject([{ part: 'retention', until: daysAgo(-1) }]);
  });

  it('leaves after its days: its snapshots are marked first, then it is deregistered, with the evidence', () => {
    const { world, old } = twoVersions(3);
    const plan = world.plan(policy());
    expect(kinds(plan)).toEqual(['MarkForDeletion', 'DeregisterImage']);
    expect(plan.actions[1]).toMatchObject({
      call: { do: 'deregister', imageId: old },
      needs: [plan.actions[0]?.id],
      destroys: { imageId: old, versionId: ami(1), state: 'available' },
    });
    expect(plan.actions[1]?.reason).toContain(
      'unused: nothing in its account refers to it, no launch is recorded, EC2NodeClasses were not looked at, no account uses it, by the usage report of',
    );
  });

  it('stays for ever where deleteAfterDays is left out', () => {
    const { world } = twoVersions(1000);
    expect(world.plan(spec({ retention: {} })).actions).toEqual([]);
  });

  it('leaves its snapshots marked as kept where they are to be kept', () => {
    const { world, old } = twoVersions(3);
    const plan = world.plan(policy({ snapshots: 'Keep' }));
    expect(plan.actions[0]).toMatchObject({ kind: 'KeepSnapshots', call: { tags: { [TAG.kept]: old } } });
  });

  it.each<[string, (world: World, old: string) => void, string]>([
    ['is held', (world, old) => world.retag(EU, old, { [TAG.hold]: 'audit' }), 'Held'],
    ['is protected', (world, old) => world.change(EU, old, { protection: 'enabled-with-cooldown' }), 'Protected'],
    ['cools down', (world, old) => world.change(EU, old, { protection: 'disabled after 2026-07-01' }), 'Protected'],
    ['is referenced', (world, old) => refer(world, old, ['ec2:Instance i-1']), 'InUse'],
    ['was launched lately', (world, old) => world.change(EU, old, { lastLaunchedAt: daysAgo(29) }), 'InUse'],
    [
      'has references that cannot be read',
      (world, old) => world.place(EU).references.set(old, { ok: false, why: 'denied' }),
      'UseUnknown',
    ],
    [
      'is used in another account, by the usage report',
      (world, old) =>
        world.place(EU).usage.set(old, reported(0.5, [{ account: PARTNER, type: 'ec2:Instance', count: 3 }])),
      'InUse',
    ],
    ['has a usage report that failed', (world, old) => world.place(EU).usage.set(old, failedReport(0.5)), 'UseUnknown'],
    [
      'has usage reports that cannot be read',
      (world, old) => world.place(EU).usage.set(old, { ok: false, why: 'AWS refused' }),
      'UseUnknown',
    ],
    [
      'has a temporary grant',
      (world, old) => world.retag(EU, old, { [tempGrantTag(AWAY)]: 'snapshots' }),
      'OriginInUse',
    ],
    [
      'has permissions that cannot be read',
      (world, old) => world.place(EU).launch.set(old, { ok: false, why: 'denied' }),
      'PermissionsUnknown',
    ],
    ['is the origin of a pending copy', (world, old) => pendingFrom(world, old, old), 'OriginInUse'],
    ['may be the origin of a pending copy', (world, old) => pendingFrom(world, old, undefined), 'OriginInUse'],
  ])('stays when it %s', (_, change, code) => {
    const { world, old } = twoVersions(30);
    change(world, old);
    const plan = world.plan(policy());
    expect(gone(plan)).toEqual([]);
    expect(plan.blocked.find((blocked) => blocked.code === code)?.message.length).toBeGreaterThan(20);
  });

  it('that was launched long ago leaves', () => {
    const { world, old } = twoVersions(30);
    world.change(EU, old, { lastLaunchedAt: daysAgo(30) });
    expect(gone(world.plan(policy()))).toEqual([old]);
  });

  it.each(['invalid', 'error', 'transient'] as const)('in state %s is left alone', (state) => {
    const { world, old } = twoVersions(30);
    world.change(EU, old, { state });
    expect(gone(world.plan(policy()))).toEqual([]);
  });

  it('asks for what is not known yet, and waits for the answer', () => {
    const { world, old } = twoVersions(30);
    world.place(EU).references.delete(old);
    const plan = world.plan(policy());
    expect(gone(plan)).toEqual([]);
    expect(plan.needs).toEqual([{ kind: 'references', target: EU, imageId: old }]);
  });

  it('stays while the listing of the source is missing', () => {
    const { world } = twoVersions(30);
    world.hide(SOURCE);
    expect(gone(world.plan(policy()))).toEqual([]);
  });

  it('leaves although another target cannot be seen', () => {
    const { world, old } = twoVersions(30);
    world.place(AWAY_EU);
    world.hide(AWAY_EU);
    const accounts = [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }];
    expect(gone(world.plan(spec({ retention, accounts })))).toEqual([old]);
  });

  it('that is a second copy of a kept version leaves, and the older one stays', () => {
    const world = new World();
    world.source(1);
    const first = world.copy(1, EU, { image: { createdAt: daysAgo(50) } });
    const second = world.copy(1, EU, { image: { createdAt: daysAgo(40) }, tags: surplus(9) });
    const plan = world.plan(policy());
    expect(gone(plan)).toEqual([second]);
    expect(reasonOf(plan, 'DeregisterImage')).toContain(first);
  });

  it('beside its source, which is back, leaves', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    const copy = world.copy(1, SOURCE, { tags: surplus(9) });
    expect(gone(world.plan(policy()))).toEqual([copy]);
  });
});

const refer = (world: World, id: string, references: readonly string[]): void => {
  world.place(EU).references.set(id, { ok: true, value: references });
};

function pendingFrom(world: World, old: string, madeFrom: string | undefined): void {
  const pending = world.copy(1, EU, { state: 'pending', owner: { ...OWNER, uid: 'uid-2', name: 'other' } });
  const { madeFrom: _, ...image } = world.image(EU, pending)!;
  world.place(EU).images.set(pending, { ...image, ...(madeFrom !== undefined && { madeFrom: old }) });
}

describe('what must be left', () => {
  /** Withdrawn versions that are due: whatever goes of them, the rules of section 6 must hold. */
  function withdrawnVersions(numbers: readonly number[], due: readonly number[], keepNewest = 1): Plan {
    const world = new World();
    for (const number of numbers) {
      world.source(number, { gone: true });
      world.copy(number, EU, {
        tags: due.includes(number) ? { ...surplus(9), [TAG.withdrawnSince]: isoTime(daysAgo(9)) } : {},
      });
    }
    return world.plan(spec({ regions: ['eu-west-1'], retention: { ...retention, keepNewest } }), {
      withdrawalConfirmed: true,
    });
  }

  it.each([
    ['one of two leaves', [1, 2], [1], 1, 1, []],
    ['no more than keepNewest allows', [1, 2, 3], [1, 2], 2, 1, ['LastVersions']],
    ['where there are fewer than keepNewest, none', [1, 2], [1], 3, 0, ['LastVersions']],
    ['the last one stays, withdrawn or not', [1], [1], 1, 0, ['LastImage']],
    ['of several that are withdrawn, one stays', [1, 2, 3], [1, 2, 3], 1, 2, ['LastImage']],
  ] as const)('%s', (_, numbers, due, keepNewest, count, kept) => {
    const plan = withdrawnVersions(numbers, due, keepNewest);
    expect(gone(plan)).toHaveLength(count);
    expect(codes(plan).filter((code) => code.startsWith('Last'))).toEqual(kept);
  });

  it('a version counts until its last copy there goes, and no longer', () => {
    const world = new World();
    world.source(9, { architecture: 'x86_64' });
    for (const number of [1, 2]) world.source(number, { gone: true });
    const marks = { ...surplus(9), [TAG.withdrawnSince]: isoTime(daysAgo(9)) };
    const copies = [1, 1, 2].map((number) => world.copy(number, EU, { tags: marks }));
    const plan = world.plan(spec({ retention }), { withdrawalConfirmed: true });
    // Both copies of the first version leave; the second is then the only version that is ready there.
    expect(gone(plan).toSorted()).toEqual(copies.slice(0, 2).toSorted());
    expect(codes(plan)).toContain('LastVersions');
  });

  it('a target that the spec no longer names drains only once the family is ready in one that it names', () => {
    const world = new World(AWAY_EU);
    world.source(1, { gone: true });
    const left = world.copy(1, AWAY_EU, { tags: surplus(9) });
    const pending = world.copy(1, EU, { state: 'pending' });
    const only = spec({ regions: ['eu-west-1'], retention });
    world.source(2, { architecture: 'arm64' });
    world.copy(1, { account: AWAY, region: 'eu-west-2' }, {});
    expect(codes(world.plan(only))).toContain('ReplacementMissing');
    expect(gone(world.plan(only))).toEqual([]);
    world.change(EU, pending, { state: 'available' });
    expect(gone(world.plan(only))).toEqual([left]);
  });

  it('a copy that others are still to be made from stays until they are', () => {
    const world = new World(AWAY_EU);
    world.source(1, { gone: true });
    const left = world.copy(1, AWAY_EU, { tags: surplus(9) });
    world.source(2, { gone: true });
    world.copy(2, EU);
    const plan = world.plan(spec({ regions: ['eu-west-1'], source: { newest: 2 }, retention }));
    expect(gone(plan)).toEqual([]);
    expect(plan.blocked.find(({ subject }) => subject.includes(left))?.code).toBe('OriginInUse');
  });
});

describe('how much may be deleted in a day', () => {
  it.each([
    ['as many versions as the limit', 2, [], 2, ['DailyLimit']],
    ['less what was begun today', 2, [ami(90)], 1, ['DailyLimit', 'DailyLimit']],
    ['a version that was begun today goes on', 1, [ami(1)], 1, ['DailyLimit', 'DailyLimit']],
    ['none where the limit is 0', 0, [], 0, ['DeletionsStopped', 'DeletionsStopped', 'DeletionsStopped']],
  ] as const)('%s', (_, maxDeletionsPerDay, begun, count, kept) => {
    const world = new World();
    for (const number of [1, 2, 3, 9]) {
      world.source(number);
      world.copy(number, EU, { tags: number === 9 ? {} : surplus(9) });
    }
    const plan = world.plan(policy({ maxDeletionsPerDay }), { deletedToday: new Set(begun) });
    expect(gone(plan)).toHaveLength(count);
    expect(codes(plan)).toEqual(kept);
  });

  it('is spent on the oldest first, and a version counts once wherever it goes', () => {
    const world = new World(AWAY_EU);
    for (const number of [1, 2, 9]) {
      world.source(number);
      for (const target of [EU, AWAY_EU]) world.copy(number, target, { tags: number === 9 ? {} : surplus(9) });
    }
    const plan = world.plan(
      spec({
        retention: { ...retention, maxDeletionsPerDay: 1 },
        accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }],
      }),
    );
    const versions = plan.actions.flatMap(({ destroys }) => destroys?.versionId ?? []);
    expect(versions).toEqual([ami(1), ami(1)]);
  });
});

describe('withdrawal', () => {
  const except = (...exclude: string[]) => spec({ source: { images: { names: ['web-*'], exclude } }, retention });

  it('is written on every copy, with the reason', () => {
    const world = new World();
    for (const number of [1, 2]) {
      world.source(number);
      world.copy(number, EU);
    }
    const plan = world.plan(except('web-2'));
    expect(kinds(plan)).toEqual(['MarkWithdrawn', 'MarkSurplus']);
    expect(plan.actions.map(({ reason }) => reason)).toEqual(['it is excluded', 'withdrawn: it is excluded']);
  });

  it('is not written while the source cannot be seen, unless the version is known to be excluded', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    world.hide(SOURCE);
    expect(world.plan(except('web-1')).actions).toEqual([]);
  });

  it.each([
    ['every version of a family', [1, 2], [1, 2], true],
    ['the only version of a family', [1], [1], true],
    ['more than half of four', [1, 2, 3, 4], [1, 2, 3], true],
    ['half of four', [1, 2, 3, 4], [1, 2], false],
    ['most, but not all, of three', [1, 2, 3], [1, 2], false],
  ] as const)('of %s at once', (_, numbers, withdrawn, stopped) => {
    const world = new World(AWAY_EU);
    for (const number of numbers) {
      world.source(number);
      const tags = withdrawn.some((each) => each === number) ? surplus(9) : {};
      for (const target of [EU, AWAY_EU]) world.copy(number, target, { tags });
    }
    // Whatever else may stand in the way, an image somewhere else would be left.
    const rules = { ...except(...withdrawn.map((number) => `web-${number}`)) };
    const massive = codes(world.plan(rules)).includes('MassWithdrawal');
    expect(massive).toBe(stopped);
    expect(codes(world.plan(rules, { withdrawalConfirmed: true }))).not.toContain('MassWithdrawal');
  });

  it('of too much retires nothing until it is confirmed, and says how', () => {
    const world = new World(AWAY_EU);
    for (const number of [1, 2]) world.source(number);
    for (const number of [1, 2]) world.copy(number, EU, { tags: surplus(9) });
    const plan = world.plan(except('web-1', 'web-2'));
    expect(gone(plan)).toEqual([]);
    expect(
      plan.blocked.find(({ code, effect }) => code === 'MassWithdrawal' && effect === 'stalls')?.message,
    ).toContain(
      'kubectl annotate amipolicy web -n platform --overwrite amifleet.io/confirm-withdrawal=<metadata.generation>',
    );
    expect(gone(world.plan(except('web-1', 'web-2'), { withdrawalConfirmed: true }))).toHaveLength(1);
  });
});

describe('a usage report', () => {
  /** An old version with nothing against its going but what a report may say. */
  const due = (report: Answer<UsageReport>): { world: World; old: string } => {
    const { world, old } = twoVersions(30);
    world.place(EU).usage.set(old, report);
    return { world, old };
  };
  const requested = (plan: Plan) =>
    plan.actions.flatMap(({ call }) => (call.do === 'requestUsage' ? [call.token] : []));

  it.each<[string, Answer<UsageReport>]>([
    ['there is none', { ok: true, value: { kind: 'none' } }],
    ['that finds no use is a day old', reported(1.01)],
    ['that failed is a day old', failedReport(1.01)],
    ['that finds use is a week old', reported(7.01, [{ account: PARTNER, type: 'ec2:Instance', count: 1 }])],
  ])('is asked for when %s, and nothing goes before it is there', (_, report) => {
    const { world } = due(report);
    const plan = world.plan(policy());
    expect(kinds(plan)).toEqual(['RequestUsageReport']);
    expect(plan.blocked).toEqual([]);
  });

  it.each<[string, Answer<UsageReport>]>([
    ['finds no use and is not a day old', reported(0.99)],
    ['finds use and is not a week old', reported(6.99, [{ account: PARTNER, type: 'ec2:Instance', count: 1 }])],
    ['failed less than a day ago', failedReport(0.99)],
    ['is being made', { ok: true, value: { kind: 'pending', id: 'amiur-1', createdAt: daysAgo(0.01) } }],
    ['cannot be read', { ok: false, why: 'AWS refused' }],
  ])('is not asked for again when one %s', (_, report) => {
    expect(requested(due(report).world.plan(policy()))).toEqual([]);
  });

  it('is waited for while it is made, the longer the more patiently', () => {
    const wait = (days: number): number | undefined => {
      const { world } = due({ ok: true, value: { kind: 'pending', id: 'amiur-1', createdAt: daysAgo(days) } });
      const plan = world.plan(policy());
      expect(plan.actions).toEqual([]);
      return (plan.waits[0]?.until ?? 0) - world.now;
    };
    expect([wait(0), wait(0.01), wait(0.9)]).toEqual([15_000, 432_000, 1_800_000]);
  });

  it('that is not there after a day is waited for no longer: the image is kept, and the reason says why', () => {
    const { world } = due({ ok: true, value: { kind: 'pending', id: 'amiur-1', createdAt: daysAgo(1.01) } });
    const plan = world.plan(policy());
    expect([plan.actions, plan.waits]).toEqual([[], []]);
    expect(plan.blocked).toMatchObject([{ code: 'UseUnknown', effect: 'keeps' }]);
    expect(plan.blocked[0]?.message).toContain('is not there yet');
  });

  it('is the same question after a crash, and another one after its answer and on another day', () => {
    const none = requested(due({ ok: true, value: { kind: 'none' } }).world.plan(policy()));
    expect(requested(due({ ok: true, value: { kind: 'none' } }).world.plan(policy()))).toEqual(none);
    expect(requested(due(reported(2)).world.plan(policy()))).not.toEqual(none);
    const later = due({ ok: true, value: { kind: 'none' } }).world;
    later.now += 31 * DAY_MS;
    expect(requested(later.plan(policy()))).not.toEqual(none);
  });

  it('is not asked for while anything else keeps the image', () => {
    const { world, old } = due({ ok: true, value: { kind: 'none' } });
    world.place(EU).references.set(old, { ok: true, value: ['ec2:Instance i-1'] });
    expect(world.plan(policy()).actions).toEqual([]);
    world.place(EU).references.set(old, { ok: true, value: [] });
    expect(world.plan(policy({ maxDeletionsPerDay: 0 })).actions).toEqual([]);
    expect(
      world.plan(policy(), { deletedToday: new Set(Array.from({ length: 10 }, (_, i) => ami(0x500 + i))) }).actions,
    ).toEqual([]);
  });

  it('is asked for of at most twenty images of a target at a time', () => {
    const world = new World();
    for (let number = 1; number <= 26; number++) world.source(number);
    world.copy(26, EU);
    for (let number = 1; number <= 25; number++) {
      const old = world.copy(number, EU, { tags: surplus(30) });
      world.place(EU).usage.set(old, { ok: true, value: { kind: 'none' } });
    }
    expect(requested(world.plan(policy({ maxDeletionsPerDay: 100 })))).toHaveLength(20);
  });

  it('lets an image go that is shared, when it says that nobody uses it', () => {
    const { world, old } = due(reported(0.5));
    world.grant(EU, old, { accounts: [PARTNER] });
    expect(gone(world.plan(policy()))).toEqual([old]);
  });
});

describe('an image that is not a day old', () => {
  const withdrawn = { keepNewest: 1, disableAfterDays: 0, deleteAfterDays: 1 };
  /** The older one is surplus at once, and was made so many days ago. */
  const made = (days: number): { world: World; old: string } => {
    const { world, old } = twoVersions(0);
    world.change(EU, old, { createdAt: daysAgo(days) });
    return { world, old };
  };

  it('is not disabled before EC2 could have told of its launches, and no report is asked for before', () => {
    const { world, old } = made(0.9);
    world.place(EU).usage.set(old, { ok: true, value: { kind: 'none' } });
    const plan = world.plan(spec({ retention: withdrawn }));
    expect(plan.actions).toEqual([]);
    expect(plan.waits).toMatchObject([{ part: 'retention', until: daysAgo(-0.1) }]);
    expect(plan.waits[0]?.message).toContain('EC2 tells of launches up to a day late');
    world.now = daysAgo(-0.1);
    expect(kinds(world.plan(spec({ retention: withdrawn })))).toEqual(['RequestUsageReport']);
  });

  it.each<[string, Partial<LaunchGrants>, string[]]>([
    ['is disabled where launches do not matter and it is shared with nobody', {}, ['MarkStage', 'DisableImage']],
    ['is not where others may launch it', { accounts: [PARTNER] }, []],
    ['is not where everybody may launch it', { public: true }, []],
  ])('%s', (_, grants, expected) => {
    const { world, old } = made(0.9);
    world.grant(EU, old, grants);
    expect(kinds(world.plan(spec({ retention: { ...withdrawn, minUnusedDays: 0 } })))).toEqual(expected);
  });

  it('is in use when something refers to it', () => {
    const { world, old } = made(0.1);
    refer(world, old, ['ec2:Instance i-1']);
    expect(codes(world.plan(spec({ retention: withdrawn })))).toEqual(['InUse']);
  });

  it.each([
    [0.9, ['RequestUsageReport']],
    [0.1, ['MarkStage', 'DisableImage']],
  ] as const)('is not proven unused by a report that was made then: %d days ago, %j', (days, expected) => {
    const { world, old } = made(1.2);
    world.place(EU).usage.set(old, reported(days));
    expect(kinds(world.plan(spec({ retention: withdrawn })))).toEqual(expected);
  });
});

describe('retention.inUse: Ignore', () => {
  const ignoring = policy({ inUse: 'Ignore' });

  it('is refused where the controller was not started to allow it, and what is in use stays', () => {
    const { world, old } = twoVersions(30);
    world.place(EU).references.set(old, { ok: true, value: ['ec2:Instance i-1'] });
    const plan = world.plan(ignoring);
    expect(codes(plan)).toEqual(['IgnoreInUseNotAllowed', 'InUse']);
    expect(plan.actions).toEqual([]);
  });

  it('lets go what is in use where that is allowed, and says so; what cannot be read still keeps', () => {
    const { world, old } = twoVersions(30);
    const allowed = { limits: { ...DEFAULT_LIMITS, allowIgnoreInUse: true } };
    world.place(EU).references.set(old, { ok: true, value: ['ec2:Instance i-1'] });
    const plan = world.plan(ignoring, allowed);
    expect(gone(plan)).toEqual([old]);
    expect(reasonOf(plan, 'DeregisterImage')).toContain('referenced by ec2:Instance i-1, retention.inUse is Ignore');
    world.change(EU, old, { createdAt: daysAgo(0.5) });
    expect(gone(world.plan(ignoring, allowed))).toEqual([old]);
    world.place(EU).references.set(old, { ok: false, why: 'AWS refused' });
    expect(codes(world.plan(ignoring, allowed))).toEqual(['UseUnknown']);
  });
});

describe('minUnusedDays', () => {
  it.each([
    [29, 30, ['InUse']],
    [30, 30, []],
    [0, 0, []],
    [89, 90, ['InUse']],
  ] as const)('a launch %i days ago, with %i: %j', (days, minUnusedDays, expected) => {
    const { world, old } = twoVersions(90);
    world.change(EU, old, { lastLaunchedAt: daysAgo(days) });
    expect(codes(world.plan(policy({ minUnusedDays })))).toEqual(expected);
  });
});

describe('grants on what leaves', () => {
  it('peer complaint 20: stay with what is surplus, and nobody new is let in', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    const sharing = { accounts: [PARTNER, AWAY] };
    world.grant(SOURCE, ami(2), { accounts: [PARTNER, AWAY] });
    world.copy(2, EU, { grants: { accounts: [PARTNER, AWAY] } });
    world.copy(1, EU, { tags: surplus(1), grants: { ...NO_GRANTS, accounts: [PARTNER] } });
    expect(world.plan(spec({ retention, sharing })).actions).toEqual([]);
  });
});
