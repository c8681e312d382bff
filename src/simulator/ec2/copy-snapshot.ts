import { type Operation, tagSet } from './call.ts';
import { encryptionOf } from './encryption.ts';
import { tagSpecifications } from './query.ts';
import { Refusal, snapshotNotFound } from './refusal.ts';
import { checkSnapshotId, mayUse } from './snapshot-access.ts';

/** ec2-facts, section 3. */
const MAX_COPIES = 20;

export const copySnapshot: Operation = {
  parameters: [
    'SourceSnapshotId',
    'SourceRegion',
    'DestinationRegion',
    'PresignedUrl',
    'Description',
    'Encrypted',
    'KmsKeyId',
    'TagSpecification',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const { query, place, world } = call;
    const sourceId = query.required('SourceSnapshotId');
    const region = query.required('SourceRegion');
    checkSnapshotId(sourceId);
    const source = world.findSnapshot(sourceId, region);
    const seen = world.seenSnapshot(sourceId);
    if (!source || !seen || source.deleted || ![source, seen].every((each) => mayUse(each, place.account)))
      throw snapshotNotFound(sourceId);
    if (source.state !== 'completed')
      throw new Refusal('IncorrectState', `The snapshot ${sourceId} is not in the completed state.`);
    if (place.pendingSnapshots.size >= MAX_COPIES)
      throw new Refusal(
        'ResourceLimitExceeded',
        `Too many snapshot copies in progress. The limit is ${MAX_COPIES} for this destination region.`,
      );
    const { id: snapshotId, encrypted, kmsKeyId, account } = source;
    const encryption = encryptionOf(call, {
      snapshotId,
      encrypted,
      account,
      region,
      ...(kmsKeyId !== undefined && { kmsKeyId }),
    });
    const tags = tagSpecifications(query, ['snapshot']).get('snapshot') ?? {};
    const startedAt = world.now();
    const endsAt = startedAt + world.copyMs(place);
    const id = world.id(place, 'snap');
    world.putSnapshot({
      id,
      account: place.account,
      region: place.region,
      state: 'pending',
      startedAt,
      completesAt: endsAt,
      description: query.get('Description') ?? '',
      tags,
      sizeGiB: source.sizeGiB,
      ...encryption.result,
      permissions: [],
      deleted: false,
    });
    place.pendingSnapshots.set(id, {
      snapshotId: id,
      endsAt,
      ...(encryption.failure !== undefined && { failure: encryption.failure }),
      source: { region, snapshotIds: [sourceId] },
    });
    return { snapshotId: id, tagSet: tagSet(tags) };
  },
};
