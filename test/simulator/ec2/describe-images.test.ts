import {
  CopyImageCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  type DescribeImagesCommandInput,
  type Filter,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { OTHER, OWNER, refusal, THIRD, useSimulated, worded } from './simulated.ts';

const ORGANIZATION = 'arn:aws:organizations::111122223333:organization/o-abc123';
const SEED = `
seed: 3
copySeconds: [60, 60]
consistencySeconds: [2, 2]
accounts:
  "${OWNER}":
    us-east-1:
      keys: [{alias: alias/ami}]
      images:
        - {id: ami-00000000000000001, name: web-1, ageDays: 40, description: first, tags: {app: web, stage: "a*b"}, volumesGiB: [8, 20]}
        - {id: ami-00000000000000002, name: web-2, ageDays: 1, architecture: arm64, tags: {app: web}, encrypted: true, kmsKeyId: alias/ami, lastLaunchedDays: 3}
        - {id: ami-00000000000000003, name: db-1, state: disabled}
        - {id: ami-00000000000000004, name: shared, tags: {secret: x, ec2:SharedTag/app: db}, launchPermissions: {accounts: ["${OTHER}"]}, lastLaunchedDays: 1}
        - {id: ami-00000000000000005, name: everyone, launchPermissions: {public: true}, productCodes: [code1]}
        - {id: ami-00000000000000006, name: family, launchPermissions: {organizations: ["${ORGANIZATION}"]}}
        - {id: ami-00000000000000007, name: broken, state: failed}
    eu-west-1: {}
  "${OTHER}": {}
  "${THIRD}": {memberOf: ["${ORGANIZATION}"]}
`;
const [FIRST, SECOND, DISABLED, SHARED, PUBLIC, FAMILY, FAILED] = [1, 2, 3, 4, 5, 6, 7].map(
  (n) => `ami-0000000000000000${n}`,
) as [string, string, string, string, string, string, string];

const sim = useSimulated(SEED);

async function ids(input: DescribeImagesCommandInput, account = OWNER): Promise<string[]> {
  const { Images = [] } = await sim.ec2(account).send(new DescribeImagesCommand(input));
  return Images.map(({ ImageId }) => ImageId ?? '').sort();
}

describe('who sees which image', () => {
  it.each([
    ['the owner all but disabled ones', OWNER, {}, [FIRST, SECOND, SHARED, PUBLIC, FAMILY, FAILED]],
    [
      'the owner with disabled ones',
      OWNER,
      { IncludeDisabled: true },
      [FIRST, SECOND, DISABLED, SHARED, PUBLIC, FAMILY, FAILED],
    ],
    ['the owner a disabled one by its id', OWNER, { ImageIds: [DISABLED] }, [DISABLED]],
    ['another account what is shared and public', OTHER, {}, [SHARED, PUBLIC]],
    ['a member what its organization is let in to', THIRD, {}, [PUBLIC, FAMILY]],
    ['nobody more by asking for disabled ones', OTHER, { IncludeDisabled: true }, [SHARED, PUBLIC]],
    ['by owner', OTHER, { Owners: [OWNER] }, [SHARED, PUBLIC]],
    ['self has none', OTHER, { Owners: ['self'] }, []],
    ['an alias owns nothing here', OTHER, { Owners: ['amazon'] }, []],
    ['explicitly executable', OTHER, { ExecutableUsers: ['self'] }, [SHARED]],
    ['explicitly executable through an organization', THIRD, { ExecutableUsers: ['self'] }, [FAMILY]],
    ['executable by an account that is named', OWNER, { ExecutableUsers: [OTHER] }, [SHARED]],
    ['executable by all', OWNER, { ExecutableUsers: ['all'] }, [PUBLIC]],
    ['ids narrowed by owner', OTHER, { ImageIds: [SHARED], Owners: ['self'] }, []],
  ] as const)('%s', async (_case, account, input, expected) => {
    expect(await ids({ ...(input as DescribeImagesCommandInput) }, account)).toEqual(expected);
  });

  it('tags and the last launch are for the owner, shared tags for all', async () => {
    const read = async (account: string): Promise<unknown> => {
      const { Images } = await sim.ec2(account).send(new DescribeImagesCommand({ ImageIds: [SHARED] }));
      const [{ Tags, LastLaunchedTime } = {}] = Images ?? [];
      return { tags: Tags?.map(({ Key }) => Key).sort(), launched: LastLaunchedTime };
    };
    expect(await read(OWNER)).toEqual({ tags: ['ec2:SharedTag/app', 'secret'], launched: '2026-11-20T08:00:00Z' });
    expect(await read(OTHER)).toEqual({ tags: ['ec2:SharedTag/app'], launched: undefined });
  });

  it('everything an image says', async () => {
    const { Images } = await sim.ec2().send(new DescribeImagesCommand({ ImageIds: [FIRST] }));
    expect(Images?.[0]).toMatchObject({
      ImageId: FIRST,
      ImageLocation: `${OWNER}/web-1`,
      State: 'available',
      OwnerId: OWNER,
      CreationDate: '2026-10-12T08:00:00.000Z',
      Public: false,
      Architecture: 'x86_64',
      Name: 'web-1',
      Description: 'first',
      RootDeviceType: 'ebs',
      DeregistrationProtection: 'disabled',
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 8, Encrypted: false } },
        { DeviceName: '/dev/sdb', Ebs: { VolumeSize: 20, Encrypted: false } },
      ],
    });
  });
});

describe('filters', () => {
  const filter = (Name: string, ...Values: string[]): Filter => ({ Name, Values });
  it.each<[string, Filter[], string[]]>([
    ['values are joined by OR', [filter('name', 'web-1', 'web-2')], [FIRST, SECOND]],
    ['filters are joined by AND', [filter('tag:app', 'web'), filter('architecture', 'arm64')], [SECOND]],
    ['a star stands for any characters', [filter('name', 'web*')], [FIRST, SECOND]],
    ['a question mark stands for one or none', [filter('name', 'web-1?', 'web-?')], [FIRST, SECOND]],
    ['a backslash takes the next as it is', [filter('tag:stage', String.raw`a\*b`)], [FIRST]],
    ['a dot is a dot', [filter('name', 'web.1')], []],
    ['names are case-sensitive', [filter('tag:App', 'web')], []],
    ['values are case-sensitive', [filter('name', 'WEB-1')], []],
    ['tag keys', [filter('tag-key', 'stage')], [FIRST]],
    ['ids that are not there are just not found', [filter('image-id', FIRST, 'ami-0ffffffffffffffff')], [FIRST]],
    ['days', [filter('creation-date', '2026-10-12T*')], [FIRST]],
    ['states', [filter('state', 'failed')], [FAILED]],
    ['reasons', [filter('state-reason-message', '*internal error*')], [FAILED]],
    ['encryption', [filter('block-device-mapping.encrypted', 'true')], [SECOND]],
    ['size of a volume', [filter('block-device-mapping.volume-size', '20')], [FIRST]],
    ['public', [filter('is-public', 'true')], [PUBLIC]],
    ['product codes', [filter('product-code', 'code1')], [PUBLIC]],
  ])('%s', async (_case, Filters, expected) => {
    expect(await ids({ Owners: ['self'], Filters })).toEqual(expected);
  });

  it('a tag that only its owner may see cannot be found by others', async () => {
    expect(await ids({ Filters: [filter('tag:secret', 'x')] }, OTHER)).toEqual([]);
    expect(await ids({ Filters: [filter('tag:ec2:SharedTag/app', 'db')] }, OTHER)).toEqual([SHARED]);
  });

  it('the block device that is backed by a snapshot', async () => {
    const snapshot = sim.world().images.find(({ id }) => id === SECOND)?.volumes[0]?.snapshotId ?? '';
    expect(await ids({ Filters: [filter('block-device-mapping.snapshot-id', snapshot)] })).toEqual([SECOND]);
  });
});

describe('requests that are refused', () => {
  it.each([
    [
      'an unknown filter',
      { Filters: [{ Name: 'x', Values: ['y'] }] },
      'InvalidParameterValue',
      "The filter 'x' is invalid",
    ],
    [
      'an unknown filter behind one that matches nothing',
      {
        Filters: [
          { Name: 'name', Values: ['none'] },
          { Name: 'deprecation-time', Values: ['y'] },
        ],
      },
      'InvalidParameterValue',
      "The filter 'deprecation-time' is invalid",
    ],
    [
      'more than 200 values',
      { Filters: [{ Name: 'name', Values: Array.from({ length: 201 }, (_, n) => `n${n}`) }] },
      'FilterLimitExceeded',
      'The maximum number of filter values specified on a single call is 200',
    ],
    ['a filter without a value', { Filters: [{ Name: 'name', Values: [] }] }, 'MissingParameter', /'name'/],
    [
      'an unknown id',
      { ImageIds: [FIRST, 'ami-0ffffffffffffffff'] },
      'InvalidAMIID.NotFound',
      "The image id '[ami-0ffffffffffffffff]' does not exist",
    ],
    [
      'two unknown ids',
      { ImageIds: ['ami-0ffffffffffffffff', 'ami-0eeeeeeeeeeeeeeee'] },
      'InvalidAMIID.NotFound',
      "The image ids '[ami-0ffffffffffffffff, ami-0eeeeeeeeeeeeeeee]' do not exist",
    ],
    ['a malformed id', { ImageIds: ['web-1'] }, 'InvalidAMIID.Malformed', 'Invalid id: "web-1" (expecting "ami-...")'],
    [
      'ids with pages',
      { ImageIds: [FIRST], MaxResults: 100 },
      'InvalidParameterCombination',
      'The parameter imageIds cannot be used with the parameter maxResults',
    ],
    [
      'too small a page',
      { MaxResults: 3 },
      'InvalidParameterValue',
      'Value ( 3 ) for parameter maxResults is invalid. Expecting a value greater than 5.',
    ],
    ['a wrong owner', { Owners: ['me'] }, 'InvalidUserID.Malformed', /"me"/],
    ['a wrong user', { ExecutableUsers: ['amazon'] }, 'InvalidUserID.Malformed', /"amazon"/],
    ['a token of nothing', { MaxResults: 5, NextToken: 'x' }, 'InvalidNextToken', /not valid/],
    ['a dry run', { DryRun: true }, 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.'],
  ] as const)('%s', async (_case, input, code, message) => {
    const refused = await refusal(ids({ ...(input as DescribeImagesCommandInput) }));
    expect(refused).toMatchObject({
      code,
      status: code === 'DryRunOperation' ? 412 : 400,
      message: worded(message),
    });
  });

  it('somebody else’s image does not exist', async () => {
    expect(await refusal(ids({ ImageIds: [FIRST] }, OTHER))).toMatchObject({ code: 'InvalidAMIID.NotFound' });
  });
});

describe('seen late', () => {
  const europe = (): ReturnType<typeof sim.ec2> => sim.ec2(OWNER, 'eu-west-1');
  const state = async (id: string): Promise<string | undefined> => {
    const { Images } = await europe().send(new DescribeImagesCommand({ ImageIds: [id] }));
    return Images?.[0]?.State;
  };
  const copy = async (): Promise<string> => {
    const { ImageId = '' } = await europe().send(
      new CopyImageCommand({ SourceImageId: FIRST, SourceRegion: 'us-east-1', Name: 'web-1' }),
    );
    return ImageId;
  };

  it('a new image is not there at first, neither by id nor in a list', async () => {
    const id = await copy();
    expect(await refusal(state(id))).toMatchObject({ code: 'InvalidAMIID.NotFound' });
    expect((await europe().send(new DescribeImagesCommand({ Owners: ['self'] }))).Images).toEqual([]);
    sim.advance(2);
    expect(await state(id)).toBe('pending');
  });

  it('a deregistered one is first as before, then deregistered, then left out, and in the end not known', async () => {
    const id = await copy();
    sim.advance(60);
    expect(await state(id)).toBe('available');
    await europe().send(new DeregisterImageCommand({ ImageId: id }));
    expect(await state(id)).toBe('available');
    sim.advance(2);
    expect(await state(id)).toBe('deregistered');
    sim.advance(20);
    expect(await state(id)).toBeUndefined();
    sim.advance(3600);
    expect(await refusal(state(id))).toMatchObject({ code: 'InvalidAMIID.NotFound' });
  });
});

describe('deprecated images of others', () => {
  it('are hidden from lists, but not from their owner nor by id', async () => {
    // A public image is deprecated by itself two years after its creation.
    await sim.control('POST', 'seed', SEED.replace('name: everyone,', 'name: everyone, ageDays: 731.1,'));
    const { Images } = await sim.ec2(OTHER).send(new DescribeImagesCommand({ ImageIds: [PUBLIC] }));
    expect(Images).toHaveLength(1);
    expect(await ids({}, OTHER)).toEqual([SHARED]);
    expect(await ids({ IncludeDeprecated: true }, OTHER)).toEqual([SHARED, PUBLIC]);
    expect(await ids({ Filters: [{ Name: 'is-public', Values: ['true'] }] })).toEqual([PUBLIC]);
  });
});
