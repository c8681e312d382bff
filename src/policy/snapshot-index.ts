import type { Owner } from './identity.ts';
import { append, byOwner, type Owned } from './image-index.ts';
import type { Snapshot } from './model.ts';
import { onceForEach } from './once-for-each.ts';
import { TAG } from './tags.ts';

/** What plans look up in the snapshots of a target. */
export interface SnapshotIndex {
  /** Those that EC2 says were made for an image. */
  readonly madeFor: (imageId: string) => readonly Snapshot[];
  /** Whether the mark of a removal, on any of them, names an image. */
  readonly marks: (imageId: string) => boolean;
  /** Those that belong to a policy, or to one that it succeeds. */
  readonly ownedBy: (owner: Owner) => readonly Owned<Snapshot>[];
}

/** Made once for each listing, as that of the images is. */
export const snapshotIndexOf = onceForEach((snapshots: ReadonlyMap<string, Snapshot>): SnapshotIndex => {
  const byImage = new Map<string, Snapshot[]>();
  const marked = new Set<string>();
  for (const snapshot of snapshots.values()) {
    const imageId = madeFor(snapshot);
    if (imageId !== undefined) append(byImage, imageId, snapshot);
    for (const mark of [snapshot.tags[TAG.deleting], snapshot.tags[TAG.kept]])
      if (mark !== undefined) marked.add(mark.split(' ', 1)[0] ?? '');
  }
  return {
    madeFor: (imageId) => byImage.get(imageId) ?? [],
    marks: (imageId) => marked.has(imageId),
    ownedBy: byOwner(snapshots.values()),
  };
});

/** ec2-facts 5.3: the description that EC2 gives to the snapshots of a copied image names that image. */
export function madeFor(snapshot: Snapshot): string | undefined {
  if (!snapshot.description.startsWith('Copied for DestinationAmi ')) return undefined;
  return /^Copied for DestinationAmi (ami-[0-9a-f]+) /.exec(snapshot.description)?.[1];
}
