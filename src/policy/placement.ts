import { identityTags, userTags } from './copy-tags.ts';
import { type Inventory, type Target, targetKey } from './model.ts';
import { inventoryOf, isReadOnly, label, type Pass } from './pass.ts';
import { OpenOrigins } from './pending-copies.ts';
import { precedingRival } from './rivals.ts';
import { disabledByUs } from './stages.ts';
import { sizeOf } from './standing.ts';
import { isoTime, MAX_TAGS } from './tags.ts';
import { type Origin, openFor, type Reach } from './temporary-grants.ts';
import { type Attempt, clientToken, FIRST_ATTEMPT, nextAttempt } from './token.ts';
import { type Copy, foreignKey, isSourceTarget, type Version } from './versions.ts';

/**
 * Plans the copies that are missing: every wanted version in every target of the spec. Within a family and target older
 * versions go first, because consumers that take the most recent image must get the newest version.
 */
export function placeCopies(pass: Pass): OpenOrigins {
  const open = new OpenOrigins();
  const { standings, set, limits, draft } = pass;
  if (standings.wanted.size > limits.wantedVersions) {
    draft.block({
      part: 'source',
      code: 'SelectorTooBroad',
      subject: 'source.images',
      message: `${standings.wanted.size} versions in ${new Set(set.versions.map((version) => version.family)).size} families are wanted, more than ${limits.wantedVersions}: nothing new is copied. Narrow source.images, or group by fewer tags (source.groupBy)`,
      effect: 'stalls',
    });
    return open;
  }
  const oldestFirst = set.versions.filter((version) => standings.wanted.has(version.id)).toReversed();
  for (const target of standings.targets) {
    const inventory = inventoryOf(pass, target);
    if (!inventory) continue;
    const slots = { free: limits.copiesInFlight - pendingIn(inventory) };
    const before = new Map<string, string>();
    for (const version of oldestFirst) {
      const copy = placeOne(pass, version, target, slots, open, before.get(version.family));
      if (copy !== undefined) before.set(version.family, copy);
    }
  }
  return open;
}

function pendingIn(inventory: Inventory): number {
  let pending = 0;
  for (const image of inventory.images.values()) if (image.state === 'pending') pending++;
  return pending;
}

/** @returns the id of the CopyImage action, when one is planned */
function placeOne(
  pass: Pass,
  version: Version,
  target: Target,
  slots: { free: number },
  open: OpenOrigins,
  olderCopy: string | undefined,
): string | undefined {
  const { draft, owner } = pass;
  if (isSourceTarget(target, owner.source) && version.source.kind === 'usable') return undefined;
  const subject = label(version.name, version.id);
  const key = targetKey(target);
  const copies = version.copies.get(key) ?? [];
  if (copies.some(isThere)) return reportThere(pass, version, target, copies);
  if (isContested(pass, version, target, subject)) return undefined;

  const origin = originOf(pass, version, target);
  if (!origin) return reportNoOrigin(pass, version, target, subject);
  const attempt = attemptFor(pass, version, target, copies, subject);
  if (!attempt) {
    open.add(origin, target.account, key, !isReadOnly(pass, target));
    return undefined;
  }
  const tags = { ...userTags(pass.spec, version), ...identityTags(owner, version, attempt, origin.image.id) };
  const tagCount = Object.keys(tags).length;
  if (tagCount > MAX_TAGS - RESERVED_TAGS) {
    draft.block({
      part: 'replication',
      code: 'TooManyTags',
      subject,
      target,
      message: `its copy would carry ${tagCount} tags; EC2 allows ${MAX_TAGS} and ${RESERVED_TAGS} are kept free for marks. Take tags out with tags.exclude`,
      effect: 'stalls',
    });
    return undefined;
  }
  // A grant for a copy that must not be started would stay open for as long as that is so.
  const lends = !isReadOnly(pass, target);
  open.add(origin, target.account, key, lends);
  if (slots.free <= 0) {
    draft.wait({
      part: 'replication',
      subject,
      target,
      message: `${pass.limits.copiesInFlight} copies are under way into this target, as many as EC2 allows; this one starts when one of them ends`,
    });
    return undefined;
  }
  const reach: Reach = lends ? openFor(pass, origin, target.account) : { kind: 'within', after: [] };
  if (reach.kind === 'notYet') {
    draft.wait({
      part: 'replication',
      subject,
      target,
      message: `waiting until account ${target.account} may read ${origin.image.id}`,
    });
    return undefined;
  }
  slots.free -= 1;
  return draft.act({
    id: `copy ${version.id} ${key}`,
    kind: 'CopyImage',
    target,
    subject,
    reason: reasonFor(version, origin, attempt, owner.source),
    call: {
      do: 'copy',
      sourceImage: version.id,
      origin: { imageId: origin.image.id, ...origin.target },
      name: version.name,
      description: version.description,
      tags,
      token: clientToken({
        policyUid: owner.uid,
        sourceImage: version.id,
        source: owner.source,
        target,
        key: '',
        attempt,
      }),
      attempt,
    },
    needs: reach.after,
    follows: olderCopy === undefined ? [] : [olderCopy],
    gibibytes: sizeOf(origin.image),
  });
}

/** Room for what this controller writes on a copy later: surplus-since, withdrawn-since, a temporary grant or two. */
const RESERVED_TAGS = 5;

/** Only a failed copy is made again. What EC2 calls `invalid` or `error` nobody knows the meaning of. */
const isThere = ({ image }: Copy): boolean => image.state !== 'failed';

const isUnderWay = ({ image }: Copy): boolean => image.state === 'pending' || image.state === 'transient';

function reportThere(pass: Pass, version: Version, target: Target, copies: readonly Copy[]): undefined {
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
    pass.draft.wait({ part: 'replication', subject, target, message: `${id} is being enabled again` });
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

/** A copy that is under way, or not taken over yet, will be an origin by itself. */
function reportNoOrigin(pass: Pass, version: Version, target: Target, subject: string): undefined {
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

/** Whether somebody else has, or has the better right to, this version here. Both names go into the message. */
function isContested(pass: Pass, version: Version, target: Target, subject: string): boolean {
  const { owner } = pass;
  const own = `${owner.namespace}/${owner.name}`;
  const foreign = pass.set.foreign.get(foreignKey(targetKey(target), version.id));
  const rival = foreign ? undefined : precedingRival(pass, version, target);
  if (!foreign && !rival) return false;
  const other = foreign
    ? `${foreign.imageId} of policy ${foreign.policy} (cluster ${foreign.cluster}) is already there`
    : `policy ${rival?.owner.namespace}/${rival?.owner.name}, which is older, wants it there too`;
  pass.draft.block({
    part: 'replication',
    code: 'OwnershipConflict',
    subject,
    target,
    message: `${other}; ${own} stands off. Take the target out of one of the two policies, or narrow its selector${foreign ? '; if that policy is no more, deregister that image' : ''}`,
    effect: 'stalls',
  });
  return true;
}

/**
 * The image to copy from: the source while it is usable, else a ready copy, first of the source account in the same
 * region, then of the source account, then of the target's own account.
 */
function originOf(pass: Pass, version: Version, target: Target): Origin | undefined {
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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long after its `count`-th lost copy a version is copied again: 1 minute, doubling to 6 hours. */
export const retryDelayMs = (count: number): number => Math.min(MINUTE_MS * 2 ** (count - 1), 6 * HOUR_MS);

/**
 * Which attempt a copy is. After a failure the next one waits; the wait is counted from the failed image's own date, so
 * that it survives a restart.
 */
function attemptFor(
  pass: Pass,
  version: Version,
  target: Target,
  copies: readonly Copy[],
  subject: string,
): Attempt | undefined {
  const lost = pass.lost.get(foreignKey(targetKey(target), version.id));
  const failed = copies
    .filter(({ image }) => image.state === 'failed')
    .toSorted((left, right) => right.attempt.count - left.attempt.count)[0];
  if (!failed) return lost ?? FIRST_ATTEMPT;
  const after = nextAttempt(failed.attempt, failed.image.id);
  const next = lost && lost.count > after.count ? lost : after;
  const due = failed.image.createdAt + retryDelayMs(next.count);
  const because = failed.image.stateReason ?? 'EC2 gave no reason';
  pass.draft.block({
    part: 'replication',
    code: 'CopyFailed',
    subject,
    target,
    message: `copy ${failed.image.id} failed: ${because}. ${next.count === 1 ? 'It is' : `It was the ${ordinal(next.count)} try; it is`} copied again after ${isoTime(due)}`,
    effect: 'retries',
  });
  if (pass.now < due) {
    pass.draft.wait({
      part: 'replication',
      subject,
      target,
      message: 'waiting to copy again after a failure',
      until: due,
    });
    return undefined;
  }
  return next;
}

const ordinal = (count: number): string => (count === 2 ? 'second' : count === 3 ? 'third' : `${count}th`);

function reasonFor(version: Version, origin: Origin, attempt: Attempt, source: Target): string {
  const from = origin.isSource
    ? ''
    : `, from copy ${origin.image.id} in ${targetKey(origin.target)} because the source is ${version.source.kind === 'gone' ? 'gone' : 'not usable'}`;
  const again = attempt.count === 0 ? '' : `; the copy before it was lost or failed (${attempt.count} so far)`;
  const crossing = origin.target.account === source.account && origin.isSource ? '' : from;
  return `wanted here and missing${crossing}${again}`;
}
