import { type Target, targetKey } from './model.ts';
import type { Pass } from './pass.ts';
import type { Origin } from './temporary-grants.ts';
import { isUnderWay } from './there.ts';
import type { Copy, Version } from './versions.ts';

/** A copy that is under way, or not taken over yet, will be an origin by itself. */
export function reportNoOrigin(pass: Pass, version: Version, target: Target, subject: string): undefined {
  const part = 'replication';
  const copies = [...version.copies.values()].flat();
  const coming = copies.find(({ image }) => image.state === 'available') ?? copies.find(isUnderWay);
  if (coming) {
    const until = coming.image.state === 'available' ? 'is taken over by this policy' : 'is ready';
    const message = `the source image is not usable; it is copied from ${coming.image.id} in ${targetKey(coming.target)} once that ${until}`;
    pass.draft.wait({ part, subject, target, message });
    return;
  }
  pass.draft.block({
    part,
    code: 'NoOrigin',
    subject,
    target,
    message:
      'there is nothing to copy from: the source image is not usable and no copy of it is ready. Restore the source image, or exclude the version',
    effect: 'stalls',
  });
}

/**
 * The image to copy from: the source while it is usable, else a ready copy, first of the source account in the same
 * region, then of the source account, then of the target's own account.
 */
export function originOf(pass: Pass, version: Version, target: Target): Origin | undefined {
  const { source } = pass.owner;
  if (version.source.kind === 'usable') return { image: version.source.image, target: source, isSource: true };
  const ready = [...version.copies.values()]
    .flat()
    .filter(({ image, ownership }) => image.state === 'available' && ownership.kind === 'ours');
  const rank = (copy: Copy): number => {
    if (copy.target.account === source.account) return copy.target.region === target.region ? 0 : 1;
    return copy.target.account === target.account ? 2 : 3;
  };
  const best = ready.toSorted((left, right) => rank(left) - rank(right))[0];
  return best && { image: best.image, target: best.target, isSource: false };
}
