import { originTags, sharedTags, userTags, versionTags } from './copy-tags.ts';
import type { Image, Snapshot, Tags } from './model.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { MAX_TAGS, TAG } from './tags.ts';
import { type Copy, copiesOf, type Version } from './versions.ts';

/**
 * Keeps the tags of copies and of their snapshots as the policy says. Tags are added and put right, never taken off: a
 * tag that the policy does not know was written by somebody who wanted it.
 */
export function keepTags(pass: Pass): void {
  for (const version of pass.set.versions) {
    // What the source would give is not known while it cannot be seen.
    if (version.source.kind === 'unknown') continue;
    let ofVersion: Wanted | undefined;
    for (const copy of copiesOf(version)) {
      if (copy.ownership.kind !== 'ours' || copy.image.state !== 'available') continue;
      ofVersion ??= Object.entries({ ...tagsBySpec(pass, version), ...versionTags(pass.owner, version) });
      keepTagsOf(pass, version, copy, ofVersion);
      if (pass.spec.tags?.shared) keepSharedTags(pass, version, copy);
    }
  }
}

/** Tags as keys and values. */
type Wanted = readonly (readonly [string, string])[];

/** @param ofVersion what every copy of the version must carry */
function keepTagsOf(pass: Pass, version: Version, copy: Copy, ofVersion: Wanted): void {
  const { draft } = pass;
  const { image, target } = copy;
  const ofCopy = Object.entries(originTags(copy.attempt, image.madeFrom ?? image.tags[TAG.origin]));
  const drifted = resourcesOf(pass, copy).filter(({ tags }) => !carries(tags, ofVersion) || !carries(tags, ofCopy));
  if (drifted.length === 0) return;
  const subject = label(version.name, image.id);
  const wanted: Tags = Object.fromEntries([...ofVersion, ...ofCopy]);
  const keys = [...new Set(drifted.flatMap((resource) => differing(resource.tags, wanted)))].sort();
  const crowded = drifted.find(({ tags }) => new Set([...Object.keys(tags), ...keys]).size > MAX_TAGS);
  if (crowded) {
    draft.block({
      part: 'replication',
      code: 'TooManyTags',
      subject,
      target,
      message: `${crowded.id} has no room for ${keys.join(', ')}: EC2 allows ${MAX_TAGS} tags on a resource. Remove some of its tags, or write fewer with tags.exclude`,
      effect: 'stalls',
    });
    return;
  }
  draft.act({
    id: `tag ${image.id}`,
    kind: 'Tag',
    target,
    subject,
    reason: `${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ` and ${keys.length - 5} more` : ''} ${keys.length === 1 ? 'is missing or differs' : 'are missing or differ'} from what the policy says`,
    call: {
      do: 'tag',
      resources: drifted.map(({ id }) => id),
      tags: Object.fromEntries(keys.map((key) => [key, wanted[key] ?? ''])),
    },
  });
}

/** A copy, and those of its snapshots that are listed. */
function resourcesOf(pass: Pass, { image, target }: Copy): (Image | Snapshot)[] {
  const snapshots = inventoryOf(pass, target)?.snapshots;
  const resources: (Image | Snapshot)[] = [image];
  for (const { snapshotId } of image.volumes) {
    const snapshot = snapshotId === undefined ? undefined : snapshots?.get(snapshotId);
    if (snapshot) resources.push(snapshot);
  }
  return resources;
}

/** Of the image alone; by what it carries itself, so that it says the same to others as to its owner. */
function keepSharedTags(pass: Pass, version: Version, { image, target }: Copy): void {
  const wanted = sharedTags(pass.spec, image.tags);
  const keys = differing(image.tags, wanted);
  if (keys.length === 0 || Object.keys({ ...image.tags, ...wanted }).length > MAX_TAGS) return;
  pass.draft.act({
    id: `tag-shared ${image.id}`,
    kind: 'Tag',
    target,
    subject: label(version.name, image.id),
    reason: `${keys.join(', ')} must say to others what the tags of the image say`,
    call: { do: 'tag', resources: [image.id], tags: Object.fromEntries(keys.map((key) => [key, wanted[key] ?? ''])) },
  });
}

/** After the source is gone its tags are known only from copies, which then are not measured by one another. */
function tagsBySpec(pass: Pass, version: Version): Tags {
  return version.source.kind === 'gone' ? (pass.spec.tags?.add ?? {}) : userTags(pass.spec, version);
}

const carries = (tags: Tags, wanted: Wanted): boolean => wanted.every(([key, value]) => tags[key] === value);

const differing = (tags: Tags, wanted: Tags): string[] =>
  Object.keys(wanted).filter((key) => tags[key] !== wanted[key]);
