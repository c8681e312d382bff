import { ListImagesInRecycleBinCommand, type ListImagesInRecycleBinCommandOutput } from '@aws-sdk/client-ec2';
import type { CallOptions, ServiceApi } from './aws-clients.ts';

/** The ids of the images in the Recycle Bin, to the last page. @throws AwsError */
export async function readBin(ec2: ServiceApi, options: CallOptions): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let token: string | undefined;
  do {
    const page: ListImagesInRecycleBinCommandOutput = await ec2.send(
      new ListImagesInRecycleBinCommand({ MaxResults: 1000, ...(token !== undefined && { NextToken: token }) }),
      options,
    );
    for (const { ImageId } of page.Images ?? []) if (ImageId !== undefined) ids.add(ImageId);
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return ids;
}
