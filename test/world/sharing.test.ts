import { describe, expect, it } from 'vitest';
import { account, BUILDERS, CONSUMER, PRODUCTION, policy } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const SOURCE = 'ami-00000000000000003';
const EU = 'eu-west-1';
const call = (world: World, region: string, Action: string, more: Record<string, string> = {}): string =>
  world.call(BUILDERS, region, { Action, Version: '2016-11-15', ...more });
const copy = (world: World) => copiesIn(world, BUILDERS, EU)[0]!;
const start = (sharing: object, more: object = {}, accounts?: readonly object[]): World =>
  begin([policy({ regions: [{ name: EU }], accounts: undefined, sharing, ...more })], accounts ? { accounts } : {});

describe('sharing with everybody', () => {
  const ALLOWED = [account(BUILDERS, { allow: ['Public'] }), account(PRODUCTION)];

  it('waits for what stands in the way, says it, and happens when it is out of the way; taken out it is taken back', async () => {
    const world = start({ public: true });
    world.launch();
    await world.until('it is stalled', () => world.condition('web', 'Stalled') !== undefined, HOUR);
    expect(saying(world, 'web', 'Shared')).toMatch(/^False PublicNotAllowed: /);
    for (const each of ALLOWED) world.apply(each);
    await world.until('the block is met', () => saying(world, 'web', 'Shared').startsWith('False PublicBlocked'), HOUR);
    await expectRest(world);
    call(world, EU, 'DisableImageBlockPublicAccess');
    await world.until('it is public', () => copy(world).permissions.public, 3 * HOUR);
    await world.untilReady('web');
    await expectRest(world);
    world.patch('web', { spec: { sharing: { public: false } } });
    await world.until('it is taken back', () => !copy(world).permissions.public, HOUR);
  });
});

describe('sharing.snapshots: Accounts', () => {
  it('peer complaint 15: lets exactly the listed accounts copy the images, and follows the list', async () => {
    const world = start({ accounts: [CONSUMER], snapshots: 'Accounts' });
    world.launch();
    await world.untilReady('web');
    const granted = (): string[] => {
      const ids = new Set(copy(world).volumes.map(({ snapshotId }) => snapshotId));
      return world.aws
        .world()
        .snapshots.filter(({ id }) => ids.has(id))
        .map(({ permissions }) => permissions.join());
    };
    expect(granted()).toEqual([CONSUMER, CONSUMER]);
    world.patch('web', { spec: { sharing: { accounts: ['999988887777'] } } });
    await world.until('it follows', () => granted().join() === '999988887777,999988887777', HOUR);
    await world.untilReady('web');
    await expectRest(world);
  });
});

describe('a permission', () => {
  it('that is lost while an image is disabled by hand comes back when it is enabled', async () => {
    const world = start({ accounts: [CONSUMER] });
    world.launch();
    await world.untilReady('web');
    call(world, EU, 'DisableImage', { ImageId: copy(world).id });
    await world.until('it is noticed', () => saying(world, 'web', 'Replicated').startsWith('False CopyDisabled'), HOUR);
    call(world, EU, 'EnableImage', { ImageId: copy(world).id });
    await world.until('it is shared again', () => copy(world).permissions.accounts.includes(CONSUMER), HOUR);
    await world.untilReady('web');
    await expectRest(world);
    expect(copy(world).state).toBe('available');
  });

  it('that somebody keeps taking away is put right ever more slowly, and the other writer is named', async () => {
    const world = start({ accounts: [CONSUMER] });
    world.launch();
    await world.untilReady('web');
    let taken = 0;
    const take = (): void => {
      if (copy(world).permissions.accounts.includes(CONSUMER)) {
        taken++;
        call(world, EU, 'ModifyImageAttribute', {
          ImageId: copy(world).id,
          'LaunchPermission.Remove.1.UserId': CONSUMER,
        });
      }
      world.clock.after(MINUTE, take);
    };
    take();
    await world.rest(DAY);
    expect(taken).toBeGreaterThan(4);
    expect(taken).toBeLessThan(14);
    expect(saying(world, 'web', 'Shared')).toMatch(/^False DriftContested: .*444455556666.*CloudTrail/);
    expect(world.condition('web', 'Stalled')).toBeDefined();
  });

  it('that somebody changed is found within the interval that was set, and costs no read before', async () => {
    const world = start({ accounts: [CONSUMER] });
    world.launch({ verifyMs: 2 * HOUR });
    await world.untilReady('web');
    const reads = (): number =>
      world.aws
        .calls()
        .filter(({ action }) => action === 'DescribeImageAttribute')
        .reduce((sum, { count }) => sum + count, 0);
    await world.rest(10 * MINUTE);
    const before = reads();
    await world.rest(40 * MINUTE);
    expect(reads()).toBe(before);
    call(world, EU, 'ModifyImageAttribute', { ImageId: copy(world).id, 'LaunchPermission.Remove.1.UserId': CONSUMER });
    await world.until(
      'it is put right',
      () => copy(world).permissions.accounts.includes(CONSUMER),
      2 * HOUR + 5 * MINUTE,
    );
    await world.rest(20 * MINUTE);
    call(world, EU, 'ModifyImageAttribute', { ImageId: copy(world).id, 'LaunchPermission.Remove.1.UserId': CONSUMER });
    await world.rest(10_000);
    world.patch('web', { metadata: { annotations: { 'amifleet.io/reconcile': 'now' } } });
    await world.until('it is put right at once', () => copy(world).permissions.accounts.includes(CONSUMER), MINUTE);
  });
});

it('a permission that is undone right after it was given is found, too', async () => {
  const world = start({ accounts: [CONSUMER] });
  world.launch({ verifyMs: 2 * HOUR });
  await world.until(
    'it is given',
    () => copiesIn(world, BUILDERS, EU)[0]?.permissions.accounts.includes(CONSUMER) === true,
    HOUR,
  );
  call(world, EU, 'ModifyImageAttribute', { ImageId: copy(world).id, 'LaunchPermission.Remove.1.UserId': CONSUMER });
  await world.until('it is put right', () => copy(world).permissions.accounts.includes(CONSUMER), 20 * MINUTE);
  expect(saying(world, 'web', 'Shared')).not.toContain('Contested');
});

it('tags.shared are on the copies, for everybody they are shared with, and on no snapshot', async () => {
  const world = start({ accounts: [CONSUMER] }, { tags: { shared: ['app'] } });
  world.launch();
  await world.untilReady('web');
  expect(copy(world).tags['ec2:SharedTag/app']).toBe('web');
  expect(world.aws.world().snapshots.some(({ tags }) => 'ec2:SharedTag/app' in tags)).toBe(false);
  expect(blockedIn(world, 'web')).toEqual([]);
  expect(world.aws.world().images.find(({ id }) => id === SOURCE)?.tags['ec2:SharedTag/app']).toBeUndefined();
  await expectRest(world);
});
