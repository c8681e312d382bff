import { DescribeImageAttributeCommand, DescribeSnapshotAttributeCommand } from '@aws-sdk/client-ec2';
import type { LaunchGrants } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { grantsFrom } from './from-sdk.ts';

/** Who may launch an image. @throws AwsError */
export async function readLaunchGrants(ec2: ServiceApi, imageId: string, options: CallOptions): Promise<LaunchGrants> {
  const answer = await ec2.send(
    new DescribeImageAttributeCommand({ ImageId: imageId, Attribute: 'launchPermission' }),
    options,
  );
  return grantsFrom(answer.LaunchPermissions);
}

/** The accounts that may create volumes from a snapshot, sorted. @throws AwsError */
export async function readVolumeGrants(
  ec2: ServiceApi,
  snapshotId: string,
  options: CallOptions,
): Promise<readonly string[]> {
  const answer = await ec2.send(
    new DescribeSnapshotAttributeCommand({ SnapshotId: snapshotId, Attribute: 'createVolumePermission' }),
    options,
  );
  return (answer.CreateVolumePermissions ?? []).flatMap(({ UserId }) => (UserId === undefined ? [] : [UserId])).sort();
}
