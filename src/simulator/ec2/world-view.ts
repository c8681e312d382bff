import type { SimWorld } from './sim-world.ts';
import type { SimImage, SimSnapshot } from './world.ts';

/** The whole world as it truly is, in one canonical order: what `GET /_sim/world` gives and what tests judge by. */
export interface WorldView {
  readonly now: string;
  readonly images: readonly (SimImage & { readonly inRecycleBin: boolean })[];
  readonly snapshots: readonly SimSnapshot[];
  readonly instances: readonly {
    readonly account: string;
    readonly region: string;
    readonly id: string;
    readonly imageId: string;
  }[];
  readonly launchTemplates: readonly {
    readonly account: string;
    readonly region: string;
    readonly id: string;
    readonly name: string;
    readonly imageId: string;
  }[];
}

export function viewOf(world: SimWorld): WorldView {
  const places = [...world.places()].sort((left, right) =>
    compare(`${left.account}/${left.region}`, `${right.account}/${right.region}`),
  );
  const byId = <T extends { readonly id: string }>(items: Iterable<T>): T[] =>
    [...items].sort((left, right) => compare(left.id, right.id));
  return {
    now: new Date(world.now()).toISOString(),
    images: places.flatMap((place) =>
      byId(place.images.values()).map((image) => ({
        ...image,
        tags: sorted(image.tags),
        inRecycleBin: place.bin.has(image.id),
      })),
    ),
    snapshots: places.flatMap((place) =>
      byId(place.snapshots.values())
        .filter(({ deleted }) => !deleted)
        .map((snapshot) => ({ ...snapshot, tags: sorted(snapshot.tags) })),
    ),
    instances: places.flatMap(({ account, region, instances }) =>
      byId(instances).map(({ id, imageId }) => ({ account, region, id, imageId })),
    ),
    launchTemplates: places.flatMap(({ account, region, templates }) =>
      byId(templates).map(({ id, name, imageId }) => ({ account, region, id, name, imageId })),
    ),
  };
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
const sorted = (tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(tags).sort(([left], [right]) => compare(left, right)));
