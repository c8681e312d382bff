import {
  DescribeLockedSnapshotsCommand,
  type DescribeLockedSnapshotsCommandOutput,
  type LockedSnapshotsInfo,
} from '@aws-sdk/client-ec2';
import type { SnapshotLock } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';

const PAGE = 1000;

/**
 * The snapshots of a target that are locked, to the last page. Locks that have expired are none.
 * @throws AwsError when any page fails
 */
export async function readLocks(ec2: ServiceApi, options: CallOptions): Promise<ReadonlyMap<string, SnapshotLock>> {
  const locks = new Map<string, SnapshotLock>();
  let token: string | undefined;
  do {
    const page: DescribeLockedSnapshotsCommandOutput = await ec2.send(
      new DescribeLockedSnapshotsCommand({ MaxResults: PAGE, ...(token !== undefined && { NextToken: token }) }),
      options,
    );
    for (const info of page.Snapshots ?? []) {
      const lock = lockFrom(info);
      if (info.SnapshotId !== undefined && lock) locks.set(info.SnapshotId, lock);
    }
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return locks;
}

/** A state that this program does not know counts as the strictest. */
function lockFrom({ LockState, LockExpiresOn }: LockedSnapshotsInfo): SnapshotLock | undefined {
  if (LockState === 'expired') return undefined;
  const mode = LockState === 'governance' || LockState === 'compliance-cooloff' ? LockState : 'compliance';
  return { mode, ...(LockExpiresOn && { until: LockExpiresOn.getTime() }) };
}
