import { ownershipOf, ownerTags } from './identity.ts';
import type { Snapshot, Tags } from './model.ts';
import { inventoryOf, type Pass } from './pass.ts';
import { snapshotIndexOf } from './snapshot-index.ts';
import { TAG } from './tags.ts';
import type { Copy, Version } from './versions.ts';

/** The snapshots that a source image alone uses. They carry nothing of ours before it goes. */
export function sourceSnapshotsOf(pass: Pass, { image, target }: Copy): Pick<Snapshot, 'id' | 'tags'>[] {
  const snapshots = inventoryOf(pass, target)?.snapshots;
  const others = usedByOthers(pass, { image, target });
  return image.volumes
    .flatMap(({ snapshotId }) => snapshotId ?? [])
    .filter((id) => !others.has(id))
    .map((id) => ({ id, tags: snapshots?.get(id)?.tags ?? {} }));
}

/** The snapshots in a target that images other than this one use. */
export function usedByOthers(pass: Pass, { image, target }: Pick<Copy, 'image' | 'target'>): ReadonlySet<string> {
  const used = new Set<string>();
  for (const other of inventoryOf(pass, target)?.images.values() ?? []) {
    if (other.id === image.id || other.state === 'deregistered') continue;
    for (const { snapshotId } of other.volumes) if (snapshotId !== undefined) used.add(snapshotId);
  }
  return used;
}

/** What makes the snapshots of a source image known as this policy's to delete, once the image is gone. */
export function sourceSnapshotTags(pass: Pass, version: Version): Tags {
  const { owner } = pass;
  return {
    ...ownerTags(owner),
    [TAG.sourceImage]: version.id,
    [TAG.sourceAccount]: owner.source.account,
    [TAG.sourceRegion]: owner.source.region,
  };
}

/** The snapshots of a copy: those it lists, and those that EC2 says were made for it and that carry our identity. */
export function snapshotsOf(pass: Pass, { image, target }: Copy): Snapshot[] {
  const all = inventoryOf(pass, target)?.snapshots;
  if (!all) return [];
  const listed = image.volumes.flatMap(({ snapshotId }) => all.get(snapshotId ?? '') ?? []);
  const madeForIt = snapshotIndexOf(all).madeFor(image.id);
  return [...new Set([...listed, ...madeForIt])]
    .filter((snapshot) => ownershipOf(snapshot.tags, pass.owner).kind === 'ours')
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}
