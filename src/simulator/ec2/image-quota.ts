import type { Call } from './call.ts';
import { Refusal } from './refusal.ts';

/** @throws Refusal when an account has as many images in a region as it may, whatever state they are in */
export function checkImageQuota({ place, world }: Call): void {
  const { images: most } = world.seed.quotas;
  let count = place.bin.size;
  for (const { state } of place.images.values()) if (state !== 'deregistered') count++;
  if (count >= most)
    throw new Refusal(
      'ResourceLimitExceeded',
      `You have reached your quota of ${most} for the number of images allowed in this Region. Deregister unused images, or request an increase in your quota.`,
    );
}
