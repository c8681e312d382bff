import type { Target } from './model.ts';
import { label, type Pass } from './pass.ts';
import { disabledByUs } from './stages.ts';
import type { Copy, Version } from './versions.ts';

/** Only a failed copy is made again. What EC2 calls `invalid` or `error` nobody knows the meaning of. */
export const isThere = ({ image }: Copy): boolean => image.state !== 'failed';

export const isUnderWay = ({ image }: Copy): boolean => image.state === 'pending' || image.state === 'transient';

/** Says what is the matter with a version of which there is a copy that is not ready. */
export function reportThere(pass: Pass, version: Version, target: Target, copies: readonly Copy[]): undefined {
  const subject = label(version.name, version.id);
  if (copies.some(({ image }) => image.state === 'available')) return;
  const best = copies.find(isUnderWay) ?? copies.find(isThere);
  if (!best) return;
  const { id, state, untagged } = best.image;
  if (untagged) {
    pass.draft.block({
      part: 'replication',
      code: 'CopyUntagged',
      subject,
      target,
      message: `${id} was made for this and does not carry the tags that went with the request, so that nothing is done with it. See what takes tags off there, and deregister it so that it is copied again`,
      effect: 'stalls',
    });
    return;
  }
  if (isUnderWay(best)) {
    pass.draft.wait({ part: 'replication', subject, target, message: `${id} is being copied` });
    return;
  }
  if (disabledByUs(best.image)) {
    pass.draft.wait({ part: 'replication', subject, target, message: `${id} is being enabled again`, behind: true });
    return;
  }
  const disabled = state === 'disabled';
  pass.draft.block({
    part: 'replication',
    code: disabled ? 'CopyDisabled' : 'CopyBroken',
    subject,
    target,
    message: disabled
      ? `${id} is disabled, and not by this policy. Enable it, or deregister it so that it is copied again`
      : `EC2 says that ${id} is in state ${state}, which no image leaves. Deregister it so that it is copied again`,
    effect: 'stalls',
  });
}
