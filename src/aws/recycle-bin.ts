import {
  ListImagesInRecycleBinCommand,
  type ListImagesInRecycleBinCommandOutput,
  ListSnapshotsInRecycleBinCommand,
} from '@aws-sdk/client-ec2';
import type { Binned } from '../policy/model.ts';
import { isoTime } from '../policy/tags.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';

const PAGE = 1000;

/**
 * The images of a target that are in the Recycle Bin, to the last page.
 * @throws AwsError when any page fails
 */
export async function readBin(ec2: ServiceApi, options: CallOptions): Promise<ReadonlyMap<string, Binned>> {
  const binned = new Map<string, Binned>();
  let token: string | undefined;
  do {
    const page: ListImagesInRecycleBinCommandOutput = await ec2.send(
      new ListImagesInRecycleBinCommand({ MaxResults: PAGE, ...(token !== undefined && { NextToken: token }) }),
      options,
    );
    for (const { ImageId, RecycleBinExitTime } of page.Images ?? []) {
      if (ImageId === undefined) continue;
      binned.set(ImageId, RecycleBinExitTime ? { exitsAt: RecycleBinExitTime.getTime() } : {});
    }
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return binned;
}

/**
 * Until when, and how, what was deleted a moment ago can be restored, in words; undefined where the Recycle Bin does not
 * show it (yet), or cannot be looked into. Nothing depends on it: an answer that is missing is only not said.
 */
export async function undoOf(ec2: ServiceApi, id: string, options: CallOptions): Promise<string | undefined> {
  const isImage = id.startsWith('ami-');
  try {
    const entries = isImage
      ? (await ec2.send(new ListImagesInRecycleBinCommand({ ImageIds: [id] }), options)).Images
      : (await ec2.send(new ListSnapshotsInRecycleBinCommand({ SnapshotIds: [id] }), options)).Snapshots;
    const [entry] = entries ?? [];
    if (!entry) return undefined;
    const until = entry.RecycleBinExitTime ? ` until ${isoTime(entry.RecycleBinExitTime.getTime())}` : '';
    const kind = isImage ? 'image' : 'snapshot';
    return `${id} is in the Recycle Bin${until}: aws ec2 restore-${kind}-from-recycle-bin --${kind}-id ${id} --region ${ec2.target.region}`;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return undefined;
  }
}
