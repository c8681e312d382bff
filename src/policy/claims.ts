import { claimIn, claimOf } from './identity.ts';
import type { Image } from './model.ts';
import { label, type Pass } from './pass.ts';
import type { Part } from './plan.ts';
import { TAG } from './tags.ts';

/**
 * Whether this policy may change a source image now. A source is claimed by a tag before its first change, and the
 * claim counts only when a listing shows it: two clusters that claim at once both write, and only the one whose claim
 * is there afterwards goes on.
 * @returns false while it may not; then the claim was planned, or what stands in the way was written down
 */
export function mayChangeSource(pass: Pass, image: Image, part: Part): boolean {
  const { draft, owner } = pass;
  const subject = label(image.name, image.id);
  const claim = claimIn(image.tags[TAG.claimedBy], owner);
  if (claim.kind === 'ours') return true;

  const abandoned = claim.kind === 'former' || (claim.kind === 'other' && isDeleted(pass, image));
  if (claim.kind === 'none' || abandoned) {
    const written = image.tags[TAG.claimedBy];
    draft.act({
      id: `claim ${image.id}`,
      kind: 'ClaimSource',
      target: owner.source,
      subject,
      reason: abandoned
        ? `its claim is of a policy that no longer exists (${written})`
        : 'a source image is claimed before this policy first changes it',
      call: {
        do: 'claim',
        imageId: image.id,
        value: claimOf(owner),
        ...(written !== undefined && { instead: written }),
      },
    });
    draft.wait({
      part,
      subject,
      target: owner.source,
      message: 'waiting until the claim on the source image is visible',
    });
    return false;
  }
  draft.block({
    part,
    code: 'SourceClaimed',
    subject,
    target: owner.source,
    message: `the source image is claimed by ${claim.policy} of cluster ${claim.cluster}; ${owner.namespace}/${owner.name} leaves it alone. Give the two policies different sources, or remove the tag ${TAG.claimedBy} from the image if that policy is no more`,
    effect: 'stalls',
  });
  return false;
}

/** Whether the claim names a policy of this very cluster that is not there any more. The caller of AWS looks once more. */
function isDeleted(pass: Pass, image: Image): boolean {
  const [, cluster, uid] = (image.tags[TAG.claimedBy] ?? '').split(' ');
  return pass.livePolicies !== undefined && cluster === pass.owner.cluster && !pass.livePolicies.has(uid ?? '');
}
