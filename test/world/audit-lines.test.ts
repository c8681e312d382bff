import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../src/simulator/ec2/faults.ts';
import { type AuditLine, asLine, begun, ended, recordOf } from './destructive-record.ts';
import { BUILDERS, CONSUMER, PRODUCTION, policy } from './documents.ts';
import { scrape, sum } from './metric-readings.ts';
import { begin, copiesIn } from './scene.ts';
import { DAY, HOUR, type Launched, type LogLine, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
const POLICY = policy({
  retention: { keepNewest: 1, disableAfterDays: 0, deleteAfterDays: 1 },
  publish: { ssmParameter: '/ami/{app}/{architecture}' },
  sharing: { accounts: [CONSUMER], snapshots: 'Accounts' },
  protection: true,
});

/** By action: what goes wrong, and with which of its calls. */
const FAULTS: readonly [action: string, kind: FaultKind, nth: number][] = [
  ['DeregisterImage', 'timeout-after', 1],
  ['DeregisterImage', 'timeout-before', 2],
  ['DeleteSnapshot', 'reset-after', 1],
  ['DisableImage', 'throttle', 1],
  ['DeleteParameter', 'timeout-after', 1],
  ['DeleteTags', 'error-IncorrectState', 4],
];

interface Run {
  readonly world: World;
  /** What was taken away, by the simulator. */
  readonly record: readonly string[];
  /** What all controllers have logged, one after the other. */
  readonly log: readonly LogLine[];
  readonly lives: readonly Launched[];
}

interface Trouble {
  readonly faults?: Parameters<World['aws']['setFaults']>[0];
  /** With which call each controller dies, right after it was carried out. */
  readonly deaths?: readonly string[];
}

/**
 * A policy with everything that takes something away: temporary grants of a copy across accounts, marks, a release that
 * makes the version before it go by stages, a consumer and a parameter that are not wanted any more. A controller that
 * dies is started again.
 */
async function run({ faults = [], deaths = [] }: Trouble = {}): Promise<Run> {
  const world = begin([POLICY]);
  const record = recordOf(world);
  world.aws.setFaults(faults);
  const lives: Launched[] = [];
  const launch = (): void => {
    const at = deaths[lives.length];
    const death = at === undefined ? {} : { death: { at: `aws ${at}`, when: 'after' as const } };
    lives.push(world.launch({ resyncMs: 6 * HOUR, logLevel: 'error', ...death }));
  };
  launch();
  const until = (what: string, done: () => boolean, limit: number): Promise<void> =>
    world.until(
      what,
      () => {
        if (lives.at(-1)?.life.isCut) launch();
        return done();
      },
      limit,
    );
  await until('the first version is everywhere', () => world.isReady('web'), 13 * HOUR);
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  const has = (account: string, name: string): boolean =>
    copiesIn(world, account, 'eu-west-1').some((each) => each.name === name);
  await until('the release is there', () => has(PRODUCTION, 'web-4') && world.isReady('web'), 13 * HOUR);
  world.patch('web', { spec: { sharing: { accounts: null }, publish: null, protection: false } });
  await until(
    'nothing is published any more',
    () => world.aws.world().parameters.length === 0 && world.isReady('web'),
    13 * HOUR,
  );
  await until('the old copies are gone', () => !has(BUILDERS, 'web-3') && !has(PRODUCTION, 'web-3'), 4 * DAY);
  await world.rest(13 * HOUR);
  return { world, record, lives, log: lives.flatMap((life) => life.log()) };
}

const sorted = (lines: readonly string[]): string[] => lines.toSorted();
const linesOf = (audits: readonly AuditLine[]): string[] => sorted(audits.map(asLine));

/** `lines` without one of each of `others`. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...lines];
  for (const other of others) {
    const index = left.indexOf(other);
    if (index !== -1) left.splice(index, 1);
  }
  return left;
}

describe('the audit lines of a run', () => {
  it('are one for each thing that was taken away, with its end, its policy and its reason, at every log level', async () => {
    const { record, log } = await run();
    expect(new Set(record.map((line) => line.split(' ')[0]))).toEqual(
      new Set([
        'DeregisterImage',
        'DisableImage',
        'DisableImageDeregistrationProtection',
        'DeleteSnapshot',
        'DeleteParameter',
        'DeleteTags',
        'ModifyImageAttribute',
        'ModifySnapshotAttribute',
      ]),
    );
    expect(linesOf(begun(log))).toEqual(sorted(record));
    expect(linesOf(ended(log))).toEqual(sorted(record));
    expect(new Set(ended(log).map(({ outcome }) => outcome?.kind))).toEqual(new Set(['done']));
    for (const { policy, reason } of begun(log)) {
      expect(policy).toBe('platform/web');
      expect(reason).not.toBe('');
    }
    const deregistered = begun(log).filter(({ call }) => call === 'DeregisterImage');
    for (const { reason } of deregistered) expect(reason).toMatch(/surplus for 1 days, deleted after 1; unused: /);
    // The lines of the first part of a call come before it, and so before those of its end.
    const order = log.flatMap(({ msg, audit }) => (audit ? [`${asLine(audit as AuditLine)} ${msg}`] : []));
    for (const line of linesOf(begun(log)))
      expect(order.indexOf(`${line} destructive call begins`)).toBeLessThan(
        order.indexOf(`${line} destructive call ended`),
      );
  }, 120_000);

  it('miss nothing when calls are refused, throttled, or not answered', async () => {
    const faults = FAULTS.map(([action, kind, nth]) => ({ action, kind, nth, times: 1 }));
    const { record, log, lives } = await run({ faults });
    const readings = await scrape(lives[0] as Launched);
    expect(without(record, linesOf(begun(log)))).toEqual([]);
    expect(linesOf(begun(log))).toEqual(linesOf(ended(log)));
    // What was begun and not done is said to be refused, or not to be known.
    const notDone = ended(log).filter(({ outcome }) => outcome?.kind !== 'done');
    expect(without(linesOf(begun(log)), record).filter((line) => !linesOf(notDone).includes(line))).toEqual([]);
    for (const { call, outcome } of ended(log)) {
      const labels = { call, outcome: outcome?.kind };
      const same = ended(log).filter((each) => each.call === call && each.outcome?.kind === outcome?.kind);
      expect(sum(readings, 'amifleet_destructive_calls_total', labels)).toBe(same.length);
    }
    const outcomes = new Set(notDone.map(({ call, outcome }) => `${call} ${outcome?.kind} ${outcome?.code}`));
    expect(outcomes).toEqual(
      new Set([
        'DeregisterImage unknown Timeout',
        'DeleteSnapshot unknown ConnectionFailed',
        // A throttled call goes back to the schedule, and is begun again when there is room.
        'DisableImage refused RequestLimitExceeded',
        'DeleteParameter unknown Timeout',
        'DeleteTags refused IncorrectState',
        // They are asked for again, and were gone already.
        'DeregisterImage refused InvalidAMIID.Unavailable',
        'DeleteSnapshot refused InvalidSnapshot.NotFound',
      ]),
    );
  }, 120_000);

  it('miss nothing when the controller is killed right after something was taken away', async () => {
    const deaths = ['DeleteTags', 'DeleteParameter', 'DisableImage', 'DeregisterImage', 'DeleteSnapshot'];
    const { record, log, lives } = await run({ deaths });
    expect(lives).toHaveLength(deaths.length + 1);
    expect(without(record, linesOf(begun(log)))).toEqual([]);
    for (const [index, call] of deaths.entries()) {
      // What has no end is what the death cut off.
      const own = lives[index]?.log() ?? [];
      const cutOff = without(linesOf(begun(own)), linesOf(ended(own)));
      expect(cutOff.map((line) => line.split(' ')[0])).toContain(call);
    }
    const last = lives.at(-1)?.log() ?? [];
    expect(linesOf(begun(last))).toEqual(linesOf(ended(last)));
  }, 120_000);
});
