import { identityTags, userTags } from './copy-tags.ts';
import { isUnder, keyIn } from './encryption.ts';
import { hasIdentity } from './identity.ts';
import { isNothing } from './launch-grants.ts';
import { managedKeyOf } from './managed-key.ts';
import { type Image, type Target, targetKey } from './model.ts';
import { managerOf } from './other-managers.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { managedBy } from './protection.ts';
import { isSharedPlace, wantedGrants } from './shared-places.ts';
import { MAX_TAGS, TAG } from './tags.ts';
import { FIRST_ATTEMPT } from './token.ts';
import { foreignKey, type Version } from './versions.ts';

/** What comes of looking for a copy that somebody else made. */
export type Adoption =
  /** There is none to take over: a copy is made. */
  | { readonly kind: 'none' }
  /** Something has to be asked first, or could not be found out, which was then said. */
  | { readonly kind: 'notYet' }
  | { readonly kind: 'planned'; readonly id: string };

const NONE: Adoption = { kind: 'none' };
const NOT_YET: Adoption = { kind: 'notYet' };

/** Asks, in one question for each target, for what others made of the source images that have no copy there. */
export function askForAdoptable(pass: Pass, target: Target, missing: readonly Version[]): void {
  if (pass.spec.adoption !== 'Matching') return;
  const known = inventoryOf(pass, target)?.madeFrom;
  const unknown = missing.filter(({ id }) => !known?.has(id)).map(({ id }) => id);
  if (unknown.length > 0) pass.draft.need({ kind: 'madeFrom', target, sourceIds: unknown.toSorted() });
}

/**
 * Takes over a copy of the source image that somebody else made in a target, where the policy says so and one serves: it
 * is ready, under the key that is asked for, and nobody manages it. EC2's record of what an image was made from is what
 * counts (ec2-facts 1.1): nobody can edit it, as anybody can a name or a tag. Of several the oldest is taken.
 */
export function adoptInstead(
  pass: Pass,
  version: Version,
  target: Target,
  subject: string,
  follows: readonly string[],
): Adoption {
  if (pass.spec.adoption !== 'Matching') return NONE;
  const answer = inventoryOf(pass, target)?.madeFrom.get(version.id);
  if (!answer) return NOT_YET;
  if (!answer.ok) {
    pass.draft.block({
      part: 'replication',
      code: 'AdoptionUnknown',
      subject,
      target,
      message: `whether somebody has already copied it there could not be read: ${answer.why}. Nothing is copied until it can, or until spec.adoption is None`,
      effect: 'retries',
    });
    return NOT_YET;
  }
  for (const image of answer.value.toSorted(oldestFirst)) {
    const verdict = judge(pass, version, target, image);
    if (verdict === 'asking') return NOT_YET;
    if (verdict === 'serves') return { kind: 'planned', id: adopt(pass, version, target, image, follows) };
  }
  return NONE;
}

const oldestFirst = (left: Image, right: Image): number =>
  left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1);

function judge(pass: Pass, version: Version, target: Target, image: Image): 'serves' | 'asking' | 'no' {
  if (image.state !== 'available' || image.madeFrom !== version.id || image.architecture !== version.architecture)
    return 'no';
  // A copy of another policy, or a source of this or another one, is not up for adoption.
  if (hasIdentity(image.tags) || image.tags[TAG.claimedBy] !== undefined) return 'no';
  if (pass.set.versions.some(({ id }) => id === image.id)) return 'no';
  const manager = managerOf(image);
  if (manager !== undefined) {
    leave(pass, version, target, image, 'ManagedByOther', managedBy(manager));
    return 'no';
  }
  const key = isUnderKey(pass, target, image);
  if (key !== 'serves') return key;
  const added = Object.keys(tagsFor(pass, version, target, image));
  if (new Set([...Object.keys(image.tags), ...added]).size > MAX_TAGS) {
    const why = `it would carry more than the ${MAX_TAGS} tags that EC2 allows. Take some off it`;
    leave(pass, version, target, image, 'TooManyTags', why);
    return 'no';
  }
  return 'serves';
}

function leave(pass: Pass, { name }: Version, target: Target, image: Image, code: string, why: string): void {
  pass.draft.block({
    part: 'replication',
    code,
    subject: label(name, image.id),
    target,
    message: `somebody else made it of the same source image, and it is not adopted: ${why}`,
    effect: 'keeps',
  });
}

/** What would have to be copied anew because of its key is not taken over: nothing that cannot be compared is, either. */
function isUnderKey(pass: Pass, target: Target, image: Image): 'serves' | 'asking' | 'no' {
  const inventory = inventoryOf(pass, target);
  const asked = keyIn(pass.spec, target, inventory);
  if (asked.kind === 'asking') return 'asking';
  if (asked.kind === 'refused') return 'no';
  if (asked.kind === 'key') {
    if (asked.arn === undefined) return 'no';
    const unasked = image.volumes.flatMap(({ snapshotId, encrypted }) =>
      snapshotId !== undefined &&
      encrypted &&
      !inventory?.snapshots.has(snapshotId) &&
      !inventory?.snapshotKeys.has(snapshotId)
        ? [snapshotId]
        : [],
    );
    for (const snapshotId of unasked) pass.draft.need({ kind: 'snapshotKey', target, snapshotId });
    if (unasked.length > 0) return 'asking';
    return isUnder(inventory, image, asked.arn) === true ? 'serves' : 'no';
  }
  if (!isSharedPlace(pass, target) || isNothing(wantedGrants(pass, target))) return 'serves';
  // Such an image can never be shared (ec2-facts, section 6).
  const managed = managedKeyOf(pass, image, target);
  return managed.kind === 'none' ? 'serves' : managed.kind === 'asking' ? 'asking' : 'no';
}

function tagsFor(pass: Pass, version: Version, target: Target, image: Image): Readonly<Record<string, string>> {
  const attempt = pass.lost.get(foreignKey(targetKey(target), version.id)) ?? FIRST_ATTEMPT;
  return { ...userTags(pass.spec, version), ...identityTags(pass.owner, version, attempt, image.madeFrom) };
}

function adopt(pass: Pass, version: Version, target: Target, image: Image, follows: readonly string[]): string {
  const lost = pass.lost.get(foreignKey(targetKey(target), version.id));
  return pass.draft.act({
    id: `adopt ${image.id}`,
    kind: 'Adopt',
    target,
    subject: label(version.name, image.id),
    reason: `it was made of the same source image by somebody else (named ${image.name}), and spec.adoption is Matching`,
    call: {
      do: 'adopt',
      imageId: image.id,
      snapshots: image.volumes.flatMap(({ snapshotId }) => snapshotId ?? []),
      sourceImage: version.id,
      tags: tagsFor(pass, version, target, image),
      attempt: lost ?? FIRST_ATTEMPT,
    },
    follows,
  });
}
