import {
  CopyImageCommand,
  DescribeImageReferencesCommand,
  type DescribeImageReferencesCommandInput,
  DescribeInstancesCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  type DescribeLaunchTemplateVersionsCommandInput,
  DescribeRegionsCommand,
  type DescribeRegionsCommandInput,
  GetEbsDefaultKmsKeyIdCommand,
  GetEbsEncryptionByDefaultCommand,
  GetImageAncestryCommand,
} from '@aws-sdk/client-ec2';
import { AssumeRoleCommand, type AssumeRoleCommandInput, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { describe, expect, it } from 'vitest';
import { type Credentials, OTHER, OWNER, refusal, THIRD, useSimulated, worded } from './simulated.ts';

const OLD = 'ami-00000000000000001';
const NEW = 'ami-00000000000000002';
const ROLE = `arn:aws:iam::${OTHER}:role/team/amifleet`;
const SEED = `
seed: 7
consistencySeconds: [0, 0]
accounts:
  "${OWNER}":
    us-east-1:
      images:
        - {id: ${OLD}, name: old, launchPermissions: {accounts: ["${OTHER}"]}}
        - {id: ${NEW}, name: new}
      instances: [{image: old, tags: {role: web}}, {image: ${NEW}}]
      launchTemplates: [{name: web, image: old}, {name: web, image: new}, {name: batch, image: new}]
    eu-west-1:
      keys: [{alias: alias/ami}]
      defaultEncryption: {enabled: true, kmsKeyId: alias/ami}
    ap-southeast-4: {}
  "${OTHER}":
    us-east-1:
      instances: [{image: ${OLD}}]
    disabledRegions: [ap-east-1]
roles:
  - {arn: "${ROLE}", externalId: amifleet-prod, trusts: ["${OWNER}"]}
  - {arn: "arn:aws:iam::${THIRD}:role/open"}
  - {arn: "arn:aws:iam::${THIRD}:role/closed", trusts: []}
`;
const sim = useSimulated(SEED);

describe('regions', () => {
  const regions = async (input: DescribeRegionsCommandInput = {}, account = OTHER): Promise<Map<string, string>> => {
    const { Regions = [] } = await sim.ec2(account).send(new DescribeRegionsCommand(input));
    return new Map(Regions.map(({ RegionName = '', OptInStatus = '' }) => [RegionName, OptInStatus]));
  };

  it('are those that are enabled, unless all are asked for', async () => {
    const enabled = await regions();
    expect(enabled.get('us-east-1')).toBe('opt-in-not-required');
    expect(enabled.get('eu-south-1')).toBe('opted-in');
    // It is enabled because something of the world is there.
    expect(enabled.get('ap-southeast-4')).toBe('opted-in');
    expect(enabled.has('ap-east-1')).toBe(false);
    expect((await regions({ AllRegions: true })).get('ap-east-1')).toBe('not-opted-in');
    expect((await regions({}, OWNER)).get('ap-east-1')).toBe('opted-in');
  });

  it('are found by name and by filter', async () => {
    expect([...(await regions({ RegionNames: ['eu-west-1'] })).keys()]).toEqual(['eu-west-1']);
    const Filters = [{ Name: 'region-name', Values: ['us-*'] }];
    expect([...(await regions({ Filters })).keys()].every((name) => name.startsWith('us-'))).toBe(true);
    expect(await refusal(regions({ RegionNames: ['ap-east-1'] }))).toMatchObject({ code: 'InvalidParameterValue' });
    expect(await refusal(regions({ RegionNames: ['mars-1'] }))).toMatchObject({ code: 'InvalidParameterValue' });
  });

  it.each([
    ['not enabled', OTHER, 'ap-east-1'],
    ['opted in to by nobody', OWNER, 'eu-central-2'],
    ['not there', OWNER, 'mars-1'],
  ])('that are %s answer like bad credentials', async (_case, account, region) => {
    const call = sim.ec2(account, region).send(new DescribeRegionsCommand({}));
    expect(await refusal(call)).toEqual({
      code: 'AuthFailure',
      status: 401,
      message: 'AWS was not able to validate the provided access credentials',
    });
  });
});

describe('keys', () => {
  const assume = async (input: Partial<AssumeRoleCommandInput> = {}, as: string | Credentials = OWNER) => {
    const request = { RoleArn: ROLE, RoleSessionName: 'test', ExternalId: 'amifleet-prod', ...input };
    return await sim.sts(as).send(new AssumeRoleCommand(request));
  };
  const asCredentials = ({ Credentials }: Awaited<ReturnType<typeof assume>>): Credentials => ({
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  });
  const account = async (as: string | Credentials): Promise<string | undefined> =>
    (await sim.sts(as).send(new GetCallerIdentityCommand({}))).Account;

  it('say which account they act in; any other is of the first', async () => {
    expect(await account(THIRD)).toBe(THIRD);
    expect(await account({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' })).toBe(OWNER);
  });

  it('of a role act in its account', async () => {
    const answer = await assume();
    expect(answer.AssumedRoleUser?.Arn).toBe(`arn:aws:sts::${OTHER}:assumed-role/amifleet/test`);
    expect(answer.Credentials?.Expiration).toEqual(new Date('2026-11-21T09:00:00Z'));
    const identity = await sim.sts(asCredentials(answer)).send(new GetCallerIdentityCommand({}));
    expect(identity).toMatchObject({ Account: OTHER, Arn: `arn:aws:sts::${OTHER}:assumed-role/amifleet/test` });
    const { Reservations } = await sim.ec2(asCredentials(answer)).send(new DescribeInstancesCommand({}));
    expect(Reservations?.map(({ OwnerId }) => OwnerId)).toEqual([OTHER]);
  });

  it('of a role end with its session, and are nothing without their token', async () => {
    const credentials = asCredentials(await assume({ DurationSeconds: 900 }));
    const { sessionToken: _, ...bare } = credentials;
    expect(await refusal(account(bare))).toMatchObject({ code: 'InvalidClientTokenId', status: 403 });
    const look = (as: Credentials): Promise<unknown> => sim.ec2(as).send(new DescribeRegionsCommand({}));
    expect(await refusal(look(bare))).toMatchObject({ code: 'AuthFailure', status: 401 });
    sim.advance(900);
    expect(await refusal(account(credentials))).toMatchObject({ code: 'ExpiredToken', status: 403 });
    expect(await refusal(look(credentials))).toMatchObject({ code: 'RequestExpired', status: 400 });
  });

  it.each<[string, Partial<AssumeRoleCommandInput>, string, string, number, RegExp]>([
    [
      'another external id',
      { ExternalId: 'other' },
      OWNER,
      'AccessDenied',
      403,
      /not authorized to perform: sts:AssumeRole on resource: arn/,
    ],
    ['no external id', { ExternalId: undefined }, OWNER, 'AccessDenied', 403, /not authorized/],
    ['an account that is not trusted', {}, THIRD, 'AccessDenied', 403, /not authorized/],
    [
      'a role that trusts nobody',
      { RoleArn: `arn:aws:iam::${THIRD}:role/closed` },
      OWNER,
      'AccessDenied',
      403,
      /not authorized/,
    ],
    [
      'a role that is not there',
      { RoleArn: `arn:aws:iam::${OTHER}:role/none` },
      OWNER,
      'AccessDenied',
      403,
      /not authorized/,
    ],
    ['no ARN', { RoleArn: 'amifleet-role-in-the-account' }, OWNER, 'ValidationError', 400, /roleArn/],
    ['a bad session name', { RoleSessionName: 'a b' }, OWNER, 'ValidationError', 400, /roleSessionName/],
    ['a bad external id', { ExternalId: 'a b' }, OWNER, 'ValidationError', 400, /externalId/],
    ['too short a session', { DurationSeconds: 60 }, OWNER, 'ValidationError', 400, /durationSeconds/],
  ])('are not given for %s', async (_case, input, as, code, status, message) => {
    expect(await refusal(assume(input, as))).toEqual({ code, status, message: worded(message) });
  });

  it('of a role give those of another for an hour at most', async () => {
    const role = `arn:aws:iam::${THIRD}:role/open`;
    const chained = asCredentials(await assume());
    expect(await account(asCredentials(await assume({ RoleArn: role }, chained)))).toBe(THIRD);
    expect(await refusal(assume({ RoleArn: role, DurationSeconds: 7200 }, chained))).toMatchObject({
      code: 'ValidationError',
      message: worded(/role chaining/),
    });
    await assume({ RoleArn: role, DurationSeconds: 7200 });
  });

  it('are not given in a region that is not enabled', async () => {
    const call = sim.sts(OTHER, 'ap-east-1').send(new GetCallerIdentityCommand({}));
    expect(await refusal(call)).toMatchObject({ code: 'RegionDisabledException', status: 403 });
  });
});

describe('what uses an image', () => {
  const instances = async (input: object): Promise<unknown> => {
    const { Reservations = [] } = await sim.ec2().send(new DescribeInstancesCommand(input));
    return Reservations.flatMap(({ Instances = [] }) =>
      Instances.map(({ ImageId, State }) => `${ImageId} ${State?.Name}`),
    ).sort();
  };

  it('instances, by filter and by id', async () => {
    expect(await instances({})).toEqual([`${OLD} running`, `${NEW} running`]);
    expect(await instances({ Filters: [{ Name: 'image-id', Values: [OLD] }] })).toEqual([`${OLD} running`]);
    expect(await instances({ Filters: [{ Name: 'tag:role', Values: ['web'] }] })).toEqual([`${OLD} running`]);
    const id = sim.world().instances.find(({ imageId }) => imageId === NEW)?.id ?? '';
    expect(await instances({ InstanceIds: [id] })).toEqual([`${NEW} running`]);
    expect(await refusal(instances({ InstanceIds: [id], MaxResults: 5 }))).toMatchObject({
      code: 'InvalidParameterCombination',
    });
    expect(await refusal(instances({ InstanceIds: ['i-0ffffffffffffffff'] }))).toMatchObject({
      code: 'InvalidInstanceID.NotFound',
    });
    expect(await refusal(instances({ MaxResults: 3 }))).toMatchObject({
      message: 'Value ( 3 ) for parameter maxResults is invalid. Expecting a value greater than 5.',
    });
  });

  it('launch templates, whose versions are seeded one after the other', async () => {
    const { LaunchTemplates = [] } = await sim
      .ec2()
      .send(new DescribeLaunchTemplatesCommand({ LaunchTemplateNames: ['web'] }));
    expect(LaunchTemplates).toMatchObject([
      { LaunchTemplateName: 'web', DefaultVersionNumber: 1, LatestVersionNumber: 2 },
    ]);
    const versions = async (input: DescribeLaunchTemplateVersionsCommandInput): Promise<unknown> => {
      const answer = await sim.ec2().send(new DescribeLaunchTemplateVersionsCommand(input));
      return (answer.LaunchTemplateVersions ?? [])
        .map((each) => `${each.LaunchTemplateName} ${each.VersionNumber} ${each.LaunchTemplateData?.ImageId}`)
        .sort();
    };
    expect(await versions({ LaunchTemplateName: 'web' })).toEqual([`web 1 ${OLD}`, `web 2 ${NEW}`]);
    expect(await versions({ Versions: ['$Latest'] })).toEqual([`batch 1 ${NEW}`, `web 2 ${NEW}`]);
    expect(await versions({ Versions: ['$Default'], Filters: [{ Name: 'image-id', Values: [OLD] }] })).toEqual([
      `web 1 ${OLD}`,
    ]);
    expect(await versions({ LaunchTemplateName: 'web', MinVersion: '2' })).toEqual([`web 2 ${NEW}`]);
    expect(await refusal(versions({}))).toMatchObject({ code: 'MissingParameter' });
    expect(await refusal(versions({ LaunchTemplateName: 'none' }))).toMatchObject({
      code: 'InvalidLaunchTemplateName.NotFoundException',
    });
    expect(await refusal(versions({ Versions: ['$Latest'], MaxResults: 201 }))).toMatchObject({
      code: 'InvalidParameterValue',
    });
  });

  const references = async (input: DescribeImageReferencesCommandInput, account = OWNER): Promise<unknown> => {
    const { ImageReferences = [] } = await sim.ec2(account).send(new DescribeImageReferencesCommand(input));
    return ImageReferences.map(({ ResourceType, ImageId }) => `${ResourceType} ${ImageId}`).sort();
  };

  it('references, of the own account and region, by type and depth', async () => {
    const all = { IncludeAllResourceTypes: true };
    expect(await references({ ImageIds: [OLD], ...all })).toEqual([`ec2:Instance ${OLD}`, `ec2:LaunchTemplate ${OLD}`]);
    expect(await references({ ImageIds: [OLD], ...all }, OTHER)).toEqual([`ec2:Instance ${OLD}`]);
    expect(await references({ ImageIds: [OLD], ResourceTypes: [{ ResourceType: 'ssm:Parameter' }] })).toEqual([]);
    const newest = {
      ResourceType: 'ec2:LaunchTemplate',
      ResourceTypeOptions: [{ OptionName: 'version-depth', OptionValues: ['1'] }],
    } as const;
    const depth = {
      ResourceTypes: [
        {
          ...newest,
          ResourceTypeOptions: newest.ResourceTypeOptions.map((each) => ({
            ...each,
            OptionValues: [...each.OptionValues],
          })),
        },
      ],
    };
    expect(await references({ ImageIds: [OLD], ...depth })).toEqual([]);
    expect(await references({ ImageIds: [NEW], ...depth })).toHaveLength(2);
  });

  it('references to ten images at most, of some type, and to what there is', async () => {
    expect(await refusal(references({ ImageIds: [OLD] }))).toMatchObject({ code: 'MissingParameter' });
    const many = Array.from({ length: 11 }, () => OLD);
    expect(await refusal(references({ ImageIds: many, IncludeAllResourceTypes: true }))).toMatchObject({
      code: 'InvalidParameterValue',
    });
    expect(await refusal(references({ ImageIds: [NEW], IncludeAllResourceTypes: true }, OTHER))).toMatchObject({
      code: 'InvalidAMIID.NotFound',
    });
  });

  it('where an image came from', async () => {
    const { ImageId } = await sim
      .ec2(OWNER, 'eu-west-1')
      .send(new CopyImageCommand({ SourceImageId: OLD, SourceRegion: 'us-east-1', Name: 'copy' }));
    const answer = await sim.ec2(OWNER, 'eu-west-1').send(new GetImageAncestryCommand({ ImageId }));
    expect(answer.ImageAncestryEntries?.map((each) => each.ImageId)).toEqual([ImageId, OLD]);
  });
});

describe('encryption by default', () => {
  it.each([
    ['us-east-1', false, /^alias\/aws\/ebs$/],
    ['eu-west-1', true, new RegExp(`^arn:aws:kms:eu-west-1:${OWNER}:key/`)],
  ])('is said for each region: %s', async (region, enabled, key) => {
    const ec2 = sim.ec2(OWNER, region);
    expect((await ec2.send(new GetEbsEncryptionByDefaultCommand({}))).EbsEncryptionByDefault).toBe(enabled);
    expect((await ec2.send(new GetEbsDefaultKmsKeyIdCommand({}))).KmsKeyId).toMatch(key);
  });
});
