import { expect, it } from 'vitest';
import { BUILDERS, CONSUMER, policy } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn, type SeenImage } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const TAGS = { app: 'web', release: 'stable' };

const old = (world: World): SeenImage | undefined =>
  copiesIn(world, BUILDERS, 'eu-west-1').find(({ name }) => name === 'web-3');
const isGone = (world: World): boolean => old(world) === undefined;
const asked = (world: World): number =>
  world.aws.calls().reduce((sum, { action, count }) => sum + (action === 'CreateImageUsageReport' ? count : 0), 0);
const why = (world: World): string | undefined => blockedIn(world, 'web').find((line) => line.includes(' web-3 '));

/** web-4 takes the place of web-3. */
async function released(spec: object = {}): Promise<World> {
  const world = begin([
    policy({ sharing: undefined, accounts: undefined, retention: { keepNewest: 1, deleteAfterDays: 2 }, ...spec }),
  ]);
  world.launch({ resyncMs: HOUR });
  await world.untilReady('web');
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('web-4 is there', () => namesIn(world, BUILDERS, 'eu-west-1').includes('web-4'), 2 * HOUR);
  return world;
}

it('a report that comes to nothing keeps the image, with the reason, and another one is asked for a day later', async () => {
  const world = await released();
  await world.until('the report is asked for', () => asked(world) === 1, 3 * DAY);
  world.aws.failReports(old(world)?.id ?? '', 'an internal error');
  await world.rest(2 * HOUR);
  expect(why(world)).toMatch(/^UseUnknown .*the usage report of .* failed: an internal error/);
  expect(world.isReady('web')).toBe(true);
  await expectRest(world);
  await world.until('it goes', () => isGone(world), 26 * HOUR);
  expect(asked(world)).toBe(2);
});

it('while somebody has a report made on some accounts, the next one is waited for: EC2 makes one at a time', async () => {
  const world = await released({ retention: { keepNewest: 1, deleteAfterDays: 1 } });
  const since = (): number => Date.parse(old(world)?.tags['amifleet.io/surplus-since'] ?? '');
  await world.until('it is marked', () => !Number.isNaN(since()), HOUR);
  await world.rest(since() + DAY - world.clock.now() - 5000);
  world.call(BUILDERS, 'eu-west-1', {
    Action: 'CreateImageUsageReport',
    Version: '2016-11-15',
    ImageId: old(world)?.id ?? '',
    'ResourceType.1.ResourceType': 'ec2:Instance',
    'AccountId.1': CONSUMER,
  });
  await world.until('it goes', () => isGone(world), HOUR);
  expect(world.aws.calls().filter(({ action }) => action === 'CreateImageUsageReport')).toMatchObject([
    { count: 2, failed: 0 },
  ]);
});

it('an image that another account uses for weeks costs a report a week', async () => {
  const world = await released();
  world.aws.use({ account: CONSUMER, region: 'eu-west-1', imageId: old(world)?.id ?? '' });
  await world.rest(3 * DAY);
  expect(why(world)).toMatch(/^InUse .*1 ec2:Instance in account 444455556666, by the usage report of /);
  const before = world.oracle.mutations;
  await world.rest(9 * DAY);
  expect(isGone(world)).toBe(false);
  expect({ asked: asked(world), changes: world.oracle.mutations - before }).toEqual({ asked: 2, changes: 1 });
});

it('peer complaint 25: a release leaves the old copy for as long as a launch template of another account names it', async () => {
  const world = await released({
    sharing: { accounts: [CONSUMER] },
    retention: { keepNewest: 1, disableAfterDays: 5, deleteAfterDays: 7 },
  });
  world.aws.use({ account: CONSUMER, region: 'eu-west-1', imageId: old(world)?.id ?? '', template: 'workers' });
  await world.rest(8 * DAY);
  expect(old(world)).toMatchObject({ state: 'available', permissions: { accounts: [CONSUMER] } });
  expect(why(world)).toMatch(/^InUse .*1 ec2:LaunchTemplate in account 444455556666, by the usage report of /);
  await expectRest(world);
});

it('a report that EC2 has deleted, as it does after thirty days, is asked for again', async () => {
  const world = begin([
    policy({
      sharing: undefined,
      accounts: undefined,
      retention: { keepNewest: 1, disableAfterDays: 1, deleteAfterDays: 33 },
    }),
  ]);
  world.launch({ resyncMs: DAY });
  await world.untilReady('web');
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('it is disabled', () => old(world)?.state === 'disabled', 4 * DAY);
  expect(asked(world)).toBe(1);
  await world.rest(35 * DAY);
  expect({ isGone: isGone(world), asked: asked(world) }).toEqual({ isGone: true, asked: 2 });
});

it('what is withdrawn right after it was made stays until EC2 can tell of its launches', async () => {
  const world = begin([
    policy({
      sharing: undefined,
      accounts: undefined,
      source: { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, newest: 2 },
      retention: { keepNewest: 2, deleteAfterDays: 0 },
    }),
  ]);
  world.launch({ resyncMs: HOUR });
  await world.untilReady('web');
  const made = old(world)?.createdAt ?? 0;
  const images = { tags: { release: 'stable' }, exclude: ['web-3'] };
  world.patch('web', { spec: { source: { images } } });
  await world.rest(12 * HOUR);
  expect(isGone(world)).toBe(false);
  expect(world.condition('web', 'RetentionApplied')?.message).toBeDefined();
  expect(asked(world)).toBe(0);
  await world.until('it goes', () => isGone(world), 13 * HOUR);
  expect(world.clock.now() - made).toBeGreaterThanOrEqual(DAY - MINUTE);
  await expectRest(world);
});
