import { type Call, iso, type Operation, paged, refuseIdsWithPages, tagSet } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { checkImageId, isForgotten, throughMembership, visibleImage } from './image-access.ts';
import { ownerMatcher } from './owners.ts';
import { imageNotFound } from './refusal.ts';
import { protectionOf, type SimImage, type SimVolume } from './world.ts';
import type { Xml } from './xml.ts';

/** How long an image is still shown in the state `deregistered`. */
const SHOWN_DEREGISTERED_MS = 20_000;

export const describeImages: Operation = {
  parameters: [
    'ImageId',
    'Owner',
    'ExecutableBy',
    'Filter',
    'IncludeDeprecated',
    'IncludeDisabled',
    'MaxResults',
    'NextToken',
    'DryRun',
  ],
  mutates: false,
  run(call) {
    const ids = call.query.list('ImageId');
    refuseIdsWithPages(call, ids, 'imageIds');
    const matches = matcherOf(call);
    const list = (): SimImage[] => (ids.length > 0 ? byId(call, ids).filter(matches) : listed(call).filter(matches));
    const { items, nextToken } = paged(
      call,
      { least: 5, most: 1000, above: 'cut' },
      list,
      ({ id }) => id,
      (id) => visibleImage(call, id),
    );
    return { imagesSet: items.map((image) => imageXml(call, image)), nextToken };
  },
};

const isGone = ({ world }: Call, image: SimImage): boolean =>
  image.deregisteredAt !== undefined && world.now() - image.deregisteredAt > SHOWN_DEREGISTERED_MS;

/** One id that is not there spoils the whole request; one that was deregistered is first left out without a word. */
function byId(call: Call, ids: readonly string[]): SimImage[] {
  const missing: string[] = [];
  const found: SimImage[] = [];
  for (const id of new Set(ids)) {
    checkImageId(id);
    const image = visibleImage(call, id);
    if (!image || isForgotten(call.world, image)) missing.push(id);
    else if (!isGone(call, image)) found.push(image);
  }
  if (missing.length > 0) throw imageNotFound(missing);
  return found;
}

/** Everything that is there for the caller and was not asked for by id. */
function listed(call: Call): SimImage[] {
  const { query, place, world } = call;
  const withDisabled = query.flag('IncludeDisabled');
  const withDeprecated = query.flag('IncludeDeprecated');
  const found: SimImage[] = [];
  for (const other of world.places()) {
    if (other.region !== place.region) continue;
    const own = other.account === place.account;
    for (const id of other.images.keys()) {
      const image = visibleImage(call, id);
      if (!image || isGone(call, image)) continue;
      if (image.state === 'disabled' && !withDisabled) continue;
      const deprecated = image.deprecationTime !== undefined && image.deprecationTime <= world.now();
      if (deprecated && !withDeprecated && !own) continue;
      found.push(image);
    }
  }
  return found;
}

/** The conditions that also hold for what is asked for by id. */
function matcherOf(call: Call): (image: SimImage) => boolean {
  const { query, place } = call;
  const owned = ownerMatcher(call, query.list('Owner'), ['amazon', 'aws-marketplace', 'aws-backup-vault']);
  const users = query.list('ExecutableBy');
  ownerMatcher(call, users, ['all']);
  const executable = (image: SimImage): boolean =>
    users.length === 0 || users.some((user) => isExecutableBy(call, image, user));
  const filtered = filterOf(query, FILTERS);
  return (image) => owned(image) && executable(image) && filtered({ ...image, tags: tagsFor(place.account, image) });
}

function isExecutableBy({ world, place }: Call, image: SimImage, user: string): boolean {
  const { permissions } = image;
  if (user === 'all') return permissions.public;
  if (user !== 'self') return permissions.accounts.includes(user);
  return permissions.accounts.includes(place.account) || throughMembership(world, permissions, place.account);
}

/** Ordinary tags are for the owner alone. */
function tagsFor(account: string, image: SimImage): SimImage['tags'] {
  if (image.account === account) return image.tags;
  return Object.fromEntries(Object.entries(image.tags).filter(([key]) => key.startsWith('ec2:SharedTag/')));
}

const eachVolume =
  (read: (volume: SimVolume) => string) =>
  ({ volumes }: SimImage): string[] =>
    volumes.map(read);

const FILTERS: Filterable<SimImage> = {
  architecture: (image) => [image.architecture],
  'block-device-mapping.delete-on-termination': eachVolume(() => 'true'),
  'block-device-mapping.device-name': eachVolume(({ device }) => device),
  'block-device-mapping.encrypted': eachVolume(({ encrypted }) => String(encrypted)),
  'block-device-mapping.snapshot-id': eachVolume(({ snapshotId }) => snapshotId),
  'block-device-mapping.volume-size': eachVolume(({ sizeGiB }) => String(sizeGiB)),
  'block-device-mapping.volume-type': eachVolume(() => 'gp3'),
  'creation-date': (image) => [iso(image.createdAt)],
  description: (image) => [image.description],
  'ena-support': () => ['true'],
  hypervisor: () => ['xen'],
  'image-allowed': () => ['true'],
  'image-id': (image) => [image.id],
  'image-type': () => ['machine'],
  'is-public': (image) => [String(image.permissions.public)],
  'kernel-id': () => [],
  'manifest-location': (image) => [`${image.account}/${image.name}`],
  name: (image) => [image.name],
  'owner-alias': () => [],
  'owner-id': (image) => [image.account],
  platform: () => [],
  'product-code': (image) => image.productCodes,
  'product-code.type': (image) => image.productCodes.map(() => 'marketplace'),
  'ramdisk-id': () => [],
  'root-device-name': (image) => [image.volumes[0]?.device],
  'root-device-type': () => ['ebs'],
  'source-image-id': (image) => [image.sourceImageId],
  'source-image-region': (image) => [image.sourceRegion],
  'source-instance-id': () => [],
  'sriov-net-support': () => [],
  state: (image) => [image.state],
  'state-reason-code': (image) => [image.stateReason === undefined ? undefined : REASON_CODE],
  'state-reason-message': (image) => [image.stateReason],
  'virtualization-type': (image) => [image.virtualization],
};

const REASON_CODE = 'Client.InternalError';

function imageXml({ place, world }: Call, image: SimImage): Xml {
  const own = image.account === place.account;
  return {
    imageId: image.id,
    imageLocation: `${image.account}/${image.name}`,
    imageState: image.state,
    imageOwnerId: image.account,
    creationDate: iso(image.createdAt),
    isPublic: image.permissions.public,
    productCodes: image.productCodes.map((code) => ({ productCode: code, type: 'marketplace' })),
    architecture: image.architecture,
    imageType: 'machine',
    name: image.name,
    description: image.description === '' ? undefined : image.description,
    rootDeviceType: 'ebs',
    rootDeviceName: image.volumes[0]?.device ?? '/dev/xvda',
    // The layout of a copy is known when it is there.
    blockDeviceMapping: image.state === 'pending' ? [] : image.volumes.map(mappingXml),
    virtualizationType: image.virtualization,
    hypervisor: 'xen',
    enaSupport: true,
    bootMode: image.bootMode,
    imdsSupport: image.imdsSupport,
    tagSet: tagSet(tagsFor(place.account, image)),
    stateReason: image.stateReason === undefined ? undefined : { code: REASON_CODE, message: image.stateReason },
    platformDetails: 'Linux/UNIX',
    usageOperation: 'RunInstances',
    deprecationTime: image.deprecationTime === undefined ? undefined : iso(image.deprecationTime),
    sourceImageId: image.sourceImageId,
    sourceImageRegion: image.sourceRegion,
    deregistrationProtection: protectionOf(image, world.now()),
    lastLaunchedTime: own && image.lastLaunchedAt !== undefined ? seconds(image.lastLaunchedAt) : undefined,
  };
}

const mappingXml = ({ device, snapshotId, sizeGiB, encrypted }: SimVolume): Xml => ({
  deviceName: device,
  ebs: { snapshotId, volumeSize: sizeGiB, deleteOnTermination: true, volumeType: 'gp3', encrypted },
});

/** `2025-02-17T20:22:19Z`: the one time that EC2 gives without milliseconds. */
export const seconds = (time: number): string => iso(time).replace(/\.\d+Z$/, 'Z');
