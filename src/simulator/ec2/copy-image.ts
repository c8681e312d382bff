import { type Call, type Operation } from './call.ts';
import { encryptionOf } from './encryption.ts';
import { checkImageId, isAllowed, mayLaunch } from './image-access.ts';
import { checkImageName } from './image-names.ts';
import { checkImageQuota } from './image-quota.ts';
import { tagSpecifications } from './query.ts';
import { imageNotFound, Refusal } from './refusal.ts';
import { isRegion } from './regions.ts';
import { mayUse } from './snapshot-access.ts';
import { checkTagCount } from './tagging.ts';
import { NOBODY, type SimImage, type SimSnapshot, type Tags } from './world.ts';

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
    'SnapshotCopyCompletionDurationMinutes',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const { query, place } = call;
    const token = query.get('ClientToken');
    if (token !== undefined && !/^[\u0021-\u007e]{1,64}$/.test(token)) {
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
    const source = readableSource(call);
    const name = query.required('Name');
    checkImageName(name);
    const copies = [...place.pendingImages.values()].filter((pending) => pending.source !== undefined);
    const { copiesInFlight } = call.world.seed.quotas;
    if (copies.length >= copiesInFlight)
      throw new Refusal(
        'ResourceLimitExceeded',
        `You have reached your quota of ${copiesInFlight} for the number of concurrent AMI copies to this Region.`,
      );
    checkImageQuota(call);
    const imageId = begin(call, source, name);
    if (token !== undefined) place.tokens.set(token, { fingerprint, imageId });
    return { imageId };
  },
};

/**
 * The source as the copier may read it: it must be allowed to launch the image and to use each snapshot, and that must
 * have come through.
 */
function readableSource({ query, world, place }: Call): SimImage {
  const id = query.required('SourceImageId');
  const region = query.required('SourceRegion');
  checkImageId(id);
  if (!isRegion(region)) throw new Refusal('InvalidParameterValue', `Invalid source region: ${region}`);
  if (!world.isEnabled(place.account, region))
    throw new Refusal('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
  const source = world.findImage(id, region);
  const seen = world.seenImage(id);
  const mayBe = [source, seen].every((image) => image !== undefined && mayLaunch(world, image, place.account));
  if (!source || !mayBe || !isAllowed(place, source) || source.state === 'deregistered') throw imageNotFound([id]);
  const unavailable = new Refusal('InvalidRequest', 'The storage for the ami is not available in the source region.');
  if (source.state !== 'available') throw unavailable;
  if (source.account !== place.account && source.productCodes.length > 0)
    throw new Refusal('InvalidRequest', 'Images from AWS Marketplace cannot be copied to another AWS account');
  for (const { snapshotId } of source.volumes) {
    const snapshot = world.findSnapshot(snapshotId, region);
    const shown = world.seenSnapshot(snapshotId);
    if (!snapshot || snapshot.deleted || snapshot.state !== 'completed' || snapshot.archived || !shown)
      throw unavailable;
    if (!mayUse(snapshot, place.account) || !mayUse(shown, place.account))
      throw new Refusal('InvalidRequest', 'You do not have permission to access the storage of this ami');
  }
  return source;
}

function begin(call: Call, source: SimImage, name: string): string {
  const { query, world, place } = call;
  const tags = tagSpecifications(query, ['image', 'snapshot']);
  const imageTags = { ...travellingTags(call, source), ...tags.get('image') };
  checkTagCount(imageTags);
  const limit = completionLimitMs(call);
  const encryptions = source.volumes.map((volume) =>
    encryptionOf(call, { ...volume, account: source.account, region: source.region }),
  );
  const now = world.now();
  const endsAt = now + Math.min(world.copyMs(place), limit);
  const id = world.id(place, 'ami');
  const volumes = source.volumes.map((volume, index) => {
    const encryption = encryptions[index]?.result ?? { encrypted: false };
    const snapshot: SimSnapshot = {
      id: world.id(place, 'snap'),
      account: place.account,
      region: place.region,
      state: 'pending',
      startedAt: now,
      completesAt: endsAt,
      description: `Copied for DestinationAmi ${id} from SourceAmi ${source.id} for SourceSnapshot ${volume.snapshotId}. Task created on ${now.toLocaleString('en-US')}.`,
      tags: tags.get('snapshot') ?? {},
      sizeGiB: volume.sizeGiB,
      ...encryption,
      permissions: [],
      deleted: false,
    };
    world.putSnapshot(snapshot);
    return { device: volume.device, sizeGiB: volume.sizeGiB, snapshotId: snapshot.id, ...encryption };
  });
  // A plain copy takes the deprecation along, one that is encrypted anew does not (ec2-facts, section 1).
  const plain = volumes.every(({ encrypted }) => !encrypted);
  world.putImage({
    id,
    account: place.account,
    region: place.region,
    name,
    description: query.get('Description') ?? '',
    state: 'pending',
    createdAt: Math.floor(now / 1000) * 1000,
    architecture: source.architecture,
    virtualization: source.virtualization,
    tags: imageTags,
    permissions: NOBODY,
    volumes,
    ...(plain && source.deprecationTime !== undefined && { deprecationTime: source.deprecationTime }),
    protection: 'disabled',
    sourceImageId: source.id,
    sourceRegion: source.region,
    productCodes: source.productCodes,
    ...(source.imdsSupport && { imdsSupport: source.imdsSupport }),
    ...(source.bootMode !== undefined && { bootMode: source.bootMode }),
  });
  const failure = encryptions.find((encryption) => encryption.failure !== undefined)?.failure;
  place.pendingImages.set(id, {
    imageId: id,
    endsAt,
    ...(failure !== undefined && { failure }),
    source: { region: source.region, snapshotIds: source.volumes.map(({ snapshotId }) => snapshotId) },
  });
  return id;
}

/** The tags of the source that CopyImageTags takes along: of another account's only the shared ones. */
function travellingTags({ query, place }: Call, source: SimImage): Tags {
  if (!query.flag('CopyImageTags')) return {};
  const own = source.account === place.account;
  return Object.fromEntries(
    Object.entries(source.tags).filter(([key]) => !key.startsWith('aws:') && (own || key.startsWith('ec2:SharedTag/'))),
  );
}

/** A time-based copy is done within the time that was paid for. */
function completionLimitMs({ query }: Call): number {
  const text = query.get('SnapshotCopyCompletionDurationMinutes');
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const minutes = Number(text);
  if (!(minutes >= 15 && minutes <= 2880 && minutes % 15 === 0))
    throw new Refusal(
      'InvalidParameterValue',
      `Value (${text}) for parameter snapshotCopyCompletionDurationMinutes is invalid. Expecting 15 to 2880, in steps of 15.`,
    );
  return minutes * 60_000;
}
