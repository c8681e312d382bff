import { type Owner, type Ownership, ownershipOf } from './identity.ts';
import type { Image, Tags } from './model.ts';
import { onceForEach } from './once-for-each.ts';
import { TAG } from './tags.ts';

/** What plans look up in the images of a target. */
export interface ImageIndex {
  /** Those that EC2 is making, in whatever way. */
  readonly unfinished: readonly Image[];
  /** Those that carry a claim. */
  readonly claimed: readonly Image[];
  /** Copies of an image, whoever made them. */
  readonly copiesOf: (sourceImage: string) => readonly Image[];
  /** Copies that belong to a policy, or to one that it succeeds. */
  readonly ownedBy: (owner: Owner) => readonly Owned<Image>[];
  /** The ids of the snapshots that an image uses. */
  readonly usedSnapshots: ReadonlySet<string>;
}

export interface Owned<T> {
  readonly item: T;
  readonly ownership: Extract<Ownership, { kind: 'ours' | 'former' }>;
}

/** Made once for each listing: all policies look at the same one, and each should go only through what is its own. */
export const indexOf = onceForEach((images: ReadonlyMap<string, Image>): ImageIndex => {
  const unfinished: Image[] = [];
  const claimed: Image[] = [];
  const bySource = new Map<string, Image[]>();
  const usedSnapshots = new Set<string>();
  for (const image of images.values()) {
    const { state, tags, volumes } = image;
    if (state === 'pending' || state === 'transient') unfinished.push(image);
    if (tags[TAG.claimedBy] !== undefined) claimed.push(image);
    const source = tags[TAG.sourceImage];
    if (source !== undefined) append(bySource, source, image);
    for (const { snapshotId } of volumes) if (snapshotId !== undefined) usedSnapshots.add(snapshotId);
  }
  return {
    unfinished,
    claimed,
    copiesOf: (sourceImage) => bySource.get(sourceImage) ?? [],
    ownedBy: byOwner(images.values()),
    usedSnapshots,
  };
});

/** Finds what belongs to a policy, or to one that it succeeds, without going through what others have. */
export function byOwner<T extends { readonly tags: Tags }>(items: Iterable<T>): (owner: Owner) => Owned<T>[] {
  const byUid = new Map<string, T[]>();
  const byName = new Map<string, T[]>();
  for (const item of items) {
    const { [TAG.policyUid]: uid, [TAG.policy]: name } = item.tags;
    if (uid === undefined || name === undefined) continue;
    append(byUid, uid, item);
    append(byName, name, item);
  }
  return (owner) => {
    // A former owner has another UID and the same name; ours has the UID, whatever became of the tag with the name.
    const candidates = [
      ...(byUid.get(owner.uid) ?? []),
      ...(byName.get(`${owner.namespace}/${owner.name}`)?.filter(({ tags }) => tags[TAG.policyUid] !== owner.uid) ??
        []),
    ];
    return candidates.flatMap((item) => {
      const ownership = ownershipOf(item.tags, owner);
      return ownership.kind === 'ours' || ownership.kind === 'former' ? [{ item, ownership }] : [];
    });
  };
}

export function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
