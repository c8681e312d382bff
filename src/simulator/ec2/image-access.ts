import type { Call } from './call.ts';
import { imageNotFound, Refusal } from './refusal.ts';
import type { SimWorld } from './sim-world.ts';
import { FORGOTTEN_AFTER_MS, type Permissions, type Place, type SimImage } from './world.ts';

/** @throws Refusal InvalidAMIID.Malformed */
export function checkImageId(id: string): void {
  if (!/^ami-[0-9a-f]{8,17}$/.test(id))
    throw new Refusal('InvalidAMIID.Malformed', `Invalid id: "${id}" (expecting "ami-...")`);
}

/** Whether permissions let an account in: by name, through its organization or a unit, or with everybody. */
function letsIn(world: SimWorld, permissions: Permissions, account: string): boolean {
  return permissions.public || permissions.accounts.includes(account) || throughMembership(world, permissions, account);
}

export function throughMembership(world: SimWorld, permissions: Permissions, account: string): boolean {
  const memberOf = world.seed.accounts[account]?.memberOf ?? [];
  return memberOf.some(
    (arn) => permissions.organizations.includes(arn) || permissions.organizationalUnits.includes(arn),
  );
}

/** Whether an account may use an image. */
export const mayLaunch = (world: SimWorld, image: SimImage, account: string): boolean =>
  image.account === account || letsIn(world, image.permissions, account);

/** Whether a place that allows only some images of other accounts allows this one: what it does not allow is not there. */
export const isAllowed = ({ account, allowedImages: { state, providers } }: Place, image: SimImage): boolean =>
  state !== 'enabled' || image.account === account || providers.includes(image.account);

/** An image as the caller sees it now; undefined when it does not exist for it. */
export function visibleImage({ world, place }: Call, id: string): SimImage | undefined {
  const image = world.seenImage(id);
  if (!image || image.region !== place.region || !mayLaunch(world, image, place.account)) return undefined;
  if (!isAllowed(place, image)) return undefined;
  if (image.state === 'disabled' && image.account !== place.account) return undefined;
  return image;
}

/** Whether nothing is left of a deregistered image, not even that there was one: it takes time, and no instance of it. */
export function isForgotten(world: SimWorld, image: SimImage): boolean {
  if (image.deregisteredAt === undefined || world.now() - image.deregisteredAt <= FORGOTTEN_AFTER_MS) return false;
  return !world
    .places()
    .some(({ region, instances }) => region === image.region && instances.some(({ imageId }) => imageId === image.id));
}

/** @throws Refusal when the image is not there, is deregistered, or is not the caller's */
export function ownImage(call: Call, id: string): SimImage {
  checkImageId(id);
  const { world, place } = call;
  const own = place.images.get(id);
  if (own) {
    // A new image is not known everywhere at once, for writers either.
    if (!world.seenImage(id) || isForgotten(world, own)) throw imageNotFound([id]);
    if (own.state === 'deregistered')
      throw new Refusal('InvalidAMIID.Unavailable', `The image ID '${id}' is no longer available`);
    return own;
  }
  if (visibleImage(call, id)) throw new Refusal('AuthFailure', `Not authorized for image:${id}`, 401);
  throw imageNotFound([id]);
}

/** @throws Refusal as for `ownImage`, but by what readers see: a moment ago it may have been there still */
export function ownImageSeen(call: Call, id: string): SimImage {
  const { world, place } = call;
  const seen = world.seenImage(id);
  if (place.images.has(id) && seen && seen.state !== 'deregistered') return seen;
  return ownImage(call, id);
}

/** @throws Refusal when the image is not in one of the states that an operation works in */
export function requireState(image: SimImage, states: readonly SimImage['state'][]): void {
  if (states.includes(image.state)) return;
  throw new Refusal(
    'InvalidAMIID.Unavailable',
    `The AMI ID '${image.id}' is currently ${image.state} and may not be used for this operation`,
  );
}
