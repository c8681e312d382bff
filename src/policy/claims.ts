import { claimIn, claimOf } from './identity.ts';
import type { Image } from './model.ts';
import type { Objection } from './objection.ts';
import { label, type Pass } from './pass.ts';
import type { Part } from './plan.ts';
import { TAG } from './tags.ts';

/**
 * What must be done before this policy may change a source image. A source is claimed by a tag before its first change.
 * Two clusters that claim at once both write, and only the one whose claim is read back afterwards goes on (that is part
 * of the call).
 * @returns ids of actions that must have succeeded first; undefined when somebody else has claimed it, which was then
 *   written down
 */
export function claimFirst(pass: Pass, image: Image, part: Part): readonly string[] | undefined {
  const { draft, owner } = pass;
  const subject = label(image.name, image.id);
  const claim = claimIn(image.tags[TAG.claimedBy], owner);
  if (claim.kind === 'ours') return [];

  const abandoned = claim.kind === 'former' || (claim.kind === 'other' && isDeleted(pass, image));
  if (claim.kind === 'none' || abandoned) {
    const written = image.tags[TAG.claimedBy];
    const id = draft.act({
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
    return [id];
  }
  draft.block({
    part,
    code: 'SourceClaimed',
    subject,
    target: owner.source,
    message: `the source image is claimed by ${claim.policy} of cluster ${claim.cluster}; ${owner.namespace}/${owner.name} leaves it alone. Give the two policies different sources, or remove the tag ${TAG.claimedBy} from the image if that policy is no more`,
    effect: 'stalls',
  });
  return undefined;
}

/** Why an image that another policy has made its source stays; undefined when none has, or that policy is no more. */
export function sourceOfOther(pass: Pass, image: Image): Objection | undefined {
  const claim = claimIn(image.tags[TAG.claimedBy], pass.owner);
  if (claim.kind !== 'other' || isDeleted(pass, image)) return undefined;
  return {
    code: 'SourceOfOther',
    message: `kept: policy ${claim.policy} (cluster ${claim.cluster}) has claimed it as its source. Take it out of that policy, or remove the tag ${TAG.claimedBy} if that policy is no more`,
  };
}

/** Whether the claim names a policy of this very cluster that is not there any more. The caller of AWS looks once more. */
function isDeleted(pass: Pass, image: Image): boolean {
  const [, cluster, uid] = (image.tags[TAG.claimedBy] ?? '').split(' ');
  return pass.livePolicies !== undefined && cluster === pass.owner.cluster && !pass.livePolicies.has(uid ?? '');
}
