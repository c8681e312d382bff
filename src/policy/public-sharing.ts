import { type Image, type Target, targetKey } from './model.ts';
import { inventoryOf, isAllowed, type Pass } from './pass.ts';
import { isSharedPlace } from './shared-places.ts';
import { isUncontested, type Place } from './sharing-limits.ts';
import { readyImage } from './versions.ts';

/**
 * Lets everybody launch an image: a path of its own, on which every condition that EC2 sets is looked at first. What is
 * refused is a condition of the policy, and not tried in vain.
 */
export function makePublic(pass: Pass, image: Image, place: Place, needs: readonly string[]): void {
  const { target, subject } = place;
  const refusal = refusalOf(pass, image, place);
  if (refusal === 'asking' || !isUncontested(pass, image.id, 'add', 'everyone', place)) return;
  if (refusal) {
    pass.draft.block({ part: 'sharing', subject, target, effect: 'stalls', ...refusal });
    return;
  }
  pass.draft.act({
    id: `make-public ${image.id}`,
    kind: 'MakePublic',
    target,
    subject,
    reason: 'sharing.public is true: everybody must be able to launch it',
    call: { do: 'makePublic', imageId: image.id },
    needs,
  });
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Says what keeps images of a target from being made public before the first copy is made there; afterwards each says it. */
export function reportPublic(pass: Pass, target: Target): void {
  if (!pass.spec.sharing?.public || !isSharedPlace(pass, target) || !inventoryOf(pass, target)) return;
  const wanted = pass.set.versions.filter(({ id }) => pass.standings.wanted.has(id));
  if (wanted.some((version) => readyImage(version, target, pass.owner.source))) return;
  const refusal = refusalAt(pass, target) ?? noRoomFor(pass, target, wanted.length);
  if (refusal === undefined || refusal === 'asking') return;
  pass.draft.block({ part: 'sharing', subject: targetKey(target), target, effect: 'stalls', ...refusal });
}

/** The quota for all that is wanted there, so that it does not come to light with the last copy. */
function noRoomFor(pass: Pass, target: Target, missing: number): Refusal | undefined {
  const images = [...(inventoryOf(pass, target)?.images.values() ?? [])].filter((image) => image.public);
  const { publicImages } = pass.limits;
  if (images.length + missing <= publicImages) return undefined;
  return {
    code: 'PublicQuota',
    message: `${missing} more images are to be made public, ${images.length} are, and the quota allows ${publicImages}. Ask AWS for more (L-0E3CBAB9) and start the controller with --public-images, or share fewer versions`,
  };
}

function refusalOf(pass: Pass, image: Image, { target }: Place): Refusal | 'asking' | undefined {
  const { account, region } = target;
  const refusal = refusalAt(pass, target);
  if (refusal) return refusal;
  if (image.volumes.some(({ encrypted }) => encrypted)) {
    return {
      code: 'PublicEncrypted',
      message: 'it is not made public: its snapshots are encrypted, and what is encrypted cannot be public',
    };
  }
  if (image.productCodes !== undefined) {
    return {
      code: 'PublicProductCodes',
      message: `it is not made public: it has product codes of AWS Marketplace (${image.productCodes.join(', ')})`,
    };
  }
  const already = [...(inventoryOf(pass, target)?.images.values() ?? [])].filter((each) => each.public).length;
  const planned = pass.draft.actions.filter(
    ({ kind, target: at }) => kind === 'MakePublic' && at.account === account && at.region === region,
  ).length;
  if (already + planned < pass.limits.publicImages) return undefined;
  return {
    code: 'PublicQuota',
    message: `it is not made public: ${already + planned} images of ${account}/${region} are, as many as the quota allows. Ask AWS for more (L-0E3CBAB9) and start the controller with --public-images, or share fewer versions`,
  };
}

/** What keeps every image of a target from being made public. */
function refusalAt(pass: Pass, target: Target): Refusal | 'asking' | undefined {
  const { account, region } = target;
  if (!isAllowed(pass, target, 'Public')) {
    return {
      code: 'PublicNotAllowed',
      message: `it is not made public: AwsAccount ${account} does not list Public in spec.allow. A cluster administrator adds it, or set sharing.public to false`,
    };
  }
  const blocked = inventoryOf(pass, target)?.publicBlocked;
  if (!blocked) {
    pass.draft.need({ kind: 'publicBlocked', target });
    return 'asking';
  }
  if (!blocked.ok) {
    return {
      code: 'PublicBlockUnknown',
      message: `it is not made public: whether ${region} blocks public access for AMIs could not be read: ${blocked.why}`,
    };
  }
  if (blocked.value) {
    return {
      code: 'PublicBlocked',
      message: `it is not made public: block public access for AMIs is on in ${account}/${region}. Switch it off there: aws ec2 disable-image-block-public-access --region ${region}`,
    };
  }
  return undefined;
}
