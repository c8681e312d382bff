import type { Stray } from '../policy/orphans.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { describeImages, FILTER_VALUES, imagesById } from './listing.ts';
import { readBin } from './recycle-bin.ts';

/**
 * What is astray for certain. The listing of our tags says nothing of images without them, so EC2 is asked whether any
 * image of the account uses these snapshots, whether their images are there after all, and what is in the Recycle Bin.
 * @throws AwsError when any of that cannot be told: then nothing is known to be astray
 */
export async function confirmStrays(
  ec2: ServiceApi,
  strays: readonly Stray[],
  options: CallOptions,
): Promise<readonly Stray[]> {
  if (strays.length === 0) return strays;
  const snapshotIds = strays.flatMap(({ id, kind }) => (kind === 'snapshot' ? [id] : []));
  const imageIds = [...new Set(strays.flatMap(({ imageId }) => imageId ?? []))];
  const [used, there, bin] = await Promise.all([
    usedAmong(ec2, snapshotIds, options),
    imagesById(ec2, imageIds, options),
    readBin(ec2, options),
  ]);
  return strays.filter(
    ({ id, imageId }) => !used.has(id) && (imageId === undefined || !(there.has(imageId) || bin.has(imageId))),
  );
}

async function usedAmong(ec2: ServiceApi, ids: readonly string[], options: CallOptions): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for (let from = 0; from < ids.length; from += FILTER_VALUES) {
    const Values = ids.slice(from, from + FILTER_VALUES);
    const users = await describeImages(ec2, [{ Name: 'block-device-mapping.snapshot-id', Values }], options);
    for (const { state, volumes } of users.values())
      if (state !== 'deregistered') for (const { snapshotId } of volumes) if (snapshotId) used.add(snapshotId);
  }
  return used;
}
