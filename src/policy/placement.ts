import { adoptInstead, askForAdoptable } from './adoption.ts';
import { attemptFor } from './attempts.ts';
import { identityTags, sharedTags, userTags } from './copy-tags.ts';
import { askedKey, isUnderAskedKey, warnOfHiddenKey } from './encryption.ts';

import { foreignCopyOf } from './foreign-copies.ts';
import { type Target, targetKey } from './model.ts';

import { originOf, whyNotTheSource } from './origin.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { OpenOrigins } from './pending-copies.ts';
import { isAllowedThere, mayCopyInto } from './preflight.ts';
import { wasRefused } from './refused-copies.ts';
import { precedingRival } from './rivals.ts';
import { askWhetherItServes, staysShareable } from './shareable.ts';
import { sizeOf } from './standing.ts';
import { MAX_TAGS } from './tags.ts';
import { type Origin, openFor, type Reach } from './temporary-grants.ts';
import { isThere, reportThere } from './there.ts';
import { type Attempt, clientToken } from './token.ts';
import { type Copy, isSourceTarget, type Version } from './versions.ts';

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
    if (!inventoryOf(pass, target)) continue;
    warnOfHiddenKey(pass, target);
    askForAdoptable(
      pass,
      target,
      oldestFirst.filter((version) => isMissing(pass, version, target)),
    );
    const before = new Map<string, string>();
    const misplaced: Version[] = [];
    for (const version of oldestFirst) {
      const { asked } = draft;
      const copy = placeMissing(pass, version, target, open, before.get(version.family), misplaced);
      if (copy !== undefined) before.set(version.family, copy);
      else if (draft.asked > asked) before.set(version.family, NOT_KNOWN);
    }
    // What is there under another key serves until its replacement is ready; the newest version is the one most used.
    for (const version of misplaced.toReversed()) place(pass, version, target, open, undefined);
  }
  return open;
}

/** Stands for the copy of an older version of which nobody knows yet whether it can be begun; the newer ones wait. */
const NOT_KNOWN = 'not known';

/** Whether a version has nothing in a target yet. */
const isMissing = (pass: Pass, version: Version, target: Target): boolean =>
  !(isSourceTarget(target, pass.owner.source) && version.servesAtHome !== false) &&
  !version.copies.get(targetKey(target))?.some(isThere);

/** @returns the id of the action that makes the copy, or takes one over, when one is planned */
function placeMissing(
  pass: Pass,
  version: Version,
  target: Target,
  open: OpenOrigins,
  olderCopy: string | undefined,
  misplaced: Version[],
): string | undefined {
  if (isSourceTarget(target, pass.owner.source) && version.source.kind === 'usable') {
    if (version.servesAtHome === undefined) askWhetherItServes(pass, version.source.image, target);
    if (version.servesAtHome !== false) return undefined;
  }
  const there = (version.copies.get(targetKey(target)) ?? []).filter(isThere);
  if (there.length === 0) return place(pass, version, target, open, olderCopy);
  askedKey(pass, target);
  const right = there.filter(({ image }) => isUnderAskedKey(pass, image, target));
  if (right.length > 0) return reportThere(pass, version, target, right);
  misplaced.push(version);
  return undefined;
}

/** @returns the id of the action that makes the copy, or takes one over, when one is planned */
function place(
  pass: Pass,
  version: Version,
  target: Target,
  open: OpenOrigins,
  olderCopy: string | undefined,
): string | undefined {
  const { draft, owner } = pass;
  const subject = label(version.name, version.id);
  const key = targetKey(target);
  const copies = version.copies.get(key) ?? [];
  if (isContested(pass, version, target, subject)) return undefined;
  const follows = olderCopy === undefined ? [] : [olderCopy];
  const adoption = adoptInstead(pass, version, target, subject, follows);
  if (adoption.kind !== 'none') return adoption.kind === 'planned' ? adoption.id : undefined;

  const asked = askedKey(pass, target);
  if (asked.kind === 'refused') draft.block({ part: 'replication', subject, target, ...asked.blocked });
  const origin = originOf(pass, version, target, open, subject);
  if (!origin) return undefined;
  const attempt = attemptFor(pass, version, target, copies, subject);
  const encrypted = asked.kind === 'any' || asked.kind === 'key' ? asked : undefined;
  if (!isAllowedThere(pass, origin, target, subject)) return undefined;
  if (!attempt || !encrypted || !staysShareable(pass, version, origin, target, encrypted)) {
    // Only what waits for its next try keeps what was lent to it.
    open.add(origin, target.account, key, attempt === undefined && mayCopyInto(pass, target));
    return undefined;
  }
  const given = userTags(pass.spec, version);
  const tags = { ...given, ...identityTags(owner, version, attempt, origin.image.id) };
  const imageTags = sharedTags(pass.spec, given);
  const tagCount = Object.keys(tags).length + Object.keys(imageTags).length;
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
  const token = clientToken({
    policyUid: owner.uid,
    sourceImage: version.id,
    source: owner.source,
    target,
    key: encrypted.kind === 'key' ? (encrypted.arn ?? encrypted.name) : '',
    attempt,
  });
  const refused = wasRefused(pass, version, target, token);
  const lends = mayCopyInto(pass, target) && !refused;
  open.add(origin, target.account, key, lends);
  if (refused) return undefined;
  const reach: Reach = lends ? openFor(pass, origin, target.account) : { kind: 'within', after: [] };
  if (reach.kind === 'notYet') {
    draft.wait({
      part: 'replication',
      subject,
      target,
      message: `waiting until account ${target.account} may read ${origin.image.id}`,
      behind: true,
    });
    return undefined;
  }
  if (olderCopy === NOT_KNOWN) return NOT_KNOWN;
  return draft.act({
    id: `copy ${version.id} ${key}`,
    kind: 'CopyImage',
    target,
    subject,
    reason: reasonFor(pass, version, origin, attempt, copies.find(isThere)),
    call: {
      do: 'copy',
      sourceImage: version.id,
      origin: { imageId: origin.image.id, ...origin.target },
      name: version.name,
      description: version.description,
      tags,
      imageTags,
      token,
      ...(encrypted.kind === 'key' && { kmsKeyId: encrypted.arn ?? encrypted.name }),
      attempt,
      ...(origin.isForeign && { foreignOwner: origin.target.account }),
    },
    needs: reach.after,
    follows,
    gibibytes: sizeOf(origin.image),
  });
}

/** Room for what this controller writes on a copy later: surplus-since, withdrawn-since, a temporary grant or two. */
const RESERVED_TAGS = 5;

/** Whether somebody else has, or has the better right to, this version here. Both names go into the message. */
function isContested(pass: Pass, version: Version, target: Target, subject: string): boolean {
  const { owner } = pass;
  const own = `${owner.namespace}/${owner.name}`;
  const foreign = foreignCopyOf(pass, target, version.id);
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

function reasonFor(pass: Pass, version: Version, origin: Origin, attempt: Attempt, replaced: Copy | undefined): string {
  const from = origin.isSource
    ? ''
    : `, from copy ${origin.image.id} in ${targetKey(origin.target)} because ${whyNotTheSource(pass, version)}`;
  const again = attempt.count === 0 ? '' : `; the copy before it was lost or failed (${attempt.count} so far)`;
  const why = replaced
    ? `${replaced.image.id} is under another key than the policy asks for`
    : 'wanted here and missing';
  return `${why}${from}${again}`;
}
