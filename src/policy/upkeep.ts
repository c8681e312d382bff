import { attemptTags, userTags, versionTags } from './copy-tags.ts';
import type { Tags } from './model.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { MAX_TAGS, TAG } from './tags.ts';
import type { Copy, Version } from './versions.ts';

/**
 * Keeps the tags of copies and of their snapshots as the policy says. Tags are added and put right, never taken off: a
 * tag that the policy does not know was written by somebody who wanted it.
 */
export function keepTags(pass: Pass): void {
  for (const version of pass.set.versions) {
    // What the source would give is not known while it cannot be seen.
    if (version.source.kind === 'unknown' || version.copies.size === 0) continue;
    const common = Object.entries({ ...tagsBySpec(pass, version), ...versionTags(pass.owner, version) });
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.ownership.kind === 'ours' && copy.image.state === 'available') keepTagsOf(pass, version, copy, common);
      }
    }
  }
}

type Wanted = readonly (readonly [key: string, value: string])[];

function keepTagsOf(pass: Pass, version: Version, copy: Copy, common: Wanted): void {
  const { draft } = pass;
  const { image, target } = copy;
  const own = Object.entries(attemptTags(copy.attempt, image.madeFrom ?? image.tags[TAG.origin]));
  const inventory = inventoryOf(pass, target);
  const snapshots = image.volumes.flatMap(({ snapshotId }) => inventory?.snapshots.get(snapshotId ?? '') ?? []);
  const drifted = [image, ...snapshots].filter(({ tags }) => differs(tags, common) || differs(tags, own));
  if (drifted.length === 0) return;
  const wanted: Tags = Object.fromEntries([...common, ...own]);
  const keys = Object.keys(wanted)
    .filter((key) => drifted.some(({ tags }) => tags[key] !== wanted[key]))
    .sort();
  const subject = label(version.name, image.id);
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

/** After the source is gone its tags are known only from copies, which then are not measured by one another. */
function tagsBySpec(pass: Pass, version: Version): Tags {
  return version.source.kind === 'gone' ? (pass.spec.tags?.add ?? {}) : userTags(pass.spec, version);
}

const differs = (tags: Tags, wanted: Wanted): boolean => wanted.some(([key, value]) => tags[key] !== value);
