import { askedKey } from './encryption.ts';
import { foreignCopyOf } from './foreign-copies.ts';
import { type Lending, lendingOf } from './lending.ts';
import { type Target, targetKey } from './model.ts';
import { inventoryOf, isReadOnly, type Pass } from './pass.ts';
import type { OpenOrigins } from './pending-copies.ts';
import type { Blocked } from './plan.ts';
import { ownerOfSources } from './shared-sources.ts';
import type { Origin } from './temporary-grants.ts';
import { isUnderWay } from './there.ts';
import { type Copy, type Version } from './versions.ts';

const part = 'replication';

/**
 * The image that a copy into a target is made from, of those that the target's account can be let read: the source while
 * it is usable, else a ready copy, first of the source account in the same region, then of the source account, then of the
 * target's own account.
 * @returns undefined where there is none now: then it was said why, or what has to be asked first
 */
export function originOf(
  pass: Pass,
  version: Version,
  target: Target,
  open: OpenOrigins,
  subject: string,
): Origin | undefined {
  let refused: Lending | undefined;
  for (const origin of candidates(pass, version, target)) {
    const lending = lendingOf(pass, origin, target.account);
    if (lending.kind === 'possible') return origin;
    if (lending.kind === 'asking') {
      open.add(origin, target.account, targetKey(target), !isReadOnly(pass, target));
      return undefined;
    }
    refused ??= lending;
  }
  if (refused?.kind === 'marketplace') refuseMarketplace(pass, version, target, subject, refused.productCodes);
  else if (refused?.kind === 'managedKey') waitForOwnKey(pass, version, target, subject, refused.arn);
  else reportNone(pass, version, target, subject);
  return undefined;
}

function* candidates(pass: Pass, version: Version, target: Target): Generator<Origin> {
  const { source } = pass.owner;
  const foreign = foreignOrigin(pass, version);
  if (version.source.kind === 'usable' && !foreign)
    yield { image: version.source.image, target: source, isSource: true };
  const ready = [...version.copies.values()]
    .flat()
    .filter(({ image, ownership }) => image.state === 'available' && ownership.kind === 'ours');
  const rank = (copy: Copy): number => {
    if (copy.target.account === source.account) return copy.target.region === target.region ? 0 : 1;
    return copy.target.account === target.account ? 2 : 3;
  };
  for (const { image, target: at } of ready.toSorted((left, right) => rank(left) - rank(right)))
    yield { image, target: at, isSource: false };
  if (foreign && ready.length === 0 && isFirst(pass, version, target)) yield foreign;
}

/** A source that another account owns. It is copied once, and that copy is what the others are made from. */
function foreignOrigin(pass: Pass, version: Version): Origin | undefined {
  const account = ownerOfSources(pass.spec);
  if (account === undefined || version.source.kind !== 'usable') return undefined;
  const { region } = pass.owner.source;
  return { image: version.source.image, target: { account, region }, isSource: true, isForeign: true };
}

/** Whether a version is to be copied into a target first: nothing of it is in the source account, or coming there. */
function isFirst(pass: Pass, version: Version, target: Target): boolean {
  const { account } = pass.owner.source;
  const there = [...version.copies.values()].flat().filter((copy) => copy.target.account === account);
  if (there.some((copy) => copy.image.state === 'available' || isUnderWay(copy))) return false;
  const first = firstTarget(pass, version);
  return first !== undefined && targetKey(first) === targetKey(target);
}

/** Of the source account's targets its own region, or else the first, where a copy can be made now. */
function firstTarget(pass: Pass, version: Version): Target | undefined {
  const { source } = pass.owner;
  const own = pass.standings.targets.filter(({ account }) => account === source.account);
  const home = own.filter(({ region }) => region === source.region);
  return [...home, ...own].find(
    (each) =>
      inventoryOf(pass, each) !== undefined &&
      !isReadOnly(pass, each) &&
      askedKey(pass, each).kind !== 'refused' &&
      foreignCopyOf(pass, each, version.id) === undefined,
  );
}

/** Why a version is copied from one of its copies. */
export function whyNotTheSource(pass: Pass, { source }: Version): string {
  const owner = ownerOfSources(pass.spec);
  if (source.kind === 'gone') return 'the source image is gone';
  if (source.kind !== 'usable') return 'the source image is not usable';
  return owner === undefined
    ? 'the source image is under the key that AWS manages'
    : `the source image belongs to account ${owner}`;
}

/** A copy that is under way, or not taken over yet, will be an origin by itself. */
function reportNone(pass: Pass, version: Version, target: Target, subject: string): void {
  const copies = [...version.copies.values()].flat();
  const coming = copies.find(({ image }) => image.state === 'available') ?? copies.find(isUnderWay);
  if (coming) {
    const until = coming.image.state === 'available' ? 'is taken over by this policy' : 'is ready';
    const message = `${whyNotTheSource(pass, version)}; it is copied from ${coming.image.id} in ${targetKey(coming.target)} once that ${until}`;
    pass.draft.wait({ part, subject, target, message, behind: true });
    return;
  }
  if (version.source.kind === 'usable') {
    const first = firstTarget(pass, version);
    const where = first
      ? `in ${targetKey(first)}`
      : `in account ${pass.owner.source.account}, where none can be made now`;
    const message = `${whyNotTheSource(pass, version)}; it is copied from the copy ${where}`;
    pass.draft.wait({ part, subject, target, message, behind: true });
    return;
  }
  refuse(pass, target, subject, {
    code: 'NoOrigin',
    message:
      'there is nothing to copy from: the source image is not usable and no copy of it is ready. Restore the source image, or exclude the version',
  });
}

function refuseMarketplace(
  pass: Pass,
  version: Version,
  target: Target,
  subject: string,
  productCodes: readonly string[],
): void {
  const wayOut =
    ownerOfSources(pass.spec) === undefined
      ? `List account ${target.account} in sharing.accounts instead of accounts, so that it may launch the image, or build one there`
      : `Subscribe account ${target.account} to the product, build an image of your own there, and make that the source`;
  refuse(pass, target, subject, {
    code: 'MarketplaceImage',
    message: `${version.id} carries the AWS Marketplace product ${productCodes.join(', ')}, and EC2 copies such an image, and what was made from it, within its own account only. ${wayOut}`,
  });
}

/**
 * An image under the key that AWS manages goes to other accounts by way of a copy in the source account under a key of its
 * own. The policy asks for that copy by itself, where it names such a key.
 */
function waitForOwnKey(pass: Pass, version: Version, target: Target, subject: string, arn: string): void {
  const { source } = pass.owner;
  const why = `${version.id} is encrypted with ${arn}, the key that AWS manages, which account ${target.account} cannot use`;
  const way = pass.standings.targets.find((each) => each.account === source.account && hasOwnKey(pass, each));
  if (way) {
    const message = `${why}: it is copied from the copy in ${targetKey(way)} once that is ready, which is under a key of its own`;
    pass.draft.wait({ part, subject, target, message, behind: true });
    return;
  }
  refuse(pass, target, subject, {
    code: 'OriginKeyNotShareable',
    message: `${why}. Set kmsKeyId of ${source.region} in spec.regions to a key of your own that account ${target.account} may use: the version is copied there first, and from there on`,
  });
}

/** Whether copies in a target are made under a key that other accounts can be let use. */
function hasOwnKey(pass: Pass, target: Target): boolean {
  const asked = askedKey(pass, target);
  if (asked.kind === 'asking') return true;
  if (asked.kind !== 'key') return false;
  const answer = inventoryOf(pass, target)?.keys.get(asked.name);
  return !(answer?.ok && answer.value.kind === 'usable' && answer.value.managedByAws);
}

function refuse(pass: Pass, target: Target, subject: string, what: Pick<Blocked, 'code' | 'message'>): void {
  pass.draft.block({ part, subject, target, effect: 'stalls', ...what });
}
