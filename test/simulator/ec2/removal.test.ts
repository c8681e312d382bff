import {
  CopyImageCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  type DeregisterImageCommandOutput,
  DescribeLockedSnapshotsCommand,
  DescribeSnapshotsCommand,
  DisableImageCommand,
  EnableImageCommand,
  ListSnapshotsInRecycleBinCommand,
  type LockMode,
  LockSnapshotCommand,
  ModifySnapshotTierCommand,
  RestoreImageFromRecycleBinCommand,
  RestoreSnapshotFromRecycleBinCommand,
  RestoreSnapshotTierCommand,
  UnlockSnapshotCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { IMAGE, OWNER, refusal, useSimulated, WORLD } from './simulated.ts';

const DAY = 86_400;
const sim = useSimulated();
const ec2 = (): ReturnType<typeof sim.ec2> => sim.ec2(OWNER);
const snapshots = (): string[] =>
  sim
    .world()
    .images.find(({ id }) => id === IMAGE)
    ?.volumes.map(({ snapshotId }) => snapshotId) ?? [];
const left = (): string[] => sim.world().snapshots.map(({ id }) => id);
const drop = (SnapshotId: string): Promise<unknown> => ec2().send(new DeleteSnapshotCommand({ SnapshotId }));
const deregister = (withSnapshots = false): Promise<DeregisterImageCommandOutput> =>
  ec2().send(new DeregisterImageCommand({ ImageId: IMAGE, DeleteAssociatedSnapshots: withSnapshots }));
const results = async (): Promise<(string | undefined)[] | undefined> =>
  (await deregister(true)).DeleteSnapshotResults?.map(({ ReturnCode }) => ReturnCode).toSorted();
const lock = (SnapshotId: string, LockMode: LockMode = 'governance', more: object = {}): Promise<unknown> =>
  ec2().send(new LockSnapshotCommand({ SnapshotId, LockMode, LockDuration: 10, ...more }));
const unlock = (SnapshotId: string): Promise<unknown> => ec2().send(new UnlockSnapshotCommand({ SnapshotId }));

describe('a deregistration with its snapshots', () => {
  it('deletes them, and says so of each', async () => {
    const [first = '', second = ''] = snapshots();
    expect((await deregister(true)).DeleteSnapshotResults).toEqual(
      expect.arrayContaining([
        { SnapshotId: first, ReturnCode: 'success' },
        { SnapshotId: second, ReturnCode: 'success' },
      ]),
    );
    expect(left()).not.toContain(first);
  });

  it('leaves one that is locked', async () => {
    const [first = ''] = snapshots();
    await lock(first);
    expect(await results()).toEqual(['client-error', 'success']);
    expect(left()).toContain(first);
  });

  it('leaves them where the caller may not delete snapshots', async () => {
    sim.simulator.deny([{ account: OWNER, action: 'ec2:DeleteSnapshot', by: 'identity' }]);
    expect(await results()).toEqual(['missing-permissions', 'missing-permissions']);
    expect(left()).toEqual(expect.arrayContaining(snapshots()));
  });

  it('leaves one on demand, as EC2 does when it fails', async () => {
    await sim.control('POST', 'faults', [{ action: 'DeregisterImage/DeleteSnapshot', kind: 'error-InternalError' }]);
    expect(await results()).toEqual(['internal-error', 'success']);
  });

  it('leaves those that are still being made', async () => {
    const { ImageId } = await ec2().send(
      new CopyImageCommand({ Name: 'copy', SourceImageId: IMAGE, SourceRegion: 'us-east-1' }),
    );
    const answer = await ec2().send(new DeregisterImageCommand({ ImageId, DeleteAssociatedSnapshots: true }));
    expect(answer.DeleteSnapshotResults?.map(({ ReturnCode }) => ReturnCode)).toEqual(['client-error', 'client-error']);
  });
});

describe('a lock', () => {
  const locks = async (): Promise<unknown> =>
    (await ec2().send(new DescribeLockedSnapshotsCommand({}))).Snapshots?.map(
      ({ SnapshotId, LockState, LockExpiresOn }) => [SnapshotId, LockState, LockExpiresOn?.toISOString()],
    );

  it('keeps a snapshot from being deleted until it ends', async () => {
    const [first = ''] = snapshots();
    await lock(first);
    expect(await locks()).toEqual([[first, 'governance', '2026-12-01T08:00:00.000Z']]);
    await deregister();
    sim.advance(60);
    expect(await refusal(drop(first))).toMatchObject({ code: 'OperationNotPermitted' });
    sim.advance(10 * DAY);
    expect(await locks()).toMatchObject([[first, 'expired', expect.anything()]]);
    await drop(first);
    expect(left()).not.toContain(first);
  });

  it('in governance mode can be taken off, and in compliance mode only while it cools off', async () => {
    const [first = '', second = ''] = snapshots();
    await lock(first);
    await unlock(first);
    await lock(first, 'compliance', { CoolOffPeriod: 24 });
    expect(await locks()).toMatchObject([[first, 'compliance-cooloff', expect.anything()]]);
    await unlock(first);
    await lock(second, 'compliance');
    expect(await refusal(unlock(second))).toMatchObject({ code: 'OperationNotPermitted' });
    expect(await refusal(lock(second, 'compliance', { LockDuration: 2 }))).toMatchObject({
      code: 'OperationNotPermitted',
    });
    expect(await refusal(unlock(first))).toMatchObject({ code: 'SnapshotLock.NotFound' });
  });
});

describe('the archive', () => {
  const archive = (SnapshotId: string): Promise<unknown> => ec2().send(new ModifySnapshotTierCommand({ SnapshotId }));
  const tier = async (id: string): Promise<string | undefined> =>
    (await ec2().send(new DescribeSnapshotsCommand({ SnapshotIds: [id] }))).Snapshots?.[0]?.StorageTier;

  it('takes the snapshots of disabled images, and gives them back', async () => {
    const [first = ''] = snapshots();
    expect(await refusal(archive(first))).toMatchObject({ code: 'InvalidSnapshot.InUse' });
    await ec2().send(new DisableImageCommand({ ImageId: IMAGE }));
    await archive(first);
    expect(await tier(first)).toBe('archive');
    await ec2().send(new EnableImageCommand({ ImageId: IMAGE }));
    const copied = ec2().send(new CopyImageCommand({ Name: 'copy', SourceImageId: IMAGE, SourceRegion: 'us-east-1' }));
    expect(await refusal(copied)).toMatchObject({ code: 'InvalidRequest' });
    await ec2().send(new RestoreSnapshotTierCommand({ SnapshotId: first, PermanentRestore: true }));
    expect(await tier(first)).toBe('standard');
  });

  it('lets a snapshot be deleted', async () => {
    const [first = ''] = snapshots();
    await ec2().send(new DisableImageCommand({ ImageId: IMAGE }));
    await archive(first);
    await deregister();
    sim.advance(60);
    await drop(first);
    expect(left()).not.toContain(first);
  });
});

describe('the Recycle Bin of snapshots', () => {
  const SEED = WORLD.replace(
    'us-east-1:\n      images:',
    'us-east-1:\n      recycleBin: {retentionDays: 7, snapshotRetentionDays: 2}\n      images:',
  );
  const binned = async (SnapshotIds?: string[]): Promise<unknown> =>
    (await ec2().send(new ListSnapshotsInRecycleBinCommand({ SnapshotIds }))).Snapshots?.map(
      ({ SnapshotId, RecycleBinExitTime }) => [SnapshotId, RecycleBinExitTime?.toISOString()],
    );

  it('gives them back, and their image after them', async () => {
    await sim.control('POST', 'seed', SEED);
    const [first = '', second = ''] = snapshots();
    await deregister(true);
    const image = (): Promise<unknown> => ec2().send(new RestoreImageFromRecycleBinCommand({ ImageId: IMAGE }));
    expect(await refusal(image())).toMatchObject({ code: 'InvalidSnapshot.NotFound' });
    expect(await binned([first])).toEqual([[first, '2026-11-23T08:00:00.000Z']]);
    for (const SnapshotId of [first, second])
      await ec2().send(new RestoreSnapshotFromRecycleBinCommand({ SnapshotId }));
    await image();
    expect(left()).toEqual(expect.arrayContaining([first, second]));
    expect(await binned()).toEqual([]);
  });

  it('is emptied when their time is over', async () => {
    await sim.control('POST', 'seed', SEED);
    const [first = ''] = snapshots();
    await deregister(true);
    sim.advance(2 * DAY + 1);
    expect(await binned()).toEqual([]);
    const restore = ec2().send(new RestoreSnapshotFromRecycleBinCommand({ SnapshotId: first }));
    expect(await refusal(restore)).toMatchObject({ code: 'InvalidSnapshot.NotFound' });
  });
});

describe('what AWS Backup has made', () => {
  it('nobody else can delete', async () => {
    await sim.control('POST', 'seed', WORLD.replace('name: web-base-1,', 'name: web-base-1, madeByBackup: true,'));
    expect(await refusal(deregister())).toMatchObject({
      code: 'InvalidParameterValue',
      message: expect.stringContaining('managed by the AWS Backup service'),
    });
  });
});
