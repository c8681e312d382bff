import { describe, expect, it } from 'vitest';
import { canonical } from './canonical.ts';
import { account, BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from './documents.ts';
import type { Death } from './lifeline.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, type SeenImage } from './scene.ts';
import { DAY, HOUR, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };
const STAGES = { keepNewest: 1, deprecateAfterDays: 0, disableAfterDays: 2, deleteAfterDays: 4 };
const spec = (more: object = {}): object => ({ sharing: undefined, accounts: undefined, retention: STAGES, ...more });

/** The copy of web-3 in eu-west-1 while it is there. */
const old = (world: World): SeenImage | undefined =>
  copiesIn(world, BUILDERS, 'eu-west-1').find(({ name }) => name === 'web-3');
const isDeprecated = (world: World): boolean => old(world)?.deprecationTime !== undefined;
const isDisabled = (world: World): boolean => old(world)?.state === 'disabled';

/** web-4 takes the place of web-3. */
async function released(more: object = {}): Promise<World> {
  const world = begin([policy(spec(more))]);
  world.launch({ resyncMs: HOUR });
  await world.untilReady('web');
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('web-4 is there', () => namesIn(world, BUILDERS, 'eu-west-1').includes('web-4'), 2 * HOUR);
  return world;
}

describe('a version that fell behind', () => {
  it('peer complaint 26: is deprecated, disabled and deleted, each after its days, and nothing of it is left', async () => {
    const world = await released();
    const began = world.clock.monotonic();
    const days = (): number => Math.floor((world.clock.monotonic() - began) / DAY);
    await world.until('it is deprecated', () => isDeprecated(world), HOUR);
    await world.until('it is disabled', () => isDisabled(world), 3 * DAY);
    expect(days()).toBe(2);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-4']);
    await world.until('it is gone', () => old(world) === undefined, 3 * DAY);
    expect(days()).toBe(4);
    await world.rest(2 * HOUR);
    expect(world.aws.world().snapshots.filter(({ region }) => region === 'eu-west-1')).toHaveLength(1);
    await world.untilReady('web');
    await expectRest(world);
  });

  it('steps back from disabled when it is wanted again, and is shared again', async () => {
    const sharing = { accounts: [CONSUMER] };
    const world = await released({ sharing: undefined });
    await world.until('it is disabled', () => isDisabled(world), 3 * DAY);
    world.patch('web', { spec: { sharing, source: { newest: 2 } } });
    await world.until('it is enabled', () => old(world)?.state === 'available', HOUR);
    await world.until('it is shared', () => old(world)?.permissions.accounts.includes(CONSUMER) === true, HOUR);
    expect(isDeprecated(world)).toBe(false);
    const marks = Object.keys(old(world)?.tags ?? {}).filter((key) => key.endsWith('-since'));
    expect(marks).toEqual([]);
    await world.untilReady('web');
    await expectRest(world);
  });

  it('is enabled by hand after it was disabled: it stays, and status says why', async () => {
    const world = await released();
    await world.until('it is disabled', () => isDisabled(world), 3 * DAY);
    world.call(BUILDERS, 'eu-west-1', { Action: 'EnableImage', Version: '2016-11-15', ImageId: old(world)?.id ?? '' });
    await world.rest(5 * DAY);
    expect(old(world)?.state).toBe('available');
    expect(blockedIn(world, 'web').some((line) => line.startsWith('EnabledAgain web-3 '))).toBe(true);
    await expectRest(world);
  });

  it('protection comes with being wanted and goes before the version does', async () => {
    const world = await released({ protection: true, retention: { keepNewest: 1, deleteAfterDays: 1 } });
    await world.until(
      'the new one is protected',
      () =>
        copiesIn(world, BUILDERS, 'eu-west-1').some(
          ({ name, protection }) => name === 'web-4' && protection.startsWith('enabled'),
        ),
      HOUR,
    );
    await world.until('the old one is gone', () => old(world) === undefined, 2 * DAY);
    await world.untilReady('web');
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toEqual(['web-4']);
    await expectRest(world);
  });
});

/** From a release to the end of the version before it, by a controller that dies at one of its changes. */
async function run(death?: Death) {
  const world = begin([policy(spec({ protection: true }))], { seed: seedOf({ copySeconds: [5, 10] }) });
  let controller = world.launch({ resyncMs: HOUR });
  await world.untilReady('web');
  await controller.stop();
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  controller = world.launch({ resyncMs: HOUR, ...(death && { death }) });
  const revive = (): void => {
    if (controller.life.isCut) controller = world.launch({ resyncMs: HOUR });
  };
  await world.until(
    'only the release is left',
    () => {
      revive();
      return (
        copiesIn(world, BUILDERS, 'eu-west-1')
          .map(({ name }) => name)
          .join() === 'web-4' && world.isReady('web')
      );
    },
    8 * DAY,
  );
  for (let look = 0; look < 3; look++) {
    await world.rest(HOUR);
    revive();
  }
  await world.rest(HOUR);
  return { end: canonical(world.aws.world()), changes: controller.life.changes };
}

describe('killed while a version goes through the stages', () => {
  const whole = run();
  /** Every third, to save time. */
  const AT = Array.from({ length: 18 }, (_, index) => 3 * index + 1);

  it('at changes from the first of the run to its last', async () => {
    const { changes } = await whole;
    expect(changes.filter((each) => each.startsWith('aws')).length).toBeGreaterThan(12);
    expect(changes.length).toBeLessThanOrEqual(AT.at(-1) ?? 0);
  });

  it.each(AT)('before or after change %i: the same end', async (at) => {
    const { end } = await run({ at, when: at % 2 === 0 ? 'before' : 'after' });
    expect(end).toEqual((await whole).end);
  });
});

describe('scope: CopiesAndSource', () => {
  it('peer complaint 28: takes the source images of what fell behind as well, with their snapshots, where the account allows it', async () => {
    const retention = { keepNewest: 1, deprecateAfterDays: 0, deleteAfterDays: 1, scope: 'CopiesAndSource' };
    const world = begin([policy(spec({ retention }))], { accounts: [account(BUILDERS), account(PRODUCTION)] });
    world.launch({ resyncMs: HOUR });
    await world.rest(2 * DAY);
    const sources = (): string[] =>
      world.aws
        .world()
        .images.filter(({ state, region }) => state !== 'deregistered' && region === 'us-east-1')
        .map(({ name }) => name);
    expect(sources()).toEqual(['web-1', 'web-2', 'web-3']);
    expect(world.condition('web', 'RetentionApplied')).toMatchObject({ reason: 'SourceRetirementNotAllowed' });
    world.apply(account(BUILDERS, { allow: ['RetireSources'] }));
    await world.until('the old ones are gone', () => sources().join() === 'web-3', 4 * DAY);
    await world.rest(2 * HOUR);
    expect(world.aws.world().snapshots.filter(({ region }) => region === 'us-east-1')).toHaveLength(2);
    await world.untilReady('web');
    await expectRest(world);
  });
});
