import { CreateTagsCommand } from '@aws-sdk/client-ec2';
import { hasIdentity } from '../policy/identity.ts';
import type { Image, Tags } from '../policy/model.ts';
import { managerOf } from '../policy/other-managers.ts';
import type { CallOf } from '../policy/plan.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions } from './aws-clients.ts';
import { CalledOff } from './called-off.ts';
import type { OpenTarget } from './inventories.ts';
import { describeImages } from './listing.ts';
import { sdkTags } from './sdk-tags.ts';

/**
 * Writes the identity of a copy on an image that somebody else made, and on its snapshots, in one request. EC2 has no
 * conditional write, so the image is read once more right before.
 * @throws CalledOff when it is not what was planned with any more
 */
export async function adopt(
  { imageId, snapshots, sourceImage, tags, attempt }: CallOf<'adopt'>,
  { ec2, inventory }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const image = (await describeImages(ec2, [{ Name: 'image-id', Values: [imageId] }], options)).get(imageId);
  const objection = image ? objectionTo(image, sourceImage, tags) : 'is not shown any more';
  if (!image || objection !== undefined)
    throw new CalledOff('ImageChanged', `${imageId} ${objection}, and is not adopted; it is decided again`);
  await ec2.send(new CreateTagsCommand({ Resources: [imageId, ...snapshots], Tags: sdkTags(tags) }));
  // From here on it is a copy whose tags may not be shown yet.
  inventory.overlay.created({ ...image, tags: { ...image.tags, ...tags } }, attempt);
  inventory.overlay.tagged(snapshots, tags);
}

function objectionTo(image: Image, sourceImage: string, tags: Tags): string | undefined {
  if (image.state !== 'available') return `is ${image.state} by now`;
  if (image.madeFrom !== sourceImage) return `was not made from ${sourceImage}`;
  if (hasIdentity(image.tags) && image.tags[TAG.policyUid] !== tags[TAG.policyUid])
    return `was taken by ${image.tags[TAG.policy]} in the meantime`;
  if (image.tags[TAG.claimedBy] !== undefined) return 'was claimed as a source in the meantime';
  const manager = managerOf(image, tags);
  return manager === undefined ? undefined : `carries the mark of ${manager} by now`;
}
