import { describe, expect, it } from 'vitest';
import { condition, conditionsFrom } from '../../src/api/conditions.ts';
import { policyStatus } from '../../src/api/policy-status.ts';
import { cut } from '../../src/policy/conditions.ts';
import type { Failure } from '../../src/policy/failure.ts';
import { makePlan } from '../../src/policy/make-plan.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import { type Report, report } from '../../src/policy/report.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { brokenBy } from './broken-by.ts';
import { AWAY, AWAY_EU, ami, daysAgo, EU, NOW, OWNER, PARTNER, SOURCE, spec, World } from './world.ts';

type Policy = PlanInput['spec'];

function reported(world: World, policy: Policy = spec(), more: Partial<PlanInput> = {}): Report {
  const input = world.input(policy, more);
  const made = report(input, makePlan(input), []);
  const broken = brokenBy(made.findings);
  if (broken.length > 0) throw new Error(`tools would misread this status: ${broken.join('; ')}`);
  return made;
}

/** `Ready=False/Copying Reconciling=True/Progressing`: the root conditions of a report. */
const rootOf = ({ findings }: Report): string =>
  findings
    .filter(({ type }) => ['Ready', 'Reconciling', 'Stalled'].includes(type))
    .map(({ type, status, reason }) => `${type}=${status}/${reason}`)
    .join(' ');

/** A source and its copy, ready wherever they must be. */
function settled(): World {
  const world = new World();
  world.source(1);
  world.copy(1, EU);
  return world;
}

describe('the root conditions', () => {
  const failedCopy = (world: World): void => {
    world.copy(1, EU, { state: 'failed', image: { createdAt: NOW } });
  };
  it.each<[string, (world: World) => void, Policy, Partial<PlanInput>, string]>([
    ['all is well', () => undefined, spec(), {}, 'Ready=True/Ready'],
    [
      'a copy is due',
      (world) => world.place(EU).images.clear(),
      spec(),
      {},
      'Ready=False/Copying Reconciling=True/Progressing',
    ],
    [
      'a copy is pending',
      (world) => world.change(EU, ami(0x1000), { state: 'pending' }),
      spec(),
      {},
      'Ready=False/Copying Reconciling=True/Progressing',
    ],
    [
      'a copy failed and is made again',
      (world) => {
        world.place(EU).images.clear();
        failedCopy(world);
      },
      spec(),
      {},
      'Ready=False/CopyFailed Reconciling=True/Progressing',
    ],
    [
      'a copy was disabled by somebody',
      (world) => world.change(EU, ami(0x1000), { state: 'disabled' }),
      spec(),
      {},
      'Ready=False/CopyDisabled Stalled=True/CopyDisabled',
    ],
    [
      'a target was refused',
      (world) => world.hide(EU, true),
      spec(),
      {},
      'Ready=False/UnauthorizedOperation Stalled=True/UnauthorizedOperation',
    ],
    [
      'a target did not answer',
      (world) => world.hide(EU),
      spec(),
      {},
      'Ready=False/UnauthorizedOperation Reconciling=True/Progressing',
    ],
    [
      'a target was refused while another one is still copied to',
      (world) => {
        world.hide(AWAY_EU, true);
        world.place(EU).images.clear();
      },
      spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }),
      {},
      'Ready=False/UnauthorizedOperation Reconciling=True/Progressing',
    ],
    [
      'the source cannot be listed',
      (world) => world.hide(SOURCE, true),
      spec(),
      {},
      'Ready=False/UnauthorizedOperation Stalled=True/UnauthorizedOperation',
    ],
    ['it is suspended', () => undefined, spec({ suspend: true }), {}, 'Ready=False/Suspended'],
    [
      'it is only planned',
      (world) => world.place(EU).images.clear(),
      spec({ mode: 'Plan' }),
      {},
      'Ready=True/PlanPublished',
    ],
    [
      'it is only planned, and a target did not answer',
      (world) => world.hide(EU),
      spec({ mode: 'Plan' }),
      {},
      'Ready=False/UnauthorizedOperation Reconciling=True/Progressing',
    ],
    [
      'it is only planned, and a target was refused',
      (world) => world.hide(EU, true),
      spec({ mode: 'Plan' }),
      {},
      'Ready=False/UnauthorizedOperation Stalled=True/UnauthorizedOperation',
    ],
    [
      'it is being deleted',
      () => undefined,
      spec({ deletionPolicy: 'Delete' }),
      { deleting: true },
      'Ready=False/Deleting Reconciling=True/Deleting',
    ],
    [
      'its deletion is blocked',
      (world) => world.retag(EU, ami(0x1000), { [TAG.hold]: 'audit' }),
      spec({ deletionPolicy: 'Delete' }),
      { deleting: true },
      'Ready=False/DeletionBlocked Stalled=True/DeletionBlocked',
    ],
    [
      'something is kept because the rules want it so',
      (world) => {
        world.source(2);
        world.copy(2, EU);
        world.retag(EU, ami(0x1000), { [TAG.hold]: 'audit', [TAG.surplusSince]: isoTime(daysAgo(9)) });
      },
      spec({ retention: { deleteAfterDays: 1 }, regions: ['eu-west-1'] }),
      {},
      'Ready=True/Ready',
    ],
  ])('when %s', (_, change, policy, more, expected) => {
    const world = settled();
    change(world);
    expect(rootOf(reported(world, policy, more))).toBe(expected);
  });

  it('stay well while what is surplus waits for its days', () => {
    const world = settled();
    world.source(2);
    world.copy(2, EU);
    world.retag(EU, ami(0x1000), { [TAG.surplusSince]: isoTime(daysAgo(1)) });
    const policy = spec({ retention: { deleteAfterDays: 30 } });
    expect(rootOf(reported(world, policy))).toBe('Ready=True/Ready');
  });

  it('say what failed in the pass', () => {
    const world = settled();
    world.place(EU).images.clear();
    const input = world.input(spec());
    const decision = makePlan(input);
    const failures: Failure[] = decision.plan.actions.map((action) => ({
      action,
      code: 'InvalidRequest',
      message: 'EC2 refused the copy',
      effect: 'stalls',
    }));
    const { findings, status } = report(input, decision, failures);
    expect(rootOf({ findings, status })).toBe('Ready=False/InvalidRequest Stalled=True/InvalidRequest');
    expect(status.targets?.[0]?.problem).toContain('EC2 refused the copy');
  });
});

describe('the other conditions', () => {
  it('are there for what the policy asks for', () => {
    const types = (policy: Policy): string[] => reported(settled(), policy).findings.map(({ type }) => type);
    expect(types(spec())).toEqual(['AccessReady', 'SourceResolved', 'Replicated', 'Ready']);
    expect(types(spec({ sharing: {}, retention: {} }))).toEqual([
      'AccessReady',
      'SourceResolved',
      'Replicated',
      'Shared',
      'RetentionApplied',
      'Ready',
    ]);
  });

  it('say that the source is not known while it cannot be seen', () => {
    const world = settled();
    world.hide(SOURCE);
    const { findings } = reported(world);
    expect(findings.find(({ type }) => type === 'SourceResolved')).toMatchObject({
      status: 'Unknown',
      reason: 'SourceUnavailable',
    });
  });

  it('have a time of their own that moves only with their status', () => {
    const { findings } = reported(settled());
    const first = conditionsFrom(findings, [], 1, '2026-01-01T00:00:00Z');
    const second = conditionsFrom(findings, first, 2, '2026-02-02T00:00:00Z');
    expect(second.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual(first.map(() => '2026-01-01T00:00:00Z'));
    for (const each of second) expect(condition.parse(each)).toEqual(each);
  });
});

describe('status', () => {
  it('shows targets with problems first, then in the order of the spec', () => {
    const world = settled();
    world.hide(EU, true);
    expect(reported(world).status.targets).toEqual([
      { account: EU.account, region: EU.region, ready: 0, wanted: 1, problem: 'AWS refused to list it' },
      { account: SOURCE.account, region: SOURCE.region, ready: 1, wanted: 1 },
    ]);
    expect(reported(world).status.targetsReady).toBe('1/2');
  });

  it('shows what becomes of each version, newest first', () => {
    const world = new World();
    for (const number of [1, 2, 3]) {
      world.source(number);
      world.copy(number, EU, { ...(number === 1 && { tags: { [TAG.surplusSince]: isoTime(daysAgo(9)) } }) });
    }
    world.retag(EU, ami(0x1000), { [TAG.hold]: 'audit' });
    const images = { names: ['web-*'], exclude: ['web-2'] };
    const { status } = reported(world, spec({ source: { images }, retention: { deleteAfterDays: 1 } }));
    expect(status.versions).toMatchObject([
      { name: 'web-3', stage: 'Wanted', ready: 2, wanted: 2 },
      { name: 'web-2', stage: 'Withdrawn', wanted: 0 },
      { name: 'web-1', stage: 'Surplus', since: isoTime(daysAgo(9)), held: expect.stringContaining('audit') },
    ]);
  });

  it('shows the progress of copies in steps', () => {
    const world = new World();
    world.source(1);
    const id = world.copy(1, EU, { state: 'pending' });
    expect(reported(world).status.targets?.[1]).toMatchObject({ pending: 1, progress: '40%' });
    expect(id).toBe(ami(0x1000));
  });

  it('counts what is due by kind, with the bytes to copy', () => {
    const world = new World(AWAY_EU);
    world.source(1);
    const policy = spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] });
    expect(reported(world, policy).status.plan).toMatchObject({
      actions: { ClaimSource: 1, CopyImage: 2, GrantTemporarily: 2, MarkTemporaryGrant: 1 },
      gibibytesToCopy: 16,
    });
    expect(reported(settled()).status.plan).toBeUndefined();
  });

  it('is the same as long as the world is, whatever the time', () => {
    const world = settled();
    world.copy(1, EU, { state: 'failed', image: { createdAt: NOW } });
    world.source(2, { state: 'pending' });
    const before = reported(world, spec({ sharing: { accounts: [PARTNER] }, retention: { deleteAfterDays: 3 } }));
    world.now += 30_000;
    const after = reported(world, spec({ sharing: { accounts: [PARTNER] }, retention: { deleteAfterDays: 3 } }));
    expect(after).toEqual(before);
  });

  it('stays below 256 KiB at 400 targets and 200 versions of which nothing is well, and valid', () => {
    const accounts = Array.from({ length: 20 }, (_, index) => String(200_000_000_000 + index));
    const regions = Array.from({ length: 20 }, (_, index) => `eu-west-${index + 1}`);
    const world = new World();
    const long = 'é'.repeat(250);
    for (let number = 1; number <= 200; number++)
      world.source(number, { name: `web-${number}-${'n'.repeat(110)}`, tags: { app: long } });
    for (const id of accounts) {
      for (const region of regions) {
        const target = { account: id, region };
        world.place(target).unavailable = { code: 'UnauthorizedOperation', message: long.repeat(10), stalls: true };
      }
    }
    for (let number = 1; number <= 100; number++) {
      const tags = { [TAG.hold]: long, [TAG.surplusSince]: isoTime(daysAgo(9)) };
      world.copy(number, EU, { tags, owner: OWNER });
    }
    const policy = spec({
      source: { groupBy: ['app'], newest: 50 },
      regions: ['eu-west-1'],
      accounts: accounts.map((id) => ({ id, regions: regions.map((name) => ({ name })) })),
      retention: { deleteAfterDays: 1 },
    });
    const { status, findings } = reported(world, policy);
    const deletions = { day: '2026-06-30', versions: Array.from({ length: 1000 }, (_, index) => ami(index)) };
    const written = {
      ...status,
      deletions,
      observedGeneration: 1,
      conditions: conditionsFrom(findings, [], 1, '2026-01-01T00:00:00Z'),
    };
    expect(() => policyStatus.parse(written)).not.toThrow();
    expect(Buffer.byteLength(JSON.stringify(written))).toBeLessThan(256 * 1024);
    expect(status.targets!.length).toBeGreaterThan(100);
    expect(status.versions!.length).toBeGreaterThan(50);
  });

  it('shows all 400 targets and 200 versions of a fleet that is well', () => {
    const regions = Array.from({ length: 40 }, (_, index) => `eu-west-${index + 1}`);
    const accounts = Array.from({ length: 9 }, (_, index) => String(200_000_000_000 + index));
    const world = new World();
    for (let number = 1; number <= 200; number++) world.source(number);
    const policy = spec({ regions, accounts: accounts.map((id) => ({ id })), source: { newest: 200 } });
    const { status } = reported(world, policy);
    expect(status.targets).toHaveLength(400);
    expect(status.versions).toHaveLength(200);
  });
});

describe('text that is cut', () => {
  it.each([
    ['short', 'abc', 3, 'abc'],
    ['long', 'abcd', 3, 'ab…'],
    ['cut beside a character of two units', 'a😀b', 3, 'a…'],
    ['cut behind one', '😀bcd', 4, '😀b…'],
  ])('%s', (_, text, max, expected) => {
    expect(cut(text, max)).toBe(expected);
    expect(cut(text, max).isWellFormed()).toBe(true);
  });
});
