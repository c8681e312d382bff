import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/ec2/faults.ts';
import { BUILDERS, PRODUCTION, policy, seedOf } from './documents.ts';
import { begin, blockedIn, copiesIn, namesIn, saying } from './scene.ts';
import { DAY, HOUR, MINUTE, type World } from './world.ts';

const refuse = (
  action: string,
  code: string,
  message: string,
  place: { account?: string; region?: string },
): Fault => ({
  action,
  nth: 1,
  times: 1e6,
  kind: `error-${code}`,
  message,
  ...place,
});
const callsOf = (world: World, action: string): number =>
  [...world.aws.calls(), ...world.aws.dryRuns().map((call) => ({ ...call, action: `DryRun:${call.action}` }))]
    .filter((call) => call.action === action)
    .reduce((sum, { count }) => sum + count, 0);
const HERE = { account: BUILDERS, region: 'eu-west-1' };
/** With a look at everything every five minutes, and one more for what was retried before. */
const AN_HOUR_OF_LOOKS = 13;

const TRIES: Readonly<Record<string, number>> = { RequestLimitExceeded: 4, AuthFailure: 2 };

/** How often an action is tried in an hour: none that is refused is a hot loop, each goes with a look, or more slowly. */
async function triesOf(world: World, action: string): Promise<number> {
  await world.rest(30 * MINUTE);
  world.aws.resetCalls();
  await world.rest(HOUR);
  return callsOf(world, action);
}

describe('a copy that EC2 refuses (ec2-facts 5)', () => {
  const ROWS: readonly (readonly [code: string, message: string, says: RegExp])[] = [
    [
      'InvalidRequest',
      'You do not have permission to access the storage of this ami',
      /InvalidRequest: .*storage of this ami\. This stays until/,
    ],
    [
      'InvalidRequest',
      'The storage for the ami is not available in the source region.',
      /InvalidRequest: .*not available in the source region\. This stays until/,
    ],
    [
      'InvalidRequest',
      'Images with EC2 BillingProduct codes cannot be copied to another AWS account',
      /InvalidRequest: .*BillingProduct codes.* This stays until/,
    ],
    [
      'InvalidAMIID.NotFound',
      "The image id '[ami-00000000000000003]' does not exist",
      /InvalidAMIIDNotFound: .*does not exist/,
    ],
    [
      'UnauthorizedOperation',
      'You are not authorized to perform: ec2:CopyImage. Encoded authorization failure message: c2VjcmV0',
      /PermissionMissing: .*AWS would refuse it; AccessReady says/,
    ],
    [
      'AuthFailure',
      'AWS was not able to validate the provided access credentials',
      /AuthFailure: .*Check that the region is enabled/,
    ],
    ['OptInRequired', 'You are not subscribed to this service.', /OptInRequired: .*that the region is enabled/],
    [
      'IdempotentParameterMismatch',
      'The client token is associated with other parameters',
      /CopyAlreadySent: .*waiting until it is visible/,
    ],
    [
      'ResourceLimitExceeded',
      'You have reached your quota of 50000 for the number of images allowed in this Region.',
      /ResourceLimitExceeded: .*quota of 50000.*ask AWS for a higher quota/,
    ],
    ['RequestLimitExceeded', 'Request limit exceeded.', /RequestLimitExceeded: .*tried again, more slowly/],
    [
      'TagLimitExceeded',
      'The maximum number of Tags for a resource has been reached.',
      /TagLimitExceeded: .*This stays until/,
    ],
    ['InvalidParameterValue', 'Value for parameter Name is invalid', /InvalidParameterValue: .*This stays until/],
    ['MissingParameter', 'The request must contain the parameter Name', /MissingParameter: .*please report it/],
    ['UnknownParameter', 'The parameter X is not recognized', /UnknownParameter: .*please report it/],
    ['InvalidParameterCombination', 'Not both', /InvalidParameterCombination: .*please report it/],
    ['UnsupportedOperation', 'It cannot be copied', /UnsupportedOperation: .*This stays until/],
    ['SomethingNew', 'Nobody has heard of this', /SomethingNew: .*This stays until/],
  ];

  it.each(ROWS)('%s, %s', async (code, message, says) => {
    const world = begin([policy()]);
    world.aws.setFaults([refuse('CopyImage', code, message, HERE)]);
    world.launch();
    await world.until('it is said', () => says.test(saying(world, 'web', 'Replicated')), 10 * MINUTE);
    expect(saying(world, 'web', 'Replicated')).toMatch(/111122223333\/eu-west-1: /);
    expect(JSON.stringify(world.policy('web'))).not.toContain('c2VjcmV0');
    await world.until('the others are ready', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-3');
    // What is throttled goes to EC2 up to four times in a try; what may be the clock's fault, twice.
    expect(await triesOf(world, 'CopyImage')).toBeLessThanOrEqual((TRIES[code] ?? 1) * AN_HOUR_OF_LOOKS);
    world.aws.setFaults([]);
    await world.untilReady('web', HOUR);
  });
});

describe('a permission that EC2 does not let be given (ec2-facts 6 and 7)', () => {
  const ROWS: readonly (readonly [code: string, message: string, says: RegExp])[] = [
    [
      'InvalidAMIID.Unavailable',
      "The AMI ID 'ami-1' is currently pending and may not be used for this operation",
      /InvalidAMIIDUnavailable: .*tried again later/,
    ],
    [
      'InvalidAMIAttributeItemValue',
      'Invalid attribute item value "444455556666" for userId item type.',
      /InvalidAMIAttributeItemValue: .*444455556666.* This stays until/,
    ],
    [
      'InvalidParameter',
      "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
      /InvalidParameter: .*Managed CMK.* This stays until/,
    ],
    [
      'OperationNotPermitted',
      "You can't publicly share this image because block public access for AMIs is enabled",
      /OperationNotPermitted: .*block public access.* This stays until/,
    ],
    [
      'ResourceLimitExceeded',
      'You have reached your quota of 1000 for sharing',
      /ResourceLimitExceeded: .*ask AWS for a higher quota/,
    ],
    [
      'UnsupportedOperation',
      'Encrypted snapshots can’t be shared publicly.',
      /UnsupportedOperation: .*This stays until/,
    ],
    ['AuthFailure', 'Not authorized for image:ami-1', /AuthFailure: .*Not authorized for image/],
    [
      'UnauthorizedOperation',
      'You are not authorized to perform this operation.',
      /UnauthorizedOperation: .*Check the role/,
    ],
    ['MissingParameter', 'The request must contain LaunchPermission', /MissingParameter: .*please report it/],
  ];

  it.each(ROWS)('%s, %s', async (code, message, says) => {
    const world = begin([policy()]);
    world.aws.setFaults([refuse('ModifyImageAttribute', code, message, HERE)]);
    world.launch();
    await world.until('it is said', () => says.test(saying(world, 'web', 'Shared')), 10 * MINUTE);
    expect(saying(world, 'web', 'Shared')).toMatch(/web-3 .* in 111122223333\/eu-west-1: /);
    await world.until('the others are ready', () => namesIn(world, PRODUCTION, 'eu-west-1').join() === 'web-3');
    expect(saying(world, 'web', 'Replicated')).toMatch(/^True /);
    expect(await triesOf(world, 'ModifyImageAttribute')).toBeLessThanOrEqual(AN_HOUR_OF_LOOKS);
    world.aws.setFaults([]);
    await world.untilReady('web', HOUR);
  });

  it.each([
    [
      'OperationNotPermitted',
      'Encrypted snapshots with EBS default key cannot be shared',
      /OperationNotPermitted: .*default key/,
    ],
    ['ResourceLimitExceeded', 'Too many', /ResourceLimitExceeded: .*higher quota/],
    ['UnauthorizedOperation', 'You are not authorized', /UnauthorizedOperation: .*Check the role/],
  ] as const)('of a snapshot: %s, %s', async (code, message, says) => {
    const world = begin([policy()]);
    world.aws.setFaults([refuse('ModifySnapshotAttribute', code, message, { account: BUILDERS })]);
    world.launch();
    await world.until('it is said', () => says.test(saying(world, 'web', 'Replicated')), 10 * MINUTE);
    await world.until('the own account is ready', () => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-3');
    // The newest version has two snapshots.
    expect(await triesOf(world, 'ModifySnapshotAttribute')).toBeLessThanOrEqual(2 * AN_HOUR_OF_LOOKS);
    world.aws.setFaults([]);
    await world.untilReady('web', HOUR);
  });

  it('that cannot be read is unknown: nothing that depends on it is done', async () => {
    const world = begin([policy()]);
    world.aws.setFaults([refuse('DescribeImageAttribute', 'AuthFailure', 'Not authorized for image:ami-1', HERE)]);
    world.launch();
    await world.until(
      'it is said',
      () => saying(world, 'web', 'Shared').startsWith('False PermissionsUnknown'),
      10 * MINUTE,
    );
    expect(await triesOf(world, 'DescribeImageAttribute')).toBeLessThanOrEqual(3 * AN_HOUR_OF_LOOKS);
    expect(copiesIn(world, BUILDERS, 'eu-west-1')[0]?.permissions.accounts).toEqual([]);
    world.aws.setFaults([]);
    await world.untilReady('web', HOUR);
  });
});

describe('what EC2 refuses on the way out (ec2-facts 8)', () => {
  /** Two versions are ready, one is surplus and two days old, and the call fails from here on. */
  async function surplus(fault: Fault, retention: object = { deleteAfterDays: 0 }): Promise<World> {
    const source = {
      account: BUILDERS,
      region: 'us-east-1',
      images: { tags: { release: 'stable' } },
      groupBy: ['app'],
    };
    const world = begin([policy({ source: { ...source, newest: 2 }, sharing: undefined, accounts: undefined })]);
    world.launch();
    await world.untilReady('web');
    await world.rest(2 * DAY);
    world.aws.setFaults([fault]);
    world.patch('web', { spec: { source: { newest: 1 }, retention: { keepNewest: 1, ...retention } } });
    return world;
  }
  const leaves = (world: World): boolean => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-3';

  it.each([
    ['DeregisterImage', 'AuthFailure', 'Not authorized for image:ami-1', /AuthFailure: .*Not authorized/],
    ['DeregisterImage', 'UnauthorizedOperation', 'You are not authorized', /PermissionMissing: .*AWS would refuse/],
    [
      'DeregisterImage',
      'OperationNotPermitted',
      'The image is protected from deregistration',
      /OperationNotPermitted: .*protected.* This stays until/,
    ],
    [
      'DeregisterImage',
      'InvalidParameterValue',
      'This image is managed by AWS Backup',
      /ManagedByOther .*AWS Backup manages .*recovery point/,
    ],
    ['DeregisterImage', 'IncorrectState', 'It is busy', /IncorrectState: .*tried again/],
    [
      'DeleteSnapshot',
      'InvalidParameterValue',
      'This snapshot is managed by the AWS Backup service',
      /ManagedByOther .*AWS Backup manages .*recovery point/,
    ],
    [
      'DeleteSnapshot',
      'OperationNotPermitted',
      'The snapshot is locked',
      /OperationNotPermitted: .*locked.* This stays until/,
    ],
    ['DeleteSnapshot', 'UnauthorizedOperation', 'You are not authorized', /PermissionMissing: .*AWS would refuse/],
    [
      'DeleteSnapshot',
      'InvalidSnapshot.InUse',
      'The snapshot snap-1 is currently in use by ami-00000000',
      /SnapshotInUse/,
    ],
  ] as const)('%s: %s, %s', async (action, code, message, says) => {
    const world = await surplus(refuse(action, code, message, {}));
    const said = (): string => `${saying(world, 'web', 'RetentionApplied')} ${blockedIn(world, 'web').join()}`;
    await world.until('it is said', () => says.test(said()), DAY);
    expect(await triesOf(world, action)).toBeLessThanOrEqual(AN_HOUR_OF_LOOKS);
    expect(namesIn(world, BUILDERS, 'eu-west-1')).toContain('web-3');
    world.aws.setFaults([]);
    await world.until('it goes', () => leaves(world), DAY);
    await world.untilReady('web', HOUR);
  });

  it.each([
    ['EnableImageDeprecation', { deprecateAfterDays: 0 }, 'InvalidParameterValue', 'DeprecateAt is in the past'],
    ['DisableImage', { disableAfterDays: 0 }, 'OperationNotPermitted', 'It cannot be disabled'],
    ['CreateImageUsageReport', { deleteAfterDays: 0 }, 'ResourceLimitExceeded', 'Too many reports are pending'],
  ] as const)('%s', async (action, retention, code, message) => {
    const world = await surplus(refuse(action, code, message, {}), retention);
    await world.until('it is said', () => saying(world, 'web', 'RetentionApplied').startsWith(`False ${code}: `), DAY);
    expect(await triesOf(world, action)).toBeLessThanOrEqual(AN_HOUR_OF_LOOKS);
    world.aws.setFaults([]);
    await world.untilReady('web', DAY);
  });

  it.each([
    ['DescribeImageReferences', /UseUnknown/],
    ['DescribeImageUsageReports', /UseUnknown/],
    ['ListImagesInRecycleBin', /RecycleBinUnknown/],
  ] as const)('%s that is refused keeps the image or its snapshots', async (action, says) => {
    const world = await surplus(refuse(action, 'UnauthorizedOperation', 'You are not authorized', {}));
    await world.until('it is said', () => says.test(blockedIn(world, 'web').join()), DAY);
    expect(await triesOf(world, action)).toBeLessThanOrEqual(2 * AN_HOUR_OF_LOOKS);
    world.aws.setFaults([]);
    await world.until('it goes', () => leaves(world), 2 * DAY);
  });
});

describe('what an account refuses altogether (ec2-facts 9)', () => {
  const away = { account: BUILDERS };
  it.each([
    ['AssumeRole', 'AccessDenied', 'User is not authorized to perform: sts:AssumeRole', away, /AssumeRoleFailed: /],
    ['AssumeRole', 'RegionDisabledException', 'STS is not activated in this region', away, /RegionDisabledException: /],
    [
      'AssumeRole',
      'ValidationError',
      'It exceeds the 1 hour session limit',
      away,
      /AssumeRoleFailed: .*\(ValidationError\)/,
    ],
    [
      'DescribeImages',
      'AuthFailure',
      'AWS was not able to validate',
      { account: PRODUCTION },
      /AuthFailure: .*region is enabled/,
    ],
    [
      'DescribeImages',
      'OptInRequired',
      'You are not subscribed',
      { account: PRODUCTION },
      /OptInRequired: .*region is enabled/,
    ],
    [
      'DescribeImages',
      'UnauthorizedOperation',
      'You are not authorized',
      { account: PRODUCTION },
      /UnauthorizedOperation: .*Check the role/,
    ],
    [
      'DescribeImages',
      'PendingVerification',
      'Your account is being verified',
      { account: PRODUCTION },
      /PendingVerification: /,
    ],
    [
      'DescribeRegions',
      'UnauthorizedOperation',
      'You are not authorized',
      { account: PRODUCTION },
      /UnauthorizedOperation: .*Check the role/,
    ],
  ] as const)('%s: %s, %s', async (action, code, message, place, says) => {
    const world = begin([policy()]);
    world.aws.setFaults([refuse(action, code, message, place)]);
    world.launch();
    await world.until('it is said', () => says.test(saying(world, 'web', 'AccessReady')), 10 * MINUTE);
    expect(saying(world, 'web', 'AccessReady')).toContain(`${PRODUCTION}/eu-west-1: `);
    await world.until('the own account is ready', () => namesIn(world, BUILDERS, 'eu-west-1').join() === 'web-3');
    expect(copiesIn(world, PRODUCTION, 'eu-west-1')).toEqual([]);
    // The daily search for copies tries the regions of the account every ten minutes as well.
    expect(await triesOf(world, action)).toBeLessThanOrEqual(6 * AN_HOUR_OF_LOOKS);
    world.aws.setFaults([]);
    await world.untilReady('web', 2 * HOUR);
  });

  it.each(['GetAllowedImagesSettings', 'GetEbsEncryptionByDefault', 'DryRun:DescribeRegions'])(
    '%s that is refused only loses an early warning',
    async (action) => {
      const world = begin([policy()]);
      world.aws.setFaults([refuse(action, 'UnauthorizedOperation', 'You are not authorized', {})]);
      world.launch();
      await world.untilReady('web');
      expect(await triesOf(world, action)).toBeLessThanOrEqual(3 * AN_HOUR_OF_LOOKS);
    },
  );
});

it('a key that KMS does not answer for: nothing is copied there until it does', async () => {
  const given = seedOf() as { accounts: Record<string, object> };
  const world = begin([policy({ regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/ami' }], accounts: undefined })], {
    seed: {
      ...given,
      accounts: {
        ...given.accounts,
        [BUILDERS]: { ...given.accounts[BUILDERS], 'eu-west-1': { keys: [{ alias: 'alias/ami' }] } },
      },
    },
  });
  world.aws.setFaults([refuse('DescribeKey', 'KMSInvalidStateException', 'It is not ready', {})]);
  world.launch();
  await world.until(
    'it is said',
    () => /KeyUnknown: .*It is not ready/.test(saying(world, 'web', 'Replicated')),
    10 * MINUTE,
  );
  expect(await triesOf(world, 'DescribeKey')).toBeLessThanOrEqual(2 * AN_HOUR_OF_LOOKS);
  world.aws.setFaults([]);
  await world.untilReady('web', HOUR);
});
