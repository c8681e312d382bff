import type { Clock } from '../../ambient/clock.ts';
import { managedKey } from './keys.ts';
import type { Seed, SeedImage } from './seed.ts';
import { SimWorld } from './sim-world.ts';
import { NOBODY, type Permissions, type Place, type SimImage, type SimVolume, TWO_YEARS_MS } from './world.ts';

const DAY_MS = 86_400_000;
const BACKUP_TAGS = { 'aws:backup:source-resource': 'i-0123456789abcdef0' };

/**
 * The world that a seed describes, as of now.
 * @throws Error that names the place when something refers to an image that is not there
 */
export function populate(seed: Seed, clock: Clock): SimWorld {
  const world = new SimWorld(seed, clock);
  const places = Object.entries(seed.accounts).flatMap(([account, { regions }]) =>
    Object.entries(regions).map(([region, seeded]) => ({ place: world.place(account, region), seeded })),
  );
  const ids = new Set<string>();
  for (const { place, seeded } of places) {
    for (const image of seeded.images) {
      if (image.id !== undefined && ids.has(image.id)) throw wrong(place, `there are two images ${image.id}`);
      if (image.id !== undefined) ids.add(image.id);
      addImage(world, place, image);
    }
  }
  // After all images: what is launched may belong to another account.
  for (const { place, seeded } of places) {
    for (const { image, tags } of seeded.instances)
      place.instances.push({ id: world.id(place, 'i'), imageId: idOf(world, place, image), tags, launchedAt: 0 });
    for (const { name, value } of seeded.parameters) {
      const first = { value, version: 1, seenAt: 0 };
      place.parameters.set(name, { name, dataType: 'text', description: '', tags: {}, versions: [first] });
    }
    const versions = Map.groupBy(seeded.launchTemplates, ({ name }) => name);
    for (const [name, entries] of versions) {
      const images = entries.map(({ image }) => idOf(world, place, image));
      place.templates.push({ id: world.id(place, 'lt'), name, versions: images, madeAt: images.map(() => 0) });
    }
  }
  return world;
}

const wrong = ({ account, region }: Place, what: string): Error =>
  new Error(`the seed cannot be used: accounts.${account}.${region}: ${what}`);

function idOf(world: SimWorld, place: Place, nameOrId: string): string {
  const isIt = ({ id, name }: SimImage): boolean => id === nameOrId || name === nameOrId;
  const own = [...place.images.values()].find(isIt);
  if (own) return own.id;
  for (const other of world.places()) {
    const foreign = other.region === place.region ? [...other.images.values()].find(isIt) : undefined;
    if (foreign) return foreign.id;
  }
  throw wrong(place, `there is no image ${nameOrId} in ${place.region}`);
}

function addImage(world: SimWorld, place: Place, given: SeedImage): void {
  const now = world.now();
  const createdAt = Math.floor((now - given.ageDays * DAY_MS) / 1000) * 1000;
  const pending = given.state === 'pending';
  const endsAt = pending ? now + world.copyMs(place) : createdAt;
  const volumes = given.volumesGiB.map((sizeGiB, index): SimVolume => {
    const snapshotId = world.id(place, 'snap');
    const encryption = given.encrypted
      ? { encrypted: true, kmsKeyId: keyOf(place, given.kmsKeyId) }
      : { encrypted: false };
    world.putSnapshot(
      {
        id: snapshotId,
        account: place.account,
        region: place.region,
        state: pending ? 'pending' : given.state === 'failed' ? 'error' : 'completed',
        startedAt: createdAt,
        completesAt: endsAt,
        description: given.madeByBackup ? 'This snapshot is created by the AWS Backup service.' : '',
        tags: given.madeByBackup ? BACKUP_TAGS : {},
        sizeGiB,
        permissions: [...new Set(given.createVolumePermissions)].toSorted(),
        deleted: false,
        ...encryption,
      },
      createdAt,
    );
    const device = index === 0 ? '/dev/xvda' : `/dev/sd${String.fromCharCode('a'.charCodeAt(0) + index)}`;
    return { device, snapshotId, sizeGiB, ...encryption };
  });
  const id = given.id ?? world.id(place, 'ami');
  world.putImage(
    {
      id,
      account: place.account,
      region: place.region,
      name: given.name,
      description: given.madeByBackup ? 'This image is created by the AWS Backup service.' : given.description,
      state: given.state,
      ...(given.state === 'failed' && { stateReason: 'Image creation failed with an internal error' }),
      createdAt,
      architecture: given.architecture,
      virtualization: 'hvm',
      tags: given.madeByBackup ? { ...given.tags, ...BACKUP_TAGS } : given.tags,
      permissions: given.launchPermissions ? inOrder(given.launchPermissions, place.account) : NOBODY,
      volumes,
      protection: given.deregistrationProtection ? 'enabled-without-cooldown' : 'disabled',
      ...(given.lastLaunchedDays !== undefined && {
        lastLaunchedAt: Math.floor(now - given.lastLaunchedDays * DAY_MS),
      }),
      productCodes: given.productCodes,
      ...(given.launchPermissions?.public === true && { deprecationTime: createdAt + TWO_YEARS_MS }),
    },
    createdAt,
  );
  if (pending) place.pendingImages.set(id, { imageId: id, endsAt });
}

function keyOf(place: Place, key: string | undefined): string {
  if (key === undefined) return place.defaultKey;
  if (key === 'alias/aws/ebs') return managedKey(place.account, place.region);
  return place.keys.find(({ alias }) => alias === key)?.arn ?? key;
}

/** The owner needs no permission, and is never listed. */
function inOrder(permissions: Permissions, owner: string): Permissions {
  return {
    accounts: [...new Set(permissions.accounts)].filter((account) => account !== owner).sort(),
    organizations: [...new Set(permissions.organizations)].sort(),
    organizationalUnits: [...new Set(permissions.organizationalUnits)].sort(),
    public: permissions.public,
  };
}
