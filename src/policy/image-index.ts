import { type Owner, type Ownership, ownershipOf } from './identity.ts';
import type { Image, Tags } from './model.ts';
import { onceForEach } from './once-for-each.ts';
import { TAG } from './tags.ts';

/** What belongs to a policy, or to one that it succeeds. */
interface Owned<T> {
  readonly item: T;
  readonly ownership: Extract<Ownership, { kind: 'ours' | 'former' }>;
}

/** What plans look up in the images of a target. What is not needed at rest is made when it is first asked for. */
class ImageIndex {
  /** Those that EC2 is making, in whatever way. */
  readonly unfinished: readonly Image[];
  /** Those that carry a claim. */
  readonly claimed: readonly Image[];
  /** Copies that belong to a policy, or to one that it succeeds. */
  readonly ownedBy: (owner: Owner) => readonly Owned<Image>[];
  readonly #images: ReadonlyMap<string, Image>;
  #bySource: Map<string, Image[]> | undefined;

  constructor(images: ReadonlyMap<string, Image>) {
    const all = [...images.values()];
    this.#images = images;
    this.unfinished = all.filter(({ state }) => state === 'pending' || state === 'transient');
    this.claimed = all.filter(({ tags }) => tags[TAG.claimedBy] !== undefined);
    this.ownedBy = byOwner(all);
  }

  /** Copies of an image, whoever made them. */
  copiesOf(sourceImage: string): readonly Image[] {
    if (!this.#bySource) {
      this.#bySource = new Map();
      for (const image of this.#images.values()) {
        const source = image.tags[TAG.sourceImage];
        if (source !== undefined) append(this.#bySource, source, image);
      }
    }
    return this.#bySource.get(sourceImage) ?? [];
  }
}

/** Made once for each listing: all policies look at the same one, and each should go only through what is its own. */
export const indexOf = onceForEach((images: ReadonlyMap<string, Image>) => new ImageIndex(images));

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
    const owned: Owned<T>[] = [];
    const take = (item: T): void => {
      const ownership = ownershipOf(item.tags, owner);
      if (ownership.kind === 'ours' || ownership.kind === 'former') owned.push({ item, ownership });
    };
    byUid.get(owner.uid)?.forEach(take);
    // Ours are found by the UID, whatever became of the tag with the name; a former owner has the name alone.
    for (const item of byName.get(`${owner.namespace}/${owner.name}`) ?? [])
      if (item.tags[TAG.policyUid] !== owner.uid) take(item);
    return owned;
  };
}

export function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
