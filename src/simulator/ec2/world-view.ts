import type { SimWorld } from './sim-world.ts';
import {
  type Place,
  protectionOf,
  type SimImage,
  type SimInstance,
  type SimKey,
  type SimSnapshot,
  type Tags,
} from './world.ts';

interface Where {
  readonly account: string;
  readonly region: string;
}

/** The whole world as it truly is, in one canonical order: what `GET /_sim/world` gives and what tests judge by. */
export interface WorldView {
  readonly now: string;
  /** Deregistered ones stay, in that state. */
  readonly images: readonly (SimImage & { readonly inRecycleBin: boolean })[];
  /** But for deleted ones. */
  readonly snapshots: readonly SimSnapshot[];
  readonly instances: readonly (Where & SimInstance)[];
  /** Each version of each. */
  readonly launchTemplates: readonly (Where & {
    readonly id: string;
    readonly name: string;
    readonly version: number;
    readonly imageId: string;
    readonly madeAt: number;
  })[];
  readonly keys: readonly (Where & SimKey)[];
  /** With the value that was set last. */
  readonly parameters: readonly (Where & {
    readonly name: string;
    readonly value: string;
    readonly dataType: string;
    readonly tags: Tags;
  })[];
  /** Copies of images and snapshots under way. */
  readonly copies: readonly (Where & { readonly id: string; readonly endsAt: number })[];
  readonly settings: readonly (Where & {
    readonly enabled: boolean;
    readonly encryptByDefault: boolean;
    readonly defaultKey: string;
    readonly recycleBinDays: number | null;
    readonly publicImagesBlocked: boolean;
  })[];
  readonly roles: readonly { readonly arn: string; readonly trusts: readonly string[] | 'everyone' }[];
}

export function viewOf(world: SimWorld): WorldView {
  const now = world.now();
  const places = [...world.places()].sort((left, right) =>
    compare(`${left.account}/${left.region}`, `${right.account}/${right.region}`),
  );
  const each = <T>(list: (place: Place) => readonly T[], key: (item: T) => string): (Where & T)[] =>
    places.flatMap((place) =>
      [...list(place)]
        .sort((left, right) => compare(key(left), key(right)))
        .map((item) => ({ account: place.account, region: place.region, ...item })),
    );
  const byId = ({ id }: { readonly id: string }): string => id;
  return {
    now: new Date(now).toISOString(),
    images: places.flatMap((place) =>
      [...place.images.values()]
        .sort((left, right) => compare(left.id, right.id))
        .map((image) => ({
          ...image,
          tags: sorted(image.tags),
          protection: protectionOf(image, now),
          inRecycleBin: place.bin.has(image.id),
        })),
    ),
    snapshots: each(({ snapshots }) => [...snapshots.values()].filter(({ deleted }) => !deleted), byId).map(
      (snapshot) => ({ ...snapshot, tags: sorted(snapshot.tags) }),
    ),
    instances: each(({ instances }) => instances, byId).map((instance) => ({
      ...instance,
      tags: sorted(instance.tags),
    })),
    launchTemplates: each(({ templates }) => templates, byId).flatMap(
      ({ account, region, id, name, versions, madeAt }) =>
        versions.map((imageId, index) => ({
          account,
          region,
          id,
          name,
          version: index + 1,
          imageId,
          madeAt: madeAt[index] ?? 0,
        })),
    ),
    parameters: each(
      ({ parameters }) => [...parameters.values()],
      ({ name }) => name,
    ).map(({ account, region, name, dataType, tags, versions }) => ({
      account,
      region,
      name,
      value: versions.at(-1)?.value ?? '',
      dataType,
      tags: sorted(tags),
    })),
    keys: each(
      ({ keys }) => keys,
      ({ alias }) => alias,
    ),
    copies: each(
      (place) => [
        ...[...place.pendingImages.values()].map(({ imageId: id, endsAt }) => ({ id, endsAt })),
        ...[...place.pendingSnapshots.values()].map(({ snapshotId: id, endsAt }) => ({ id, endsAt })),
      ],
      byId,
    ),
    settings: places
      .filter((place) => isSet(world, place))
      .map((place) => ({
        account: place.account,
        region: place.region,
        enabled: world.isEnabled(place.account, place.region),
        encryptByDefault: place.encryptByDefault,
        defaultKey: place.defaultKey,
        recycleBinDays: place.binDays ?? null,
        publicImagesBlocked: place.publicBlockedFrom !== undefined && place.publicBlockedFrom <= now,
      })),
    roles: [...world.seed.roles]
      .sort((left, right) => compare(left.arn, right.arn))
      .map(({ arn, trusts }) => ({ arn, trusts: trusts ? [...trusts].sort() : 'everyone' })),
  };
}

/** A place that was only looked at is not part of the world yet. */
const isSet = (world: SimWorld, { account, region, publicBlockedFrom }: Place): boolean =>
  world.seed.accounts[account]?.regions[region] !== undefined || publicBlockedFrom !== 0;

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
const sorted = (tags: Tags): Tags =>
  Object.fromEntries(Object.entries(tags).sort(([left], [right]) => compare(left, right)));
