import type { Image } from './model.ts';
import { inventoryOf, isAllowed, type Pass } from './pass.ts';
import { isUncontested, type Place } from './sharing-limits.ts';

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

function refusalOf(
  pass: Pass,
  image: Image,
  { target }: Place,
): { readonly code: string; readonly message: string } | 'asking' | undefined {
  const { account, region } = target;
  if (!isAllowed(pass, target, 'Public')) {
    return {
      code: 'PublicNotAllowed',
      message: `it is not made public: AwsAccount ${account} does not list Public in spec.allow. A cluster administrator adds it, or set sharing.public to false`,
    };
  }
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
  const inventory = inventoryOf(pass, target);
  const blocked = inventory?.publicBlocked;
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
  const already = [...(inventory?.images.values() ?? [])].filter((each) => each.public).length;
  const planned = pass.draft.actions.filter(
    ({ kind, target: at }) => kind === 'MakePublic' && at.account === account && at.region === region,
  ).length;
  if (already + planned < pass.limits.publicImages) return undefined;
  return {
    code: 'PublicQuota',
    message: `it is not made public: ${already + planned} images of ${account}/${region} are, as many as the quota allows. Ask AWS for more (L-0E3CBAB9) and start the controller with --public-images, or share fewer versions`,
  };
}
