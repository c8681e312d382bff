import {
  CopyImageCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2';
import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSeed } from '../../../src/simulator/ec2/seed.ts';
import { IMAGE, OTHER, OWNER, Simulated, WORLD } from './simulated.ts';

const aws = new Simulated();
const denied = (...list: readonly object[]): string => `${WORLD}denied: ${JSON.stringify(list)}\n`;
beforeEach(() => aws.start(WORLD));
afterEach(() => aws.stop());

const restart = async (seed: string): Promise<void> => {
  await aws.stop();
  await aws.start(seed);
};
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: unknown) => `${(error as Error).name} ${(error as Error).message}`,
  );
const copy = { SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'copy' };
const Tags = [{ Key: 'a', Value: 'b' }];

describe('IAM', () => {
  it('refuses what is denied in an account and region, dry or not, in the words of AWS', async () => {
    await restart(denied({ account: OWNER, action: 'ec2:DeregisterImage', region: 'us-east-1' }));
    for (const DryRun of [true, false]) {
      expect(await codeOf(aws.ec2().send(new DeregisterImageCommand({ ImageId: IMAGE, DryRun })))).toMatch(
        /^UnauthorizedOperation You are not authorized to perform this operation\. User: arn:\S+ is not authorized to perform: ec2:DeregisterImage on resource: \S+ because no identity-based policy allows the ec2:DeregisterImage action\. Encoded authorization failure message: \S{100,}$/,
      );
    }
    expect(await codeOf(aws.ec2(OWNER, 'eu-west-1').send(new DeregisterImageCommand({ ImageId: IMAGE })))).toMatch(
      /^InvalidAMIID\.NotFound/,
    );
    expect(aws.world().images.map(({ state }) => state)).toEqual(['available']);
  });

  it('asks for CreateTags as well where a request carries tags', async () => {
    await restart(denied({ account: OWNER, action: 'ec2:CreateTags', by: 'organization' }));
    const ec2 = aws.ec2(OWNER, 'eu-west-1');
    const TagSpecifications = [{ ResourceType: 'image' as const, Tags }];
    expect(await codeOf(ec2.send(new CopyImageCommand({ ...copy, TagSpecifications })))).toMatch(
      /ec2:CreateTags .* with an explicit deny in a service control policy/,
    );
    expect(await codeOf(ec2.send(new CopyImageCommand(copy)))).toBe('done');
  });

  it('refuses KMS in the words of KMS', async () => {
    await restart(denied({ account: OWNER, action: 'kms:DescribeKey' }));
    expect(await codeOf(aws.kms().send(new DescribeKeyCommand({ KeyId: 'alias/aws/ebs' })))).toMatch(
      /^AccessDeniedException User: \S+ is not authorized to perform: kms:DescribeKey/,
    );
  });

  it('a dry run of what is allowed changes nothing, and is counted apart', async () => {
    const changes: string[] = [];
    aws.simulator.onMutation(({ action }) => changes.push(action));
    expect(await codeOf(aws.ec2(OWNER, 'eu-west-1').send(new CopyImageCommand({ ...copy, DryRun: true })))).toMatch(
      /^DryRunOperation /,
    );
    expect(changes).toEqual([]);
    expect(aws.simulator.calls()).toEqual([]);
    expect(aws.simulator.dryRuns()).toMatchObject([{ action: 'CopyImage', region: 'eu-west-1', count: 1 }]);
  });

  it('a denial that is no such thing is a fault of the seed', () => {
    const seed = { accounts: { [OWNER]: {} }, denied: [{ account: OWNER, action: 'CopyImage' }] };
    expect(() => parseSeed(seed)).toThrow('denied.0.action: must be as IAM calls it, such as ec2:CopyImage');
  });
});

it('Allowed AMIs: what is not of a provider that is listed does not exist', async () => {
  const shared = WORLD.replace('ageDays: 40,', `ageDays: 40, launchPermissions: {accounts: ["${OTHER}"]},`);
  const allowing = (text: string): string =>
    shared.replace(`"${OTHER}": {us-east-1: {}`, `"${OTHER}": {us-east-1: {allowedImages: ${text}}`);
  const look = (): Promise<string> => codeOf(aws.ec2(OTHER).send(new DescribeImagesCommand({ ImageIds: [IMAGE] })));
  await restart(allowing('{state: enabled, providers: [amazon]}'));
  expect(await look()).toMatch(/^InvalidAMIID\.NotFound/);
  await restart(allowing('{state: audit-mode, providers: [amazon]}'));
  expect(await look()).toBe('done');
  await restart(allowing(`{state: enabled, providers: ["${OWNER}"]}`));
  expect(await look()).toBe('done');
});

it('a quota of images counts them whatever their state', async () => {
  await restart(`${WORLD}quotas: {images: 1}\n`);
  const eu = aws.ec2(OWNER, 'eu-west-1');
  expect(await codeOf(eu.send(new CopyImageCommand(copy)))).toBe('done');
  expect(await codeOf(eu.send(new CopyImageCommand({ ...copy, Name: 'other' })))).toMatch(
    /^ResourceLimitExceeded You have reached your quota of 1 for the number of images/,
  );
  const register = new RegisterImageCommand({
    Name: 'web-base-2',
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [
      {
        DeviceName: '/dev/xvda',
        Ebs: { SnapshotId: aws.world().images.find(({ id }) => id === IMAGE)?.volumes[0]?.snapshotId },
      },
    ],
  });
  expect(await codeOf(aws.ec2().send(register))).toMatch(/^ResourceLimitExceeded /);
});
