import { type Answer, type Call, iso, type Operation, tagSet } from './call.ts';
import { filterOf, tagAttribute } from './filters.ts';
import { imageNotFound, Refusal } from './refusal.ts';
import { FORGOTTEN_AFTER_MS, type SimImage } from './world.ts';
import type { Xml } from './xml.ts';

/** How long an image is still shown in the state `deregistered`. */
const SHOWN_DEREGISTERED_MS = 20_000;

/** Whether an account may use an image: it owns it, or was let in by name, by organisation or with everybody. */
export function mayLaunch(image: SimImage, account: string): boolean {
  return image.account === account || image.permissions.public || image.permissions.accounts.includes(account);
}

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
    const { query } = call;
    const ids = query.list('ImageId');
    if (ids.length > 0 && query.get('MaxResults') !== undefined) {
      throw new Refusal(
        'InvalidParameterCombination',
        'The parameter imageIds cannot be used with the parameter maxResults',
      );
    }
    if (ids.length > 0) return { imagesSet: byId(call, ids).map((image) => imageXml(call, image)) };
    const { ids: page, nextToken } = call.paging.page('DescribeImages', query, () => matching(call), [5, 1000]);
    const images = page.flatMap((id) => visible(call, id) ?? []);
    return { imagesSet: images.map((image) => imageXml(call, image)), nextToken };
  },
};

/** An image as the caller sees it now; undefined when it does not exist for it. */
function visible(call: Call, id: string): SimImage | undefined {
  const image = call.world.seenImage(id);
  if (!image || image.region !== call.place.region || !mayLaunch(image, call.place.account)) return undefined;
  if (image.state === 'disabled' && image.account !== call.place.account) return undefined;
  return image;
}

const isGone = (call: Call, image: SimImage): boolean =>
  image.deregisteredAt !== undefined && call.world.now() - image.deregisteredAt > SHOWN_DEREGISTERED_MS;

/** One id that is not there spoils the whole request; one that was deregistered is first left out without a word. */
function byId(call: Call, ids: readonly string[]): SimImage[] {
  const missing: string[] = [];
  const found: SimImage[] = [];
  for (const id of ids) {
    if (!/^ami-[0-9a-f]+$/.test(id))
      throw new Refusal('InvalidAMIID.Malformed', `Invalid id: "${id}" (expecting "ami-...")`);
    const image = visible(call, id);
    if (!image || (image.deregisteredAt !== undefined && call.world.now() - image.deregisteredAt > FORGOTTEN_AFTER_MS))
      missing.push(id);
    else if (!isGone(call, image)) found.push(image);
  }
  if (missing.length > 0) throw imageNotFound(missing);
  const matches = filterOf(call.query);
  return found.filter((image) => matches((name) => attribute(image, name)));
}

function matching(call: Call): string[] {
  const { query, place, world } = call;
  const owners = query.list('Owner');
  for (const owner of owners) {
    if (!/^(\d{12}|self|amazon|aws-marketplace|aws-backup-vault)$/.test(owner)) {
      throw new Refusal('InvalidUserID.Malformed', `Invalid user id: "${owner}"`);
    }
  }
  const executable = query.list('ExecutableBy');
  const withDisabled = query.flag('IncludeDisabled');
  const withDeprecated = query.flag('IncludeDeprecated');
  const matches = filterOf(query);
  // An unknown filter is refused also where nothing is there to filter.
  matches(() => []);
  const found: string[] = [];
  for (const other of world.places()) {
    if (other.region !== place.region) continue;
    for (const id of other.images.keys()) {
      const image = visible(call, id);
      if (!image || isGone(call, image)) continue;
      const own = image.account === place.account;
      if (owners.length > 0 && !owners.some((owner) => owner === image.account || (owner === 'self' && own))) continue;
      if (executable.length > 0 && !executable.some((user) => isExecutableBy(image, user, place.account))) continue;
      if (image.state === 'disabled' && !withDisabled) continue;
      const deprecated = image.deprecationTime !== undefined && image.deprecationTime <= world.now();
      if (deprecated && !withDeprecated && !own) continue;
      if (matches((name) => attribute(image, name))) found.push(id);
    }
  }
  return found;
}

function isExecutableBy(image: SimImage, user: string, caller: string): boolean {
  if (user === 'all') return image.permissions.public;
  return image.permissions.accounts.includes(user === 'self' ? caller : user);
}

const KNOWN_FILTERS: Readonly<Record<string, (image: SimImage) => readonly (string | undefined)[]>> = {
  name: (image) => [image.name],
  state: (image) => [image.state],
  'image-id': (image) => [image.id],
  'owner-id': (image) => [image.account],
  architecture: (image) => [image.architecture],
  description: (image) => [image.description],
  'creation-date': (image) => [iso(image.createdAt)],
  'is-public': (image) => [String(image.permissions.public)],
  'root-device-type': () => ['ebs'],
  'root-device-name': (image) => [image.volumes[0]?.device],
  'image-type': () => ['machine'],
  'source-image-id': (image) => [image.sourceImageId],
  'source-image-region': (image) => [image.sourceRegion],
  'block-device-mapping.snapshot-id': (image) => image.volumes.map(({ snapshotId }) => snapshotId),
  'block-device-mapping.encrypted': (image) => image.volumes.map(({ encrypted }) => String(encrypted)),
};

function attribute(image: SimImage | undefined, name: string): readonly string[] | undefined {
  const known = KNOWN_FILTERS[name];
  if (known) return image ? known(image).filter((value) => value !== undefined) : [];
  return tagAttribute(name, image?.tags ?? {});
}

function imageXml(call: Call, image: SimImage): Xml {
  const own = image.account === call.place.account;
  const tags = own
    ? image.tags
    : Object.fromEntries(Object.entries(image.tags).filter(([key]) => key.startsWith('ec2:SharedTag/')));
  return {
    imageId: image.id,
    imageLocation: `${image.account}/${image.name}`,
    imageState: image.state,
    imageOwnerId: image.account,
    creationDate: iso(image.createdAt),
    isPublic: image.permissions.public,
    architecture: image.architecture,
    imageType: 'machine',
    name: image.name,
    description: image.description === '' ? undefined : image.description,
    rootDeviceType: 'ebs',
    rootDeviceName: image.volumes[0]?.device ?? '/dev/xvda',
    // The layout of a copy is known when it is there.
    blockDeviceMapping: image.state === 'pending' ? [] : image.volumes.map(mappingXml),
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    enaSupport: true,
    tagSet: tagSet(tags),
    stateReason:
      image.stateReason === undefined ? undefined : { code: 'Client.InternalError', message: image.stateReason },
    deprecationTime: image.deprecationTime === undefined ? undefined : iso(image.deprecationTime),
    lastLaunchedTime:
      own && image.lastLaunchedAt !== undefined ? iso(image.lastLaunchedAt).replace(/\.\d+Z$/, 'Z') : undefined,
    deregistrationProtection: image.protection,
    sourceImageId: image.sourceImageId,
    sourceImageRegion: image.sourceRegion,
    productCodes: image.productCodes.map((code) => ({ productCode: code, type: 'marketplace' })),
    platformDetails: 'Linux/UNIX',
    usageOperation: 'RunInstances',
  };
}

const mappingXml = ({ device, snapshotId, sizeGiB, encrypted }: SimImage['volumes'][number]): Xml => ({
  deviceName: device,
  ebs: { snapshotId, volumeSize: sizeGiB, deleteOnTermination: true, volumeType: 'gp3', encrypted },
});

/** @throws Refusal when the image is not there, or is not the caller's */
export function ownImage(call: Call, id: string): SimImage {
  if (!/^ami-[0-9a-f]+$/.test(id))
    throw new Refusal('InvalidAMIID.Malformed', `Invalid id: "${id}" (expecting "ami-...")`);
  const own = call.place.images.get(id);
  if (own) {
    // A new image is not known everywhere at once, for writers either.
    if (!call.world.seenImage(id)) throw imageNotFound([id]);
    if (own.state !== 'deregistered') return own;
    if (call.world.now() - (own.deregisteredAt ?? 0) > FORGOTTEN_AFTER_MS) throw imageNotFound([id]);
    throw new Refusal('InvalidAMIID.Unavailable', `The image ID '${id}' is no longer available`);
  }
  const foreign = call.world.findImage(id, call.place.region);
  if (foreign && mayLaunch(foreign, call.place.account))
    throw new Refusal('AuthFailure', `Not authorized for image:${id}`, 401);
  throw imageNotFound([id]);
}

export type { Answer };
