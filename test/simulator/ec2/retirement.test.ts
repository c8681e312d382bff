import {
  CopyImageCommand,
  CopySnapshotCommand,
  CreateTagsCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  type DeregisterImageCommandOutput,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  DisableImageCommand,
  DisableImageDeprecationCommand,
  DisableImageDeregistrationProtectionCommand,
  EnableImageCommand,
  EnableImageDeprecationCommand,
  EnableImageDeregistrationProtectionCommand,
  type Image,
  ListImagesInRecycleBinCommand,
  ModifyImageAttributeCommand,
  RegisterImageCommand,
  RestoreImageFromRecycleBinCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { IMAGE, OTHER, OWNER, refusal, useSimulated, WORLD, worded } from './simulated.ts';

const sim = useSimulated();
const WITH_BIN = WORLD.replace(
  'us-east-1:\n      images:',
  'us-east-1:\n      recycleBin: {retentionDays: 7}\n      images:',
);

const ec2 = (account = OWNER): ReturnType<typeof sim.ec2> => sim.ec2(account);
const look = async (id = IMAGE, account = OWNER): Promise<Image | undefined> =>
  (await ec2(account).send(new DescribeImagesCommand({ ImageIds: [id] }))).Images?.[0];
const deregister = (id = IMAGE, DeleteAssociatedSnapshots = false): Promise<DeregisterImageCommandOutput> =>
  ec2().send(new DeregisterImageCommand({ ImageId: id, DeleteAssociatedSnapshots }));
const snapshots = (): string[] =>
  sim
    .world()
    .images.find(({ id }) => id === IMAGE)
    ?.volumes.map(({ snapshotId }) => snapshotId) ?? [];
const left = (): string[] => sim.world().snapshots.map(({ id }) => id);
const drop = (SnapshotId: string): Promise<unknown> => ec2().send(new DeleteSnapshotCommand({ SnapshotId }));
const register = async (Name: string, SnapshotId: string): Promise<string> => {
  const BlockDeviceMappings = [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId } }];
  const { ImageId = '' } = await ec2().send(
    new RegisterImageCommand({ Name, RootDeviceName: '/dev/xvda', VirtualizationType: 'hvm', BlockDeviceMappings }),
  );
  return ImageId;
};

describe('deregistration', () => {
  it('leaves the snapshots, which can be deleted a moment later', async () => {
    const [first = ''] = snapshots();
    expect(await refusal(drop(first))).toEqual({
      code: 'InvalidSnapshot.InUse',
      status: 400,
      message: `The snapshot ${first} is currently in use by ${IMAGE}`,
    });
    expect((await deregister()).DeleteSnapshotResults ?? []).toEqual([]);
    expect(await refusal(drop(first))).toMatchObject({ code: 'InvalidSnapshot.InUse' });
    sim.advance(10);
    await drop(first);
    expect(left()).toEqual(snapshots().slice(1));
    expect(await refusal(drop(first))).toEqual({
      code: 'InvalidSnapshot.NotFound',
      status: 400,
      message: `The snapshot '${first}' does not exist.`,
    });
  });

  it('takes the snapshots along when asked to, but for what another image uses and what is gone', async () => {
    const [first = '', second = ''] = snapshots();
    const other = await register('other', second);
    const results = (await deregister(IMAGE, true)).DeleteSnapshotResults;
    expect(new Map(results?.map(({ SnapshotId, ReturnCode }) => [SnapshotId, ReturnCode]))).toEqual(
      new Map([
        [first, 'success'],
        [second, 'skipped'],
      ]),
    );
    expect(left()).toEqual([second]);
    sim.advance(60);
    expect(await refusal(drop(second))).toMatchObject({
      message: `The snapshot ${second} is currently in use by ${other}`,
    });
  });

  it('of what is gone is refused, first as no longer available, then as unknown', async () => {
    await deregister();
    expect(await refusal(deregister())).toEqual({
      code: 'InvalidAMIID.Unavailable',
      status: 400,
      message: `The image ID '${IMAGE}' is no longer available`,
    });
    sim.advance(3601);
    expect(await refusal(deregister())).toEqual({
      code: 'InvalidAMIID.NotFound',
      status: 400,
      message: `The image id '[${IMAGE}]' does not exist`,
    });
  });

  it('of what instances were launched from is not forgotten while they run', async () => {
    const seed = WORLD.replace('      images:', `      instances: [{image: ${IMAGE}}]\n      images:`);
    await sim.control('POST', 'seed', seed);
    await deregister();
    sim.advance(86_400);
    expect(await look()).toBeUndefined();
  });

  it('is for the owner', async () => {
    const call = (): Promise<unknown> => ec2(OTHER).send(new DeregisterImageCommand({ ImageId: IMAGE }));
    expect(await refusal(call())).toMatchObject({ code: 'InvalidAMIID.NotFound' });
    await ec2().send(
      new ModifyImageAttributeCommand({ ImageId: IMAGE, LaunchPermission: { Add: [{ UserId: OTHER }] } }),
    );
    expect(await refusal(call())).toMatchObject({ code: 'AuthFailure', status: 401 });
  });

  it('works on disabled images too', async () => {
    await ec2().send(new DisableImageCommand({ ImageId: IMAGE }));
    const [first = ''] = snapshots();
    expect(await refusal(drop(first))).toMatchObject({ code: 'InvalidSnapshot.InUse' });
    await deregister();
    expect((await look())?.State).toBe('deregistered');
  });

  it('a hundred at once, then five a second', async () => {
    const bad = (): Promise<unknown> => refusal(deregister('ami-0ffffffffffffffff'));
    for (let count = 0; count < 100; count++) await bad();
    expect(await bad()).toMatchObject({ code: 'RequestLimitExceeded', status: 503 });
    sim.advance(1);
    for (let count = 0; count < 5; count++) expect(await bad()).toMatchObject({ code: 'InvalidAMIID.NotFound' });
    expect(await bad()).toMatchObject({ code: 'RequestLimitExceeded' });
  });
});

describe('deregistration protection', () => {
  const enable = (WithCooldown: boolean): Promise<{ readonly Return?: string | undefined }> =>
    ec2().send(new EnableImageDeregistrationProtectionCommand({ ImageId: IMAGE, WithCooldown }));
  const disable = (): Promise<{ readonly Return?: string | undefined }> =>
    ec2().send(new DisableImageDeregistrationProtectionCommand({ ImageId: IMAGE }));

  it('keeps an image until it is switched off', async () => {
    expect((await enable(false)).Return).toBe('enabled-without-cooldown');
    expect((await look())?.DeregistrationProtection).toBe('enabled-without-cooldown');
    expect(await refusal(deregister())).toMatchObject({ code: 'OperationNotPermitted', status: 400 });
    expect((await disable()).Return).toBe('disabled');
    await deregister();
  });

  it('with a cooldown goes on for a day, which asking again neither shortens nor prolongs', async () => {
    expect((await enable(true)).Return).toBe('enabled-with-cooldown');
    const until = 'disabled after 2026-11-22T08:00:00.000Z';
    expect((await disable()).Return).toBe(until);
    sim.advance(3600);
    expect((await disable()).Return).toBe(until);
    expect((await look())?.DeregistrationProtection).toBe(until);
    expect(await refusal(deregister())).toMatchObject({ code: 'OperationNotPermitted' });
    sim.advance(23 * 3600);
    expect((await look())?.DeregistrationProtection).toBe('disabled');
    await deregister();
  });

  it('does not travel with a copy', async () => {
    await enable(false);
    const { ImageId = '' } = await ec2().send(
      new CopyImageCommand({ SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'copy' }),
    );
    expect((await look(ImageId))?.DeregistrationProtection).toBe('disabled');
  });
});

describe('disabling', () => {
  it('is undone by enabling, twice is no error', async () => {
    for (const _ of [1, 2]) await ec2().send(new DisableImageCommand({ ImageId: IMAGE }));
    expect((await look())?.State).toBe('disabled');
    for (const _ of [1, 2]) await ec2().send(new EnableImageCommand({ ImageId: IMAGE }));
    expect((await look())?.State).toBe('available');
  });

  it('of what is pending is refused', async () => {
    const { ImageId } = await ec2().send(
      new CopyImageCommand({ SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'copy' }),
    );
    expect(await refusal(ec2().send(new DisableImageCommand({ ImageId })))).toMatchObject({
      code: 'InvalidAMIID.Unavailable',
      message: `The AMI ID '${ImageId}' is currently pending and may not be used for this operation`,
    });
  });
});

describe('deprecation', () => {
  const deprecate = (at: string): Promise<unknown> =>
    ec2().send(new EnableImageDeprecationCommand({ ImageId: IMAGE, DeprecateAt: new Date(at) }));

  it('is rounded to the minute, and can be taken back', async () => {
    await deprecate('2026-12-01T10:00:31Z');
    expect((await look())?.DeprecationTime).toBe('2026-12-01T10:01:00.000Z');
    await ec2().send(new DisableImageDeprecationCommand({ ImageId: IMAGE }));
    expect((await look())?.DeprecationTime).toBeUndefined();
  });

  it.each([
    ['in the past', '2026-11-21T07:59:00Z', /future/],
    ['now', '2026-11-21T08:00:00Z', /future/],
    ['more than ten years ahead', '2036-12-01T00:00:00Z', /ten years/],
  ])('%s is refused', async (_case, at, message) => {
    expect(await refusal(deprecate(at))).toMatchObject({ code: 'InvalidParameterValue', message: worded(message) });
  });
});

describe('the Recycle Bin', () => {
  const binned = async (): Promise<unknown> =>
    (await ec2().send(new ListImagesInRecycleBinCommand({}))).Images?.map(({ ImageId, Name, RecycleBinExitTime }) => ({
      ImageId,
      Name,
      until: RecycleBinExitTime?.toISOString(),
    }));
  const restore = (ImageId = IMAGE): Promise<unknown> => ec2().send(new RestoreImageFromRecycleBinCommand({ ImageId }));

  it('gives an image back with its permissions and tags', async () => {
    await sim.control('POST', 'seed', WITH_BIN);
    await ec2().send(
      new ModifyImageAttributeCommand({ ImageId: IMAGE, LaunchPermission: { Add: [{ UserId: OTHER }] } }),
    );
    await deregister();
    expect(await binned()).toEqual([{ ImageId: IMAGE, Name: 'web-base-1', until: '2026-11-28T08:00:00.000Z' }]);
    await ec2().send(new CreateTagsCommand({ Resources: [IMAGE], Tags: [{ Key: 'seen', Value: 'in the bin' }] }));
    sim.advance(60);
    expect(await refusal(look(IMAGE, OTHER))).toMatchObject({ code: 'InvalidAMIID.NotFound' });
    await restore();
    expect(await look(IMAGE, OTHER)).toMatchObject({ State: 'available' });
    expect((await look())?.Tags).toContainEqual({ Key: 'seen', Value: 'in the bin' });
    expect(await binned()).toEqual([]);
  });

  it('gives nothing back whose snapshots are gone, nor anything after its time', async () => {
    await sim.control('POST', 'seed', WITH_BIN);
    await deregister(IMAGE, true);
    expect(await refusal(restore())).toMatchObject({ code: 'InvalidSnapshot.NotFound' });
    sim.advance(7 * 86_400 + 1);
    expect(await binned()).toEqual([]);
    expect(await refusal(restore())).toMatchObject({ code: 'InvalidAMIID.NotFound' });
  });

  it('is not there without a rule', async () => {
    await deregister();
    expect(await binned()).toEqual([]);
  });
});

describe('snapshots', () => {
  const state = async (id: string): Promise<string | undefined> =>
    (await ec2().send(new DescribeSnapshotsCommand({ SnapshotIds: [id] }))).Snapshots?.[0]?.State;
  const copy = async (source = snapshots()[0]): Promise<string> => {
    const { SnapshotId = '' } = await ec2().send(
      new CopySnapshotCommand({ SourceSnapshotId: source, SourceRegion: 'us-east-1', Description: 'copied' }),
    );
    return SnapshotId;
  };

  it('are copied without their tags, and twenty at a time', async () => {
    const id = await copy();
    expect(await state(id)).toBe('pending');
    for (let count = 1; count < 20; count++) await copy();
    expect(await refusal(copy())).toEqual({
      code: 'ResourceLimitExceeded',
      status: 400,
      message: 'Too many snapshot copies in progress. The limit is 20 for this destination region.',
    });
    expect(await refusal(copy(id))).toMatchObject({ code: 'IncorrectState' });
    sim.advance(60);
    expect(await state(id)).toBe('completed');
    expect(await register('from-a-copy', id)).toMatch(/^ami-/);
  });

  it('that are pending go when they are complete', async () => {
    const id = await copy();
    await drop(id);
    expect(await state(id)).toBe('pending');
    sim.advance(60);
    expect(await refusal(state(id))).toMatchObject({ code: 'InvalidSnapshot.NotFound' });
    expect(left()).not.toContain(id);
  });

  it.each([
    [
      'an unknown one',
      'snap-0ffffffffffffffff',
      'InvalidSnapshot.NotFound',
      "The snapshot 'snap-0ffffffffffffffff' does not exist.",
    ],
    ['a malformed id', 'snap', 'InvalidSnapshotID.Malformed', 'Invalid id: "snap" (expecting "snap-...")'],
  ])('%s is refused', async (_case, id, code, message) => {
    expect(await refusal(drop(id))).toEqual({ code, status: 400, message });
    expect(await refusal(state(id))).toEqual({ code, status: 400, message });
  });

  it('that are deleted are still seen for a while', async () => {
    const [first = ''] = snapshots();
    await sim.control('POST', 'seed', WORLD.replace('consistencySeconds: [0, 0]', 'consistencySeconds: [3, 3]'));
    await deregister();
    sim.advance(20);
    const [same = ''] = snapshots();
    expect(same).toBe(first);
    await drop(first);
    expect(await state(first)).toBe('completed');
    sim.advance(3);
    expect(await refusal(state(first))).toMatchObject({ code: 'InvalidSnapshot.NotFound' });
  });
});

describe('registration', () => {
  it('of a name that is in use is refused, and of one that is free again is not', async () => {
    const [first = ''] = snapshots();
    expect(await refusal(register('web-base-1', first))).toEqual({
      code: 'InvalidAMIName.Duplicate',
      status: 400,
      message: `AMI name web-base-1 is already in use by AMI ${IMAGE}`,
    });
    await deregister();
    expect(await register('web-base-1', first)).not.toBe(IMAGE);
  });

  it('of a name that was just freed is refused until that has come through', async () => {
    await sim.control('POST', 'seed', WORLD.replace('consistencySeconds: [0, 0]', 'consistencySeconds: [3, 3]'));
    const [first = ''] = snapshots();
    await deregister();
    expect(await refusal(register('web-base-1', first))).toMatchObject({ code: 'InvalidAMIName.Duplicate' });
    sim.advance(3);
    expect(await register('web-base-1', first)).not.toBe(IMAGE);
  });

  it('of a snapshot that is not there is refused', async () => {
    expect(await refusal(register('new', 'snap-0ffffffffffffffff'))).toMatchObject({
      code: 'InvalidSnapshot.NotFound',
    });
  });
});
