import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { type Owner, ownerTags } from './identity.ts';
import type { Tags } from './model.ts';
import { isoTime, mayTravel, SHARED_TAG, TAG } from './tags.ts';
import { type Attempt, attemptTag } from './token.ts';
import { copiesOf, type Version } from './versions.ts';

/** The tags that a copy and its snapshots must carry because the policy says so. */
export function userTags(spec: AmiPolicySpec, version: Version): Tags {
  const excluded = new Set(spec.tags?.exclude);
  const fromSource = spec.tags?.fromSource === 'None' ? {} : tagsOfSource(version);
  const taken = Object.entries(fromSource).filter(([key, value]) => mayTravel(key, value) && !excluded.has(key));
  return { ...Object.fromEntries(taken), ...spec.tags?.add };
}

/** What its readers in other accounts see of the tags of an image (ec2-facts 7.4). EC2 knows such tags on images only. */
export function sharedTags(spec: AmiPolicySpec, tags: Tags): Tags {
  const keys = (spec.tags?.shared ?? []).filter((key) => tags[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [`${SHARED_TAG}${key}`, tags[key] ?? '']));
}

/** Where the source is gone, its tags live on its copies. */
function tagsOfSource(version: Version): Tags {
  if (version.source.kind !== 'gone' && version.source.kind !== 'unknown') return version.source.image.tags;
  return copiesOf(version).find(({ image }) => image.state === 'available')?.image.tags ?? {};
}

/** The tags by which a copy is known: whose it is, of which source, in which family. */
export function identityTags(owner: Owner, version: Version, attempt: Attempt, originId: string | undefined): Tags {
  return { ...versionTags(owner, version), ...originTags(attempt, originId) };
}

/** Those that all copies of a version have in common. */
export function versionTags(owner: Owner, version: Version): Tags {
  return {
    ...ownerTags(owner),
    [TAG.sourceImage]: version.id,
    [TAG.sourceRegion]: owner.source.region,
    [TAG.sourceAccount]: owner.source.account,
    [TAG.sourceCreated]: isoTime(version.createdAt),
    [TAG.sourceName]: version.name,
    [TAG.family]: version.family,
  };
}

/** Those that tell what one copy was made from, and after how many that were lost. */
export function originTags(attempt: Attempt, originId: string | undefined): Tags {
  const attempted = attemptTag(attempt);
  return {
    ...(originId !== undefined && { [TAG.origin]: originId }),
    ...(attempted !== undefined && { [TAG.attempt]: attempted }),
  };
}
