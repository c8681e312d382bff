import { identityTags, sharedTags, userTags } from './copy-tags.ts';
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
    if (version.source.kind === 'unknown') continue;
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.ownership.kind === 'ours' && copy.image.state === 'available') keepTagsOf(pass, version, copy);
      }
    }
  }
}

function keepTagsOf(pass: Pass, version: Version, copy: Copy): void {
  const { draft, owner } = pass;
  const { image, target } = copy;
  const subject = label(version.name, image.id);
  const originId = image.madeFrom ?? image.tags[TAG.origin];
  const wanted: Tags = { ...tagsBySpec(pass, version), ...identityTags(owner, version, copy.attempt, originId) };
  const inventory = inventoryOf(pass, target);
  const snapshots = image.volumes.flatMap(({ snapshotId }) => inventory?.snapshots.get(snapshotId ?? '') ?? []);
  keepSharedTags(pass, copy, subject);
  const drifted = [image, ...snapshots].filter((resource) => differing(resource.tags, wanted).length > 0);
  if (drifted.length === 0) return;
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

/** Of the image alone; by what it carries itself, so that it says the same to others as to its owner. */
function keepSharedTags(pass: Pass, { image, target }: Copy, subject: string): void {
  const wanted = sharedTags(pass.spec, image.tags);
  const keys = differing(image.tags, wanted);
  if (keys.length === 0 || Object.keys({ ...image.tags, ...wanted }).length > MAX_TAGS) return;
  pass.draft.act({
    id: `tag-shared ${image.id}`,
    kind: 'Tag',
    target,
    subject,
    reason: `${keys.join(', ')} must say to others what the tags of the image say`,
    call: { do: 'tag', resources: [image.id], tags: Object.fromEntries(keys.map((key) => [key, wanted[key] ?? ''])) },
  });
}

/** After the source is gone its tags are known only from copies, which then are not measured by one another. */
function tagsBySpec(pass: Pass, version: Version): Tags {
  return version.source.kind === 'gone' ? (pass.spec.tags?.add ?? {}) : userTags(pass.spec, version);
}

const differing = (tags: Tags, wanted: Tags): string[] =>
  Object.keys(wanted).filter((key) => tags[key] !== wanted[key]);
