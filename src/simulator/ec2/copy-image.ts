import { between } from '../../ambient/random.ts';
import type { Call, Operation } from './call.ts';
import { mayLaunch } from './describe-images.ts';
import { tagSpecifications } from './query.ts';
import { imageNotFound, Refusal } from './refusal.ts';
import { keyArn, withTags } from './sim-world.ts';
import { NOBODY, type Place, type SimImage, type SimSnapshot } from './world.ts';

/** ec2-facts, section 3. */
const MAX_COPIES = 300;
const NAME = /^[A-Za-z0-9()[\] ./\-'@_]{3,128}$/;

export const copyImage: Operation = {
  parameters: [
    'SourceImageId',
    'SourceRegion',
    'Name',
    'Description',
    'ClientToken',
    'Encrypted',
    'KmsKeyId',
    'CopyImageTags',
    'TagSpecification',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const { query, place } = call;
    const token = query.get('ClientToken');
    if (token !== undefined && (token.length > 64 || !/^[\u0021-\u007e]+$/.test(token))) {
      throw new Refusal('InvalidParameterValue', 'ClientToken must be at most 64 ASCII characters');
    }
    const fingerprint = query.fingerprint(['ClientToken']);
    const known = token === undefined ? undefined : place.tokens.get(token);
    if (known) {
      // Also when that copy has failed or was deregistered since: the token stands for its id.
      if (known.fingerprint === fingerprint) return { imageId: known.imageId };
      throw new Refusal(
        'IdempotentParameterMismatch',
        'The client token you have provided is associated with a resource that has different parameters.',
      );
    }
    const source = readable(call);
    const name = query.required('Name');
    if (!NAME.test(name))
      throw new Refusal(
        'InvalidAMIName.Malformed',
        "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'",
      );
    if (place.copies.size >= MAX_COPIES)
      throw new Refusal(
        'ResourceLimitExceeded',
        `You have reached your quota of ${MAX_COPIES} for the number of concurrent AMI copies to this Region.`,
      );
    const image = begin(call, source, name);
    if (token !== undefined) place.tokens.set(token, { fingerprint, imageId: image.id });

    return { imageId: image.id };
  },
};

/** The source as the copier may read it: it must be allowed to launch the image and to read each snapshot. */
function readable({ query, world, place }: Call): SimImage {
  const id = query.required('SourceImageId');
  const region = query.required('SourceRegion');
  const source = world.findImage(id, region);
  if (!source || source.state === 'deregistered' || !mayLaunch(source, place.account)) throw imageNotFound([id]);
  if (source.state !== 'available') {
    throw new Refusal('InvalidRequest', 'The storage for the ami is not available in the source region.');
  }
  if (source.account === place.account) return source;
  if (source.productCodes.length > 0)
    throw new Refusal('InvalidRequest', 'Images from AWS Marketplace cannot be copied to another AWS account');
  const snapshots = source.volumes.map(({ snapshotId }) => world.findSnapshot(snapshotId, region));
  if (
    snapshots.some(
      (snapshot) =>
        !snapshot || !(snapshot.permissions.includes(place.account) || snapshot.permissions.includes('all')),
    )
  ) {
    throw new Refusal('InvalidRequest', 'You do not have permission to access the storage of this ami');
  }
  return source;
}

function begin(call: Call, source: SimImage, name: string): SimImage {
  const { query, world, place } = call;
  const tags = tagSpecifications(query, ['image', 'snapshot']);
  const own = source.account === place.account;
  const travelling = query.flag('CopyImageTags')
    ? Object.fromEntries(
        Object.entries(source.tags).filter(
          ([key]) => !key.startsWith('aws:') && (own || key.startsWith('ec2:SharedTag/')),
        ),
      )
    : {};
  const encryption = encryptionOf(call, source);
  const now = world.now();
  const [low, high] = world.seed.copySeconds;
  const endsAt = now + between(world.random, low * 1000, high * 1000);
  const id = world.id('ami');
  const volumes = source.volumes.map((volume) => {
    const snapshotId = world.id('snap');
    const snapshot: SimSnapshot = {
      id: snapshotId,
      account: place.account,
      region: place.region,
      state: 'pending',
      startedAt: now,
      completesAt: endsAt,
      description: `Copied for DestinationAmi ${id} from SourceAmi ${source.id} for SourceSnapshot ${volume.snapshotId}. Task created on ${now.toLocaleString('en-US')}.`,
      tags: withTags({}, tags.get('snapshot') ?? {}),
      sizeGiB: volume.sizeGiB,
      ...encryption.result,
      permissions: [],
      deleted: false,
    };
    world.putSnapshot(snapshot);
    return { device: volume.device, sizeGiB: volume.sizeGiB, snapshotId, ...encryption.result };
  });
  const image: SimImage = {
    id,
    account: place.account,
    region: place.region,
    name,
    description: query.get('Description') ?? '',
    state: 'pending',
    createdAt: Math.floor(now / 1000) * 1000,
    architecture: source.architecture,
    tags: withTags(travelling, tags.get('image') ?? {}),
    permissions: NOBODY,
    volumes,
    protection: 'disabled',
    sourceImageId: source.id,
    sourceRegion: source.region,
    productCodes: source.productCodes,
  };
  world.putImage(image);
  place.copies.set(id, {
    imageId: id,
    endsAt,
    ...(encryption.failure !== undefined && { failure: encryption.failure }),
  });
  return image;
}

interface Encryption {
  readonly result: { readonly encrypted: boolean; readonly kmsKeyId?: string };
  /** A key that cannot be used is found out only while copying. */
  readonly failure?: string;
}

/** ec2-facts, section 6. */
function encryptionOf({ query, place }: Call, source: SimImage): Encryption {
  const sourceEncrypted = source.volumes.some(({ encrypted }) => encrypted);
  const asked = query.get('Encrypted');
  const key = query.get('KmsKeyId');
  if (asked === 'false' && sourceEncrypted) {
    throw new Refusal(
      'InvalidRequest',
      `Snapshot ${source.volumes[0]?.snapshotId} is encrypted. Creating an unencrypted copy from an encrypted snapshot is not supported.`,
    );
  }
  if (key !== undefined && asked !== 'true')
    throw new Refusal('InvalidParameterCombination', 'KmsKeyId requires Encrypted to be true');
  if (key !== undefined) {
    const arn = keyArn(place, key);
    return arn === undefined
      ? { result: { encrypted: true, kmsKeyId: key }, failure: 'Copy image failed with an internal error' }
      : { result: { encrypted: true, kmsKeyId: arn } };
  }
  if (asked === 'true' || place.encryptByDefault) return { result: { encrypted: true, kmsKeyId: place.defaultKey } };
  if (!sourceEncrypted) return { result: { encrypted: false } };
  const sameRegion = source.account === place.account && source.region === place.region;
  const kept = sameRegion ? source.volumes[0]?.kmsKeyId : managedKey(place);
  return { result: { encrypted: true, ...(kept !== undefined && { kmsKeyId: kept }) } };
}

const managedKey = (place: Place): string => `arn:aws:kms:${place.region}:${place.account}:key/aws-ebs`;

/** RegisterImage from snapshots: how a new release appears without a builder. */
export const registerImage: Operation = {
  parameters: [
    'Name',
    'Description',
    'Architecture',
    'RootDeviceName',
    'BlockDeviceMapping',
    'VirtualizationType',
    'EnaSupport',
    'TagSpecification',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const { query, place, world } = call;
    const name = query.required('Name');
    if (!NAME.test(name))
      throw new Refusal('InvalidAMIName.Malformed', 'AMI names must be between 3 and 128 characters long');
    const taken = [...place.images.values()].find((image) => image.name === name && image.state !== 'deregistered');
    if (taken) throw new Refusal('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${taken.id}`);
    const volumes = query.structures('BlockDeviceMapping').map((mapping) => {
      const snapshotId = mapping.structure('Ebs').required('SnapshotId');
      const snapshot = place.snapshots.get(snapshotId);
      if (!snapshot || snapshot.deleted)
        throw new Refusal('InvalidSnapshot.NotFound', `The snapshot '${snapshotId}' does not exist.`);
      const { sizeGiB, encrypted, kmsKeyId } = snapshot;
      return {
        device: mapping.get('DeviceName') ?? '/dev/xvda',
        snapshotId,
        sizeGiB,
        encrypted,
        ...(kmsKeyId !== undefined && { kmsKeyId }),
      };
    });
    if (volumes.length === 0) throw new Refusal('MissingParameter', 'The request must contain a root device');
    const id = world.id('ami');
    world.putImage({
      id,
      account: place.account,
      region: place.region,
      name,
      description: query.get('Description') ?? '',
      state: 'available',
      createdAt: Math.floor(world.now() / 1000) * 1000,
      architecture: query.get('Architecture') ?? 'i386',
      tags: withTags({}, tagSpecifications(query, ['image']).get('image') ?? {}),
      permissions: NOBODY,
      volumes,
      protection: 'disabled',
      productCodes: [],
    });
    return { imageId: id };
  },
};
