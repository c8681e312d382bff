import { append } from './image-index.ts';
import type { Inventory, Snapshot } from './model.ts';
import { onceForEach } from './once-for-each.ts';
import { TAG } from './tags.ts';

/** What plans look up in the snapshots of a target. */
class SnapshotIndex {
  readonly #snapshots: ReadonlyMap<string, Snapshot>;
  readonly #marked: ReadonlySet<string>;
  #byImage: Map<string, Snapshot[]> | undefined;

  constructor(snapshots: ReadonlyMap<string, Snapshot>) {
    const all = [...snapshots.values()];
    this.#snapshots = snapshots;
    this.#marked = new Set(all.flatMap(imagesMarked));
  }

  /** Those that EC2 says were made for an image. */
  madeFor(imageId: string): readonly Snapshot[] {
    if (!this.#byImage) {
      this.#byImage = new Map();
      for (const snapshot of this.#snapshots.values()) {
        const made = madeFor(snapshot);
        if (made !== undefined) append(this.#byImage, made, snapshot);
      }
    }
    return this.#byImage.get(imageId) ?? [];
  }

  /** Whether the mark of a removal, on any of them, names an image. */
  marks(imageId: string): boolean {
    return this.#marked.has(imageId);
  }
}

const NONE: readonly string[] = [];

function imagesMarked({ tags }: Snapshot): readonly string[] {
  const { [TAG.deleting]: deleting, [TAG.kept]: kept } = tags;
  if (deleting === undefined && kept === undefined) return NONE;
  return [deleting, kept].flatMap((mark) => mark?.split(' ', 1) ?? NONE);
}

/** Made once for each listing, as that of the images is. */
export const snapshotIndexOf = onceForEach((snapshots: ReadonlyMap<string, Snapshot>) => new SnapshotIndex(snapshots));

const unusedBeside = onceForEach((images: Inventory['images']) =>
  onceForEach((snapshots: Inventory['snapshots']): readonly Snapshot[] => {
    const used = new Set<string>();
    for (const { volumes } of images.values())
      for (const { snapshotId } of volumes) if (snapshotId !== undefined) used.add(snapshotId);
    return [...snapshots.values()].filter(({ id }) => !used.has(id));
  }),
);

/** Those that no image uses, whosever they are. */
export const unusedSnapshots = ({ images, snapshots }: Inventory): readonly Snapshot[] =>
  unusedBeside(images)(snapshots);

/** ec2-facts 5.3: the description that EC2 gives to the snapshots of a copied image names that image. */
export function madeFor(snapshot: Snapshot): string | undefined {
  if (!snapshot.description.startsWith('Copied for DestinationAmi ')) return undefined;
  return /^Copied for DestinationAmi (ami-[0-9a-f]+) /.exec(snapshot.description)?.[1];
}
