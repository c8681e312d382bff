import { describe, expect, it } from 'vitest';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import { account, BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, blockedIn, copiesIn, expectRest, namesIn } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const EU = 'eu-west-1';
const TAGS = { app: 'web', release: 'stable' };
const ALONE = { accounts: undefined, sharing: undefined, retention: { keepNewest: 1, deleteAfterDays: 1 } };
const SKIPPING = [account(BUILDERS, { allow: ['SkipRecycleBin'] }), account(PRODUCTION)];

/** A seed whose builders have these settings in eu-west-1. */
const seedWith = (region: object): object => {
  const { accounts, ...rest } = seedOf() as { accounts: Record<string, object> };
  return { ...rest, accounts: { ...accounts, [BUILDERS]: { ...accounts[BUILDERS], [EU]: region } } };
};

const snapshotsIn = (world: World): WorldView['snapshots'] =>
  world.aws.world().snapshots.filter(({ region }) => region === EU);
const isGone = (world: World): boolean => copiesIn(world, BUILDERS, EU).every(({ name }) => name !== 'web-3');
const counts = (world: World, action: string): number =>
  world.aws.calls().reduce((sum, call) => sum + (call.action === action && call.region === EU ? call.count : 0), 0);
/** What the events of a kind say. */
function notes(world: World, reason: string): string[] {
  const answer = world.kube.handle({ method: 'GET', url: '/apis/events.k8s.io/v1/namespaces/platform/events' });
  const { items } = JSON.parse((answer as { body: string }).body) as { items: { reason: string; note: string }[] };
  return items.filter((event) => event.reason === reason).map(({ note }) => note);
}

/** web-4 takes the place of web-3, which has two snapshots. */
async function released(
  options: { readonly seed?: object; readonly accounts?: readonly object[] } = {},
): Promise<World> {
  const world = begin([policy(ALONE)], options);
  world.launch({ resyncMs: 2 * HOUR });
  await world.untilReady('web');
  world.release(BUILDERS, 'us-east-1', 'web-4', TAGS);
  await world.until('web-4 is there', () => namesIn(world, BUILDERS, EU).includes('web-4'), 3 * HOUR);
  return world;
}

describe('a copy that is deleted where a rule of the Recycle Bin keeps it', () => {
  it('can be restored with its snapshots until its time there is over, which event and status say', async () => {
    const world = await released({ seed: seedWith({ recycleBin: { retentionDays: 2 } }) });
    await world.until('it is gone', () => isGone(world), 2 * DAY);
    await world.rest(3 * HOUR);
    expect(snapshotsIn(world)).toHaveLength(3);
    const [note] = notes(world, 'DeregisterImage');
    expect(note).toMatch(/is in the Recycle Bin until 2026-06-\d\dT.*: aws ec2 restore-image-from-recycle-bin/);
    const kept = blockedIn(world, 'web').filter((line) => line.startsWith('InRecycleBin '));
    expect(kept).toHaveLength(2);
    expect(kept[0]).toMatch(/until 2026-06-\d\dT\S+, and could not be restored without it/);
    expect(world.isReady('web')).toBe(true);
    await expectRest(world);
    await world.rest(1.5 * DAY);
    expect(snapshotsIn(world)).toHaveLength(3);
    await world.rest(DAY);
    expect(snapshotsIn(world)).toHaveLength(1);
    expect(notes(world, 'DeleteSnapshot').join()).toMatch(/not in the Recycle Bin: it cannot be restored/);
    await expectRest(world);
  });

  it('that somebody restores is the image that it was, and is deleted again', async () => {
    const world = await released({ seed: seedWith({ recycleBin: { retentionDays: 7 } }) });
    await world.until('it is gone', () => isGone(world), 2 * DAY);
    const id = world.aws.world().images.find(({ inRecycleBin }) => inRecycleBin)?.id ?? '';
    world.call(BUILDERS, EU, { Action: 'RestoreImageFromRecycleBin', Version: '2016-11-15', ImageId: id });
    expect(isGone(world)).toBe(false);
    await world.until('it is gone again', () => isGone(world), 2 * DAY);
  });

  it('says until when a snapshot can be restored', async () => {
    const world = await released({ seed: seedWith({ recycleBin: { snapshotRetentionDays: 2 } }) });
    await world.until('its snapshots are gone', () => snapshotsIn(world).length === 1, 2 * DAY);
    await world.rest(MINUTE);
    expect(notes(world, 'DeleteSnapshot').join()).toMatch(/aws ec2 restore-snapshot-from-recycle-bin/);
  });
});

describe('a copy in an account that allows to skip the Recycle Bin', () => {
  it('goes with its snapshots in one call', async () => {
    const world = await released({ accounts: SKIPPING });
    await world.until('it is gone', () => isGone(world), 2 * DAY);
    expect(snapshotsIn(world)).toHaveLength(1);
    expect(counts(world, 'DeleteSnapshot')).toBe(0);
    expect(notes(world, 'DeregisterImage').join()).toContain('with its snapshots, and for good');
    await expectRest(world);
  });

  it('goes with them although a rule would have kept it', async () => {
    const world = await released({ accounts: SKIPPING, seed: seedWith({ recycleBin: { retentionDays: 7 } }) });
    await world.until('it is gone', () => isGone(world), 2 * DAY);
    expect(snapshotsIn(world)).toHaveLength(1);
    await expectRest(world);
  });

  it('leaves nothing where EC2 could not delete one of them at once', async () => {
    const world = await released({ accounts: SKIPPING });
    world.aws.setFaults([
      { action: 'DeregisterImage/DeleteSnapshot', kind: 'error-InternalError', nth: 1, times: 1, region: EU },
    ]);
    await world.until('the image is gone', () => isGone(world), 2 * DAY);
    await world.until('the snapshot is gone as well', () => snapshotsIn(world).length === 1, HOUR);
    expect(counts(world, 'DeleteSnapshot')).toBe(1);
    expect(notes(world, 'DeregisterImage').join()).toMatch(/not yet gone with it: snap-\w+ \(internal-error\)/);
  });

  it('leaves a snapshot that somebody else’s image uses, and says so', async () => {
    const world = await released({ accounts: SKIPPING });
    const shared = copiesIn(world, BUILDERS, EU).find(({ name }) => name === 'web-3')?.volumes[0]?.snapshotId ?? '';
    world.call(BUILDERS, EU, {
      Action: 'RegisterImage',
      Version: '2016-11-15',
      Name: 'by-hand',
      RootDeviceName: '/dev/xvda',
      'BlockDeviceMapping.1.DeviceName': '/dev/xvda',
      'BlockDeviceMapping.1.Ebs.SnapshotId': shared,
    });
    await world.until('the image is gone', () => isGone(world), 2 * DAY);
    await world.rest(HOUR);
    expect(snapshotsIn(world).map(({ id }) => id)).toContain(shared);
    expect(snapshotsIn(world)).toHaveLength(2);
    expect(blockedIn(world, 'web').join()).toMatch(/SnapshotInUse .* is used by ami-/);
    await expectRest(world);
  });
});

describe('a copy with a snapshot that is locked', () => {
  it('stays with the reason until the lock ends, and nothing is tried meanwhile', async () => {
    const world = await released();
    const SnapshotId = copiesIn(world, BUILDERS, EU).find(({ name }) => name === 'web-3')?.volumes[1]?.snapshotId ?? '';
    world.call(BUILDERS, EU, {
      Action: 'LockSnapshot',
      Version: '2016-11-15',
      SnapshotId,
      LockMode: 'governance',
      LockDuration: '2',
    });
    await world.rest(1.5 * DAY);
    expect(isGone(world)).toBe(false);
    expect(blockedIn(world, 'web').join()).toMatch(
      /SnapshotLocked web-3 .*until 2026-06-\d\dT.*aws ec2 unlock-snapshot/,
    );
    expect(counts(world, 'DeregisterImage') + counts(world, 'DeleteSnapshot')).toBe(0);
    await expectRest(world);
    await world.until('it is gone', () => isGone(world), 2 * DAY);
    await world.rest(HOUR);
    expect(snapshotsIn(world)).toHaveLength(1);
  });

  it('that is not seen to be locked leaves the snapshot, which is not deleted in a loop', async () => {
    const world = await released();
    const SnapshotId = copiesIn(world, BUILDERS, EU).find(({ name }) => name === 'web-3')?.volumes[1]?.snapshotId ?? '';
    const lock = { Action: 'LockSnapshot', Version: '2016-11-15', LockMode: 'governance', LockDuration: '30' };
    world.call(BUILDERS, EU, { ...lock, SnapshotId });
    world.aws.deny([{ account: BUILDERS, action: 'ec2:DescribeLockedSnapshots', by: 'identity' }]);
    await world.until('it is gone', () => isGone(world), 2 * DAY);
    await world.rest(HOUR);
    const tried = counts(world, 'DeleteSnapshot');
    await world.rest(5 * HOUR);
    expect(counts(world, 'DeleteSnapshot') - tried).toBeLessThanOrEqual(3);
    expect(snapshotsIn(world)).toHaveLength(2);
    expect(blockedIn(world, 'web').join()).toContain('SnapshotLocked');
    expect(world.isReady('web')).toBe(true);
  });
});

describe('a copy that failed', () => {
  it('is cleaned up with its snapshots in one call, once another one takes its place', async () => {
    const world = begin([policy(ALONE)]);
    let broken = '';
    world.aws.onMutation(({ action, region }, _, after) => {
      if (broken || action !== 'CopyImage' || region !== EU) return;
      broken = after.images.find((image) => image.region === EU)?.id ?? '';
    });
    world.launch({ resyncMs: HOUR });
    await world.until('it is being copied', () => broken !== '');
    world.aws.failCopy(broken, 'Copy image failed with an internal error');
    await world.untilReady('web', 2 * HOUR);
    await world.until('it is cleaned up', () => copiesIn(world, BUILDERS, EU).length === 1, 2 * HOUR);
    await world.rest(HOUR);
    expect(snapshotsIn(world)).toHaveLength(2);
    expect(counts(world, 'DeleteSnapshot')).toBe(0);
    await expectRest(world);
  });
});
