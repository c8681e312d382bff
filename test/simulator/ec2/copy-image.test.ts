import {
  CopyImageCommand,
  type CopyImageCommandInput,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  EnableImageDeprecationCommand,
  ModifyImageAttributeCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { SimImage } from '../../../src/simulator/ec2/world.ts';
import { IMAGE, OTHER, OWNER, refusal, useSimulated, worded } from './simulated.ts';

const PLAIN = 'ami-00000000000000001';
const UNDER_KEY = 'ami-00000000000000002';
const MANAGED = 'ami-00000000000000003';
const SOLD = 'ami-00000000000000004';
const SEED = `
seed: 7
copySeconds: [60, 60]
consistencySeconds: [0, 0]
accounts:
  "${OWNER}":
    us-east-1:
      keys: [{alias: alias/ami, grantsTo: ["${OTHER}"]}, {alias: alias/mine}]
      images:
        - {id: ${PLAIN}, name: plain, ageDays: 40, tags: {app: web, ec2:SharedTag/app: web}, volumesGiB: [8, 20], launchPermissions: {accounts: ["${OTHER}"]}}
        - {id: ${UNDER_KEY}, name: under-key, encrypted: true, kmsKeyId: alias/ami, launchPermissions: {accounts: ["${OTHER}"]}}
        - {id: ${MANAGED}, name: managed, encrypted: true}
        - {id: ${SOLD}, name: sold, productCodes: [code1], launchPermissions: {accounts: ["${OTHER}"]}}
        - {id: ami-00000000000000005, name: mine, encrypted: true, kmsKeyId: alias/mine, launchPermissions: {accounts: ["${OTHER}"]}}
        - {id: ami-00000000000000006, name: off, state: disabled}
        - {id: ami-00000000000000007, name: making, state: pending}
    eu-west-1:
      keys: [{alias: alias/eu}]
    eu-central-1:
      defaultEncryption: {enabled: true, kmsKeyId: alias/default}
      keys: [{alias: alias/default}]
    eu-north-1:
      defaultEncryption: {enabled: true}
  "${OTHER}":
    us-east-1: {}
    eu-west-1: {}
    disabledRegions: [ap-east-1]
`;
const sim = useSimulated(SEED);

type Input = Partial<CopyImageCommandInput>;
async function copy(input: Input = {}, region = 'eu-west-1', account = OWNER): Promise<string> {
  const { ImageId = '' } = await sim
    .ec2(account, region)
    .send(new CopyImageCommand({ SourceImageId: PLAIN, SourceRegion: 'us-east-1', Name: 'web-base-1', ...input }));
  return ImageId;
}
const imageOf = (id: string): SimImage | undefined => sim.world().images.find((image) => image.id === id);
const open = async (image: string): Promise<void> => {
  for (const { snapshotId } of imageOf(image)?.volumes ?? []) {
    await sim.ec2().send(
      new ModifySnapshotAttributeCommand({
        SnapshotId: snapshotId,
        CreateVolumePermission: { Add: [{ UserId: OTHER }] },
      }),
    );
  }
};

describe('a copy', () => {
  it('is pending, shows progress in its snapshots, and then is available with its layout', async () => {
    const ec2 = sim.ec2(OWNER, 'eu-west-1');
    const id = await copy();
    sim.advance(30);
    const during = await ec2.send(new DescribeImagesCommand({ ImageIds: [id] }));
    expect(during.Images?.[0]).toMatchObject({
      State: 'pending',
      SourceImageId: PLAIN,
      SourceImageRegion: 'us-east-1',
      BlockDeviceMappings: [],
    });
    const progress = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
    expect(progress.Snapshots?.map(({ State, Progress }) => `${State} ${Progress}`)).toEqual([
      'pending 50%',
      'pending 50%',
    ]);
    sim.advance(30);
    const after = await ec2.send(new DescribeImagesCommand({ ImageIds: [id] }));
    expect(after.Images?.[0]?.State).toBe('available');
    expect(after.Images?.[0]?.BlockDeviceMappings?.map(({ DeviceName }) => DeviceName)).toEqual([
      '/dev/xvda',
      '/dev/sdb',
    ]);
    const done = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
    expect(done.Snapshots?.map(({ State, Progress }) => `${State} ${Progress}`)).toEqual([
      'completed 100%',
      'completed 100%',
    ]);
    expect(done.Snapshots?.[0]?.Description).toMatch(
      new RegExp(
        `^Copied for DestinationAmi ${id} from SourceAmi ${PLAIN} for SourceSnapshot snap-[0-9a-f]{17}\\. Task created on [\\d,]+\\.$`,
      ),
    );
  });

  it('takes only what was asked for along', async () => {
    const id = await copy({
      Description: 'a copy',
      CopyImageTags: true,
      TagSpecifications: [
        { ResourceType: 'image', Tags: [{ Key: 'team', Value: 'platform' }] },
        { ResourceType: 'snapshot', Tags: [{ Key: 'of', Value: 'web' }] },
      ],
    });
    expect(imageOf(id)).toMatchObject({
      name: 'web-base-1',
      description: 'a copy',
      tags: { app: 'web', 'ec2:SharedTag/app': 'web', team: 'platform' },
      permissions: { accounts: [], public: false },
      protection: 'disabled',
    });
    const snapshots = sim.world().snapshots.filter(({ region }) => region === 'eu-west-1');
    expect(snapshots.map(({ tags }) => tags)).toEqual([{ of: 'web' }, { of: 'web' }]);
    expect(imageOf(await copy())).toMatchObject({ description: '', tags: {} });
  });

  it('may have the name of another', async () => {
    expect(await copy()).not.toBe(await copy());
  });

  it('takes the deprecation along when it is plain, and not when it is encrypted anew', async () => {
    const at = new Date(sim.now() + 86_400_000);
    await sim.ec2().send(new EnableImageDeprecationCommand({ ImageId: PLAIN, DeprecateAt: at }));
    expect(imageOf(await copy())?.deprecationTime).toBe(at.getTime());
    expect(imageOf(await copy({ Encrypted: true }))?.deprecationTime).toBeUndefined();
  });

  it('that is time-based ends within its time', async () => {
    await sim.control('POST', 'seed', SEED.replace('copySeconds: [60, 60]', 'copySeconds: [7200, 7200]'));
    const id = await copy({ SnapshotCopyCompletionDurationMinutes: 15 });
    sim.advance(15 * 60);
    expect(imageOf(id)?.state).toBe('available');
  });

  it('fails late when the source’s snapshots go meanwhile', async () => {
    const id = await copy();
    await sim.ec2().send(new DeregisterImageCommand({ ImageId: PLAIN, DeleteAssociatedSnapshots: true }));
    sim.advance(60);
    expect(imageOf(id)).toMatchObject({ state: 'failed', stateReason: 'Copy image failed with an internal error' });
  });

  it('is cancelled by deregistering it; its snapshots stay', async () => {
    const id = await copy();
    await sim.ec2(OWNER, 'eu-west-1').send(new DeregisterImageCommand({ ImageId: id }));
    sim.advance(60);
    expect(imageOf(id)?.state).toBe('deregistered');
    const left = sim.world().snapshots.filter(({ region }) => region === 'eu-west-1');
    expect(left.map(({ state }) => state)).toEqual(['completed', 'completed']);
  });
});

describe('a client token', () => {
  it('with the same parameters gives the same copy', async () => {
    expect(await copy({ ClientToken: 't' })).toBe(await copy({ ClientToken: 't' }));
    expect(sim.world().images.filter(({ region }) => region === 'eu-west-1')).toHaveLength(1);
  });

  it.each<[string, Input]>([
    ['another name', { Name: 'other' }],
    ['another description', { Description: 'x' }],
    ['other tags', { TagSpecifications: [{ ResourceType: 'image', Tags: [{ Key: 'a', Value: 'b' }] }] }],
    ['another source', { SourceImageId: MANAGED }],
  ])('with %s is refused', async (_case, other) => {
    await copy({ ClientToken: 't' });
    expect(await refusal(copy({ ClientToken: 't', ...other }))).toMatchObject({
      code: 'IdempotentParameterMismatch',
      status: 400,
    });
  });

  it('is another one in another region, and in another account', async () => {
    await open(PLAIN);
    const made = [
      await copy({ ClientToken: 't' }, 'eu-west-1'),
      await copy({ ClientToken: 't' }, 'eu-central-1'),
      await copy({ ClientToken: 't' }, 'eu-west-1', OTHER),
    ];
    expect(new Set(made).size).toBe(3);
  });

  it('stands for its id also when that copy has failed, or was deregistered', async () => {
    const bad: Input = { ClientToken: 'bad', Encrypted: true, KmsKeyId: 'alias/none' };
    const failed = await copy(bad);
    const dropped = await copy({ ClientToken: 't' });
    sim.advance(60);
    await sim.ec2(OWNER, 'eu-west-1').send(new DeregisterImageCommand({ ImageId: dropped }));
    expect(await copy(bad)).toBe(failed);
    expect(imageOf(failed)?.state).toBe('failed');
    expect(await copy({ ClientToken: 't' })).toBe(dropped);
  });
});

describe('encryption', () => {
  const keyOf = async (id: string): Promise<string> => {
    const image = imageOf(id);
    const arn = image?.volumes[0]?.kmsKeyId;
    if (arn === undefined) return image?.volumes[0]?.encrypted === true ? 'no key' : 'plain';
    const key = sim.world().keys.find((each) => each.arn === arn);
    return key ? `${key.account} ${key.region} ${key.alias}` : arn.replace(/^arn:aws:kms:/, '');
  };

  it.each<[string, Input, string, string]>([
    ['a plain one stays plain', {}, 'eu-west-1', 'plain'],
    ['encryption by default, with a key of the account', {}, 'eu-central-1', `${OWNER} eu-central-1 alias/default`],
    ['encryption by default, with the managed key', {}, 'eu-north-1', `eu-north-1:${OWNER}:key/aws-ebs`],
    ['Encrypted without a key', { Encrypted: true }, 'eu-west-1', `eu-west-1:${OWNER}:key/aws-ebs`],
    ['Encrypted with a key', { Encrypted: true, KmsKeyId: 'alias/eu' }, 'eu-west-1', `${OWNER} eu-west-1 alias/eu`],
    [
      'Encrypted with the ARN of an alias',
      { Encrypted: true, KmsKeyId: `arn:aws:kms:eu-west-1:${OWNER}:alias/eu` },
      'eu-west-1',
      `${OWNER} eu-west-1 alias/eu`,
    ],
    [
      'an encrypted one in its region keeps its key',
      { SourceImageId: UNDER_KEY },
      'us-east-1',
      `${OWNER} us-east-1 alias/ami`,
    ],
    [
      'an encrypted one elsewhere gets the managed key',
      { SourceImageId: UNDER_KEY },
      'eu-west-1',
      `eu-west-1:${OWNER}:key/aws-ebs`,
    ],
    [
      'an encrypted one where there is a default gets that',
      { SourceImageId: UNDER_KEY },
      'eu-central-1',
      `${OWNER} eu-central-1 alias/default`,
    ],
    [
      'an encrypted one with a key gets that',
      { SourceImageId: UNDER_KEY, Encrypted: true, KmsKeyId: 'alias/eu' },
      'eu-west-1',
      `${OWNER} eu-west-1 alias/eu`,
    ],
  ])('%s', async (_case, input, region, expected) => {
    const id = await copy(input, region);
    sim.advance(60);
    expect(imageOf(id)?.state).toBe('available');
    expect(await keyOf(id)).toBe(expected);
  });

  it.each<[string, Input, string]>([
    ['an unknown alias', { KmsKeyId: 'alias/none' }, 'eu-west-1'],
    ['an alias of another region', { KmsKeyId: `arn:aws:kms:us-east-1:${OWNER}:alias/ami` }, 'eu-west-1'],
    ['an unknown ARN', { KmsKeyId: `arn:aws:kms:eu-west-1:${OWNER}:key/none` }, 'eu-west-1'],
  ])('%s is accepted, and the copy fails later', async (_case, input, region) => {
    const id = await copy({ Encrypted: true, ...input }, region);
    expect(imageOf(id)?.state).toBe('pending');
    sim.advance(60);
    const ec2 = sim.ec2(OWNER, region);
    const { Images } = await ec2.send(new DescribeImagesCommand({ ImageIds: [id] }));
    expect(Images?.[0]).toMatchObject({
      State: 'failed',
      StateReason: { Message: 'Copy image failed with an internal error' },
    });
    const { Snapshots } = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
    expect(Snapshots?.[0]).toMatchObject({ State: 'error', StateMessage: 'Given key ID is not accessible' });
  });

  it('a key that another account granted can be used by its ARN, but not by its alias', async () => {
    await open(PLAIN);
    const arn = sim.world().keys.find(({ alias }) => alias === 'alias/ami')?.arn ?? '';
    const byArn = await copy({ Encrypted: true, KmsKeyId: arn }, 'us-east-1', OTHER);
    const byAlias = await copy({ Encrypted: true, KmsKeyId: 'alias/ami' }, 'us-east-1', OTHER);
    const notGranted = sim.world().keys.find(({ alias }) => alias === 'alias/mine')?.arn ?? '';
    const refused = await copy({ Encrypted: true, KmsKeyId: notGranted }, 'us-east-1', OTHER);
    sim.advance(60);
    expect([byArn, byAlias, refused].map((id) => imageOf(id)?.state)).toEqual(['available', 'failed', 'failed']);
  });

  it('what is shared and encrypted is read only with its key, and ends under the copier’s', async () => {
    await open(UNDER_KEY);
    await open('ami-00000000000000005');
    const granted = await copy({ SourceImageId: UNDER_KEY }, 'us-east-1', OTHER);
    const notGranted = await copy({ SourceImageId: 'ami-00000000000000005' }, 'us-east-1', OTHER);
    sim.advance(60);
    expect(imageOf(granted)?.state).toBe('available');
    expect(await keyOf(granted)).toBe(`us-east-1:${OTHER}:key/aws-ebs`);
    expect(imageOf(notGranted)?.state).toBe('failed');
  });
});

describe('copies between accounts', () => {
  it('need the launch permission and each snapshot, and bring only shared tags', async () => {
    expect(await refusal(copy({}, 'us-east-1', OTHER))).toEqual({
      code: 'InvalidRequest',
      status: 400,
      message: 'You do not have permission to access the storage of this ami',
    });
    expect(await refusal(copy({ SourceImageId: MANAGED }, 'us-east-1', OTHER))).toEqual({
      code: 'InvalidAMIID.NotFound',
      status: 400,
      message: `The image id '[${MANAGED}]' does not exist`,
    });
    await open(PLAIN);
    const id = await copy({ CopyImageTags: true }, 'eu-west-1', OTHER);
    expect(imageOf(id)).toMatchObject({ account: OTHER, tags: { 'ec2:SharedTag/app': 'web' } });
  });

  it('are refused again once the permission is gone', async () => {
    await open(PLAIN);
    await sim
      .ec2()
      .send(new ModifyImageAttributeCommand({ ImageId: PLAIN, LaunchPermission: { Remove: [{ UserId: OTHER }] } }));
    expect(await refusal(copy({}, 'us-east-1', OTHER))).toMatchObject({ code: 'InvalidAMIID.NotFound' });
  });

  it('of what a marketplace sells are refused', async () => {
    expect(await refusal(copy({ SourceImageId: SOLD }, 'us-east-1', OTHER))).toMatchObject({
      code: 'InvalidRequest',
      message: 'Images from AWS Marketplace cannot be copied to another AWS account',
    });
    await copy({ SourceImageId: SOLD });
  });
});

describe('requests that are refused', () => {
  const snapshot =
    /^Snapshot snap-[0-9a-f]{17} is encrypted\. Creating an unencrypted copy from an encrypted snapshot is not supported\.$/;
  it.each<[string, Input, string, string | RegExp]>([
    ['an unknown source', { SourceImageId: 'ami-0ffffffffffffffff' }, 'InvalidAMIID.NotFound', /does not exist/],
    ['a malformed source', { SourceImageId: 'plain' }, 'InvalidAMIID.Malformed', /expecting "ami-/],
    ['a source that is in another region', { SourceRegion: 'eu-north-1' }, 'InvalidAMIID.NotFound', /does not exist/],
    ['no such region', { SourceRegion: 'mars-1' }, 'InvalidParameterValue', /mars-1/],
    [
      'a source that is pending',
      { SourceImageId: 'ami-00000000000000007' },
      'InvalidRequest',
      'The storage for the ami is not available in the source region.',
    ],
    [
      'a source that is disabled',
      { SourceImageId: 'ami-00000000000000006' },
      'InvalidRequest',
      'The storage for the ami is not available in the source region.',
    ],
    ['Encrypted=false of an encrypted one', { SourceImageId: UNDER_KEY, Encrypted: false }, 'InvalidRequest', snapshot],
    ['a key without Encrypted', { KmsKeyId: 'alias/eu' }, 'InvalidParameterCombination', /Encrypted/],
    ['a name that is too short', { Name: 'ab' }, 'InvalidAMIName.Malformed', /between 3 and 128/],
    ['a name with a colon', { Name: 'web:1' }, 'InvalidAMIName.Malformed', /between 3 and 128/],
    ['a token that is too long', { ClientToken: 'x'.repeat(65) }, 'InvalidParameterValue', /ClientToken/],
    [
      'tags of something else',
      { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b' }] }] },
      'InvalidParameterValue',
      "'instance' is not a valid taggable resource type for this operation.",
    ],
    [
      'a reserved tag',
      { TagSpecifications: [{ ResourceType: 'image', Tags: [{ Key: 'aws:x', Value: 'b' }] }] },
      'InvalidParameterValue',
      "Tag keys starting with 'aws:' are reserved for internal use",
    ],
    [
      'more than 50 tags',
      {
        TagSpecifications: [
          { ResourceType: 'image', Tags: Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: '' })) },
        ],
      },
      'TagLimitExceeded',
      /50/,
    ],
    ['a time that is no step', { SnapshotCopyCompletionDurationMinutes: 20 }, 'InvalidParameterValue', /steps of 15/],
  ])('%s', async (_case, input, code, message) => {
    const before = sim.world();
    const refused = await refusal(copy(input));
    expect(refused).toMatchObject({
      code,
      status: 400,
      message: worded(message),
    });
    expect(sim.world()).toEqual(before);
  });

  it('a region that is not enabled, as a source or a destination', async () => {
    await open(PLAIN);
    const denied = { code: 'AuthFailure', status: 401 };
    expect(await refusal(copy({}, 'ap-east-1', OTHER))).toMatchObject(denied);
    expect(await refusal(copy({ SourceRegion: 'ap-east-1' }, 'us-east-1', OTHER))).toMatchObject(denied);
  });
});

describe('limits', () => {
  it('a hundred copies at once, then one a second', async () => {
    const ec2 = sim.ec2(OWNER, 'eu-west-1');
    const send = (): Promise<unknown> =>
      ec2.send(new CopyImageCommand({ SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'web' }));
    for (let count = 0; count < 100; count++) await send();
    expect(await refusal(send())).toEqual({
      code: 'RequestLimitExceeded',
      status: 503,
      message: expect.stringContaining('Request limit exceeded.'),
    });
    // The bucket of another region, and of another account, is another one.
    await copy({}, 'eu-central-1');
    sim.advance(2);
    await send();
    await send();
    expect(await refusal(send())).toMatchObject({ code: 'RequestLimitExceeded' });
  });

  it('300 copies at a time into a region', async () => {
    await sim.control('POST', 'seed', SEED.replace('copySeconds: [60, 60]', 'copySeconds: [3600, 3600]'));
    for (let count = 0; count < 300; count++) {
      await copy();
      sim.advance(1);
    }
    expect(await refusal(copy())).toMatchObject({ code: 'ResourceLimitExceeded', status: 400 });
    await copy({}, 'eu-central-1');
    sim.advance(3600 - 300);
    await copy();
  });
});
