import {
  CancelImageLaunchPermissionCommand,
  CopyImageCommand,
  DescribeImageAttributeCommand,
  type DescribeImageAttributeCommandOutput,
  DescribeImagesCommand,
  DescribeSnapshotAttributeCommand,
  DescribeSnapshotsCommand,
  DisableImageBlockPublicAccessCommand,
  DisableImageCommand,
  EnableImageBlockPublicAccessCommand,
  EnableImageDeregistrationProtectionCommand,
  GetImageBlockPublicAccessStateCommand,
  type ImageAttributeName,
  ModifyImageAttributeCommand,
  type ModifyImageAttributeCommandInput,
  ModifySnapshotAttributeCommand,
  type ModifySnapshotAttributeCommandInput,
  RegisterImageCommand,
  ResetImageAttributeCommand,
  ResetSnapshotAttributeCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { OTHER, OWNER, refusal, THIRD, useSimulated, worded } from './simulated.ts';

const IMAGE = 'ami-00000000000000001';
const MANAGED = 'ami-00000000000000002';
const OFF = 'ami-00000000000000003';
const UNDER_KEY = 'ami-00000000000000004';
const SOLD = 'ami-00000000000000005';
const ORGANIZATION = `arn:aws:organizations::${OWNER}:organization/o-abc123`;
const UNIT = `arn:aws:organizations::${OWNER}:ou/o-abc123/ou-ab12-cdef1234`;
const SEED = `
seed: 7
copySeconds: [60, 60]
consistencySeconds: [0, 0]
accounts:
  "${OWNER}":
    us-east-1:
      keys: [{alias: alias/ami}]
      images:
        - {id: ${IMAGE}, name: web-1, description: first, lastLaunchedDays: 3}
        - {id: ${MANAGED}, name: managed, encrypted: true}
        - {id: ${OFF}, name: off, state: disabled}
        - {id: ${UNDER_KEY}, name: under-key, encrypted: true, kmsKeyId: alias/ami}
        - {id: ${SOLD}, name: sold, productCodes: [code1]}
  "${OTHER}": {memberOf: ["${UNIT}"]}
`;
const sim = useSimulated(SEED);

type Input = Omit<ModifyImageAttributeCommandInput, 'ImageId'>;
const modify = (input: Input, image = IMAGE, account = OWNER): Promise<unknown> =>
  sim.ec2(account).send(new ModifyImageAttributeCommand({ ImageId: image, ...input }));
const read = (Attribute: ImageAttributeName, image = IMAGE): Promise<DescribeImageAttributeCommandOutput> =>
  sim.ec2().send(new DescribeImageAttributeCommand({ ImageId: image, Attribute }));
const grants = async (image = IMAGE): Promise<unknown> => {
  const { LaunchPermissions = [] } = await read('launchPermission', image);
  return LaunchPermissions.flatMap((entry) => Object.values(entry).map(String)).sort();
};
const snapshotOf = (image: string): string =>
  sim.world().images.find(({ id }) => id === image)?.volumes[0]?.snapshotId ?? '';

describe('launch permissions', () => {
  it('are added and removed in the structured form, both in one call', async () => {
    await modify({
      LaunchPermission: {
        Add: [{ UserId: OTHER }, { OrganizationArn: ORGANIZATION }, { OrganizationalUnitArn: UNIT }],
      },
    });
    expect(await grants()).toEqual([UNIT, ORGANIZATION, OTHER].sort());
    await modify({ LaunchPermission: { Add: [{ UserId: THIRD }], Remove: [{ UserId: OTHER }] } });
    expect(await grants()).toEqual([UNIT, ORGANIZATION, THIRD].sort());
  });

  it('are added and removed in the flat form', async () => {
    await modify({
      Attribute: 'launchPermission',
      OperationType: 'add',
      UserIds: [OTHER],
      OrganizationArns: [ORGANIZATION],
      OrganizationalUnitArns: [UNIT],
    });
    expect(await grants()).toEqual([UNIT, ORGANIZATION, OTHER].sort());
    await modify({ OperationType: 'remove', UserIds: [OTHER], OrganizationalUnitArns: [UNIT] });
    expect(await grants()).toEqual([ORGANIZATION]);
  });

  it('that are there already or not there are no error, and the owner is never listed', async () => {
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }, { UserId: OWNER }] } });
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }], Remove: [{ UserId: THIRD }] } });
    expect(await grants()).toEqual([OTHER]);
  });

  it('of an account go, while those of its unit stay', async () => {
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }, { OrganizationalUnitArn: UNIT }] } });
    await modify({ LaunchPermission: { Remove: [{ UserId: OTHER }] } });
    const { Images } = await sim.ec2(OTHER).send(new DescribeImagesCommand({ Owners: [OWNER] }));
    expect(Images).toHaveLength(1);
  });

  it('are all gone after a reset', async () => {
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }, { OrganizationalUnitArn: UNIT }] } });
    await sim.ec2().send(new ResetImageAttributeCommand({ ImageId: IMAGE, Attribute: 'launchPermission' }));
    expect(await grants()).toEqual([]);
  });

  it('can be given up by the account that has them', async () => {
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }, { UserId: THIRD }] } });
    await sim.ec2(OTHER).send(new CancelImageLaunchPermissionCommand({ ImageId: IMAGE }));
    expect(await grants()).toEqual([THIRD]);
  });

  it('are lost when an image is disabled', async () => {
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }] } });
    await sim.ec2().send(new DisableImageCommand({ ImageId: IMAGE }));
    expect(await grants()).toEqual([]);
  });

  it('come in no order', async () => {
    const accounts = Array.from({ length: 30 }, (_, n) => String(500_000_000_000 + n));
    await modify({ LaunchPermission: { Add: accounts.map((UserId) => ({ UserId })) } });
    const read = async (): Promise<string[]> => {
      const command = new DescribeImageAttributeCommand({ ImageId: IMAGE, Attribute: 'launchPermission' });
      const { LaunchPermissions = [] } = await sim.ec2().send(command);
      return LaunchPermissions.map(({ UserId = '' }) => UserId);
    };
    const [one, two] = [await read(), await read()];
    expect(one).not.toEqual(two);
    expect(one.toSorted()).toEqual(accounts);
    expect(two.toSorted()).toEqual(accounts);
  });

  it('are seen as late as every other write', async () => {
    await sim.control('POST', 'seed', SEED.replace('consistencySeconds: [0, 0]', 'consistencySeconds: [3, 3]'));
    await modify({ LaunchPermission: { Add: [{ UserId: OTHER }] } });
    expect(await grants()).toEqual([]);
    sim.advance(3);
    expect(await grants()).toEqual([OTHER]);
  });

  it('are given to a thousand and not to one more; everybody and the owner do not count', async () => {
    const accounts = Array.from({ length: 1000 }, (_, n) => ({ UserId: String(500_000_000_000 + n) }));
    await modify({ LaunchPermission: { Add: accounts } });
    await modify({ LaunchPermission: { Add: [{ UserId: OWNER }] } });
    expect(await refusal(modify({ LaunchPermission: { Add: [{ OrganizationArn: ORGANIZATION }] } }))).toMatchObject({
      code: 'ResourceLimitExceeded',
      status: 400,
    });
    await modify({ LaunchPermission: { Add: [{ OrganizationArn: ORGANIZATION }], Remove: accounts.slice(0, 1) } });
  });
});

describe('launch permissions that are refused', () => {
  const add = (...Add: NonNullable<ModifyImageAttributeCommandInput['LaunchPermission']>['Add'] & object): Input => ({
    LaunchPermission: { Add },
  });
  const managed = "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.";
  const blocked =
    /^You can't publicly share this image because block public access for AMIs is enabled for this account\. /;
  const item = 'InvalidAMIAttributeItemValue';
  it.each<[string, string, Input, string, string | RegExp]>([
    ['a bad account', IMAGE, add({ UserId: OTHER }, { UserId: '12' }), item, /"12" for userId/],
    ['a bad account that is removed', IMAGE, { OperationType: 'remove', UserIds: ['x'] }, item, /"x"/],
    ['a bare organization', IMAGE, add({ OrganizationArn: 'o-abc123' }), item, /"o-abc123"/],
    ['a unit as an organization', IMAGE, add({ OrganizationArn: UNIT }), item, /organizationArn/],
    ['a bare unit', IMAGE, add({ OrganizationalUnitArn: 'ou-ab12-cdef1234' }), item, /organizationalUnitArn/],
    [
      'two in one entry',
      IMAGE,
      add({ UserId: OTHER, OrganizationArn: ORGANIZATION }),
      'InvalidParameterCombination',
      /exactly one/,
    ],
    [
      'both forms',
      IMAGE,
      { ...add({ UserId: OTHER }), OperationType: 'add', UserIds: [THIRD] },
      'InvalidParameterCombination',
      /OperationType/,
    ],
    ['the flat form without an operation', IMAGE, { UserIds: [OTHER] }, 'MissingParameter', /OperationType/],
    [
      'the flat form without anybody',
      IMAGE,
      { Attribute: 'launchPermission', OperationType: 'add' },
      'MissingParameter',
      /launchPermission/,
    ],
    ['an unknown attribute', IMAGE, { Attribute: 'productCodes' }, 'InvalidParameterValue', /productCodes/],
    ['nothing at all', IMAGE, {}, 'MissingParameter', /attribute/],
    [
      'two attributes',
      IMAGE,
      { ...add({ UserId: OTHER }), Description: { Value: 'x' } },
      'InvalidParameterCombination',
      'Fields for multiple attribute types specified',
    ],
    ['an image under the managed key', MANAGED, add({ UserId: OTHER }), 'InvalidParameter', managed],
    [
      'a disabled image',
      OFF,
      add({ UserId: OTHER }),
      'InvalidAMIID.Unavailable',
      `The AMI ID '${OFF}' is currently disabled and may not be used for this operation`,
    ],
    [
      'an unknown image',
      'ami-0ffffffffffffffff',
      add({ UserId: OTHER }),
      'InvalidAMIID.NotFound',
      "The image id '[ami-0ffffffffffffffff]' does not exist",
    ],
    [
      'a malformed id',
      'ami-1',
      add({ UserId: OTHER }),
      'InvalidAMIID.Malformed',
      'Invalid id: "ami-1" (expecting "ami-...")',
    ],
    ['making it public', IMAGE, add({ Group: 'all' }), 'OperationNotPermitted', blocked],
  ])('%s', async (_case, image, input, code, message) => {
    const before = sim.world();
    expect(await refusal(modify(input, image))).toEqual({
      code,
      status: 400,
      message: worded(message),
    });
    expect(sim.world()).toEqual(before);
  });

  it('an image that is still pending', async () => {
    const { ImageId = '' } = await sim
      .ec2()
      .send(new CopyImageCommand({ SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'copy' }));
    expect(await refusal(modify(add({ UserId: OTHER }), ImageId))).toEqual({
      code: 'InvalidAMIID.Unavailable',
      status: 400,
      message: `The AMI ID '${ImageId}' is currently pending and may not be used for this operation`,
    });
    sim.advance(60);
    await modify(add({ UserId: OTHER }), ImageId);
  });

  it('an image of another account: it is known only to those it is shared with', async () => {
    expect(await refusal(modify(add({ UserId: THIRD }), IMAGE, OTHER))).toMatchObject({
      code: 'InvalidAMIID.NotFound',
    });
    await modify(add({ UserId: OTHER }));
    const denied = { code: 'AuthFailure', status: 401, message: `Not authorized for image:${IMAGE}` };
    expect(await refusal(modify(add({ UserId: THIRD }), IMAGE, OTHER))).toEqual(denied);
    const attribute = new DescribeImageAttributeCommand({ ImageId: IMAGE, Attribute: 'launchPermission' });
    expect(await refusal(sim.ec2(OTHER).send(attribute))).toEqual(denied);
  });
});

describe('the public', () => {
  const everybody: Input = { LaunchPermission: { Add: [{ Group: 'all' }] } };
  const state = async (): Promise<string | undefined> =>
    (await sim.ec2().send(new GetImageBlockPublicAccessStateCommand({}))).ImageBlockPublicAccessState;

  it('is let in once it is not blocked; the image is then deprecated two years after its creation', async () => {
    expect(await state()).toBe('block-new-sharing');
    await sim.ec2().send(new DisableImageBlockPublicAccessCommand({}));
    expect(await state()).toBe('unblocked');
    await modify(everybody);
    const { Images } = await sim.ec2(THIRD).send(new DescribeImagesCommand({ ImageIds: [IMAGE] }));
    expect(Images?.[0]).toMatchObject({ Public: true, DeprecationTime: '2028-11-20T08:00:00.000Z' });
    await sim
      .ec2()
      .send(new ModifyImageAttributeCommand({ ImageId: IMAGE, OperationType: 'remove', UserGroups: ['all'] }));
    expect(await grants()).toEqual([]);
  });

  it('is blocked again some minutes after that was asked for, which leaves what is public', async () => {
    await sim.ec2().send(new DisableImageBlockPublicAccessCommand({}));
    await modify(everybody);
    await sim.ec2().send(new EnableImageBlockPublicAccessCommand({ ImageBlockPublicAccessState: 'block-new-sharing' }));
    expect(await state()).toBe('unblocked');
    sim.advance(600);
    expect(await state()).toBe('block-new-sharing');
    expect(await grants()).toEqual(['all']);
  });

  it.each([
    ['encrypted', UNDER_KEY, 'UnsupportedOperation'],
    ['sold', SOLD, 'UnsupportedOperation'],
  ])('is not let in to what is %s', async (_case, image, code) => {
    await sim.ec2().send(new DisableImageBlockPublicAccessCommand({}));
    expect(await refusal(modify(everybody, image))).toMatchObject({ code, status: 400 });
  });

  it('gets five images in a region', async () => {
    await sim.ec2().send(new DisableImageBlockPublicAccessCommand({}));
    const BlockDeviceMappings = [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshotOf(IMAGE) } }];
    const share = async (n: number): Promise<unknown> => {
      const { ImageId } = await sim.ec2().send(
        new RegisterImageCommand({
          Name: `public-${n}`,
          RootDeviceName: '/dev/xvda',
          VirtualizationType: 'hvm',
          BlockDeviceMappings,
        }),
      );
      return await modify(everybody, ImageId);
    };
    for (let n = 0; n < 5; n++) await share(n);
    expect(await refusal(share(5))).toMatchObject({
      code: 'ResourceLimitExceeded',
      message: expect.stringMatching(
        /^You have reached your quota of 5 for the number of public images allowed in this Region\. /,
      ),
    });
  });
});

describe('other attributes', () => {
  it('the description is changed in both forms, and may be empty', async () => {
    await modify({ Description: { Value: 'second' } });
    expect((await read('description')).Description?.Value).toBe('second');
    await modify({ Attribute: 'description', Value: 'third' });
    expect((await read('description')).Description?.Value).toBe('third');
    await modify({ Description: { Value: '' } });
    expect((await read('description')).Description?.Value).toBeUndefined();
  });

  it('IMDSv2 is required once and for all', async () => {
    await modify({ ImdsSupport: { Value: 'v2.0' } });
    expect((await read('imdsSupport')).ImdsSupport?.Value).toBe('v2.0');
    expect(await refusal(modify({ ImdsSupport: { Value: 'v1.0' } }))).toMatchObject({ code: 'InvalidParameterValue' });
  });

  it.each<[ImageAttributeName, keyof DescribeImageAttributeCommandOutput, unknown]>([
    ['description', 'Description', { Value: 'first' }],
    ['lastLaunchedTime', 'LastLaunchedTime', { Value: '2026-11-18T08:00:00Z' }],
    ['deregistrationProtection', 'DeregistrationProtection', { Value: 'disabled' }],
    ['productCodes', 'ProductCodes', []],
    ['launchPermission', 'LaunchPermissions', []],
    ['kernel', 'KernelId', {}],
    ['ramdisk', 'RamdiskId', {}],
    ['sriovNetSupport', 'SriovNetSupport', {}],
    ['bootMode', 'BootMode', {}],
    ['tpmSupport', 'TpmSupport', {}],
    ['uefiData', 'UefiData', {}],
    ['imdsSupport', 'ImdsSupport', {}],
  ])('%s can be read', async (attribute, member, expected) => {
    const answer = await read(attribute);
    expect(answer.ImageId).toBe(IMAGE);
    expect(answer[member] ?? {}).toEqual(expected);
  });

  it('protection is read as EC2 words it', async () => {
    await sim.ec2().send(new EnableImageDeregistrationProtectionCommand({ ImageId: IMAGE, WithCooldown: true }));
    expect((await read('deregistrationProtection')).DeregistrationProtection?.Value).toBe('enabled-with-cooldown');
  });

  it('block device mappings cannot be read this way', async () => {
    expect(await refusal(read('blockDeviceMapping'))).toMatchObject({ code: 'AuthFailure', status: 401 });
    expect(await refusal(read('nonsense' as ImageAttributeName))).toMatchObject({ code: 'InvalidParameterValue' });
  });
});

describe('permissions on snapshots', () => {
  const change = (input: Omit<ModifySnapshotAttributeCommandInput, 'SnapshotId'>, image = IMAGE): Promise<unknown> =>
    sim.ec2().send(new ModifySnapshotAttributeCommand({ SnapshotId: snapshotOf(image), ...input }));
  const users = async (): Promise<unknown> => {
    const { CreateVolumePermissions = [] } = await sim
      .ec2()
      .send(
        new DescribeSnapshotAttributeCommand({ SnapshotId: snapshotOf(IMAGE), Attribute: 'createVolumePermission' }),
      );
    return CreateVolumePermissions.map(({ UserId, Group }) => UserId ?? Group ?? '').sort();
  };

  it('are added and removed in both forms, and let the account see the snapshot', async () => {
    await change({ CreateVolumePermission: { Add: [{ UserId: OTHER }] } });
    await change({ Attribute: 'createVolumePermission', OperationType: 'add', UserIds: [THIRD], GroupNames: ['all'] });
    expect(await users()).toEqual([OTHER, THIRD, 'all']);
    await change({ CreateVolumePermission: { Remove: [{ Group: 'all' }] } });
    await change({ OperationType: 'remove', UserIds: [THIRD] });
    expect(await users()).toEqual([OTHER]);
    const list = (input: object, account: string): Promise<number | undefined> =>
      sim
        .ec2(account)
        .send(new DescribeSnapshotsCommand(input))
        .then(({ Snapshots }) => Snapshots?.length);
    expect(await list({}, OTHER)).toBe(1);
    expect(await list({ RestorableByUserIds: ['self'] }, OTHER)).toBe(1);
    expect(await list({}, THIRD)).toBe(0);
    expect(await list({ OwnerIds: ['self'] }, OTHER)).toBe(0);
    expect(await list({ SnapshotIds: [snapshotOf(IMAGE)] }, THIRD)).toBe(0);
  });

  it('are all gone after a reset', async () => {
    await change({ CreateVolumePermission: { Add: [{ UserId: OTHER }] } });
    await sim
      .ec2()
      .send(new ResetSnapshotAttributeCommand({ SnapshotId: snapshotOf(IMAGE), Attribute: 'createVolumePermission' }));
    expect(await users()).toEqual([]);
  });

  const many = Array.from({ length: 501 }, (_, n) => ({ UserId: String(500_000_000_000 + n) }));
  it.each<[string, string, Omit<ModifySnapshotAttributeCommandInput, 'SnapshotId'>, string, RegExp]>([
    [
      'both at once',
      IMAGE,
      { CreateVolumePermission: { Add: [{ UserId: OTHER }], Remove: [{ UserId: THIRD }] } },
      'InvalidParameterCombination',
      /not both/,
    ],
    [
      'both forms',
      IMAGE,
      { CreateVolumePermission: { Add: [{ UserId: OTHER }] }, OperationType: 'add', UserIds: [THIRD] },
      'InvalidParameterCombination',
      /OperationType/,
    ],
    ['too many', IMAGE, { CreateVolumePermission: { Add: many } }, 'InvalidParameterValue', /At most 500/],
    ['nobody', IMAGE, {}, 'MissingParameter', /OperationType/],
    ['a bad account', IMAGE, { CreateVolumePermission: { Add: [{ UserId: 'x' }] } }, 'InvalidParameterValue', /"x"/],
    [
      'one under the managed key',
      MANAGED,
      { CreateVolumePermission: { Add: [{ UserId: OTHER }] } },
      'OperationNotPermitted',
      /^Encrypted snapshots with EBS default key cannot be shared$/,
    ],
    [
      'an encrypted one with everybody',
      UNDER_KEY,
      { CreateVolumePermission: { Add: [{ Group: 'all' }] } },
      'UnsupportedOperation',
      /^Encrypted snapshots can’t be shared publicly\./,
    ],
  ])('are refused: %s', async (_case, image, input, code, message) => {
    expect(await refusal(change(input, image))).toEqual({ code, status: 400, message: expect.stringMatching(message) });
  });

  it('are the owner’s to give', async () => {
    const SnapshotId = snapshotOf(IMAGE);
    const call = (): Promise<unknown> =>
      sim.ec2(OTHER).send(new ModifySnapshotAttributeCommand({ SnapshotId, OperationType: 'add', UserIds: [THIRD] }));
    expect(await refusal(call())).toMatchObject({ code: 'InvalidSnapshot.NotFound' });
    await change({ CreateVolumePermission: { Add: [{ UserId: OTHER }] } });
    expect(await refusal(call())).toMatchObject({ code: 'AuthFailure', status: 401 });
  });
});
