import { type Call, DONE, type Operation } from './call.ts';
import { removeSnapshot } from './delete-snapshot.ts';
import { ownImage } from './image-access.ts';
import { Refusal } from './refusal.ts';
import { NOBODY, protectionOf, type SimImage } from './world.ts';

export const deregisterImage: Operation = {
  parameters: ['ImageId', 'DeleteAssociatedSnapshots', 'DryRun'],
  mutates: true,
  run(call) {
    const { world, place, query } = call;
    const image = ownImage(call, query.required('ImageId'));
    const withSnapshots = query.flag('DeleteAssociatedSnapshots');
    const now = world.now();
    const protection = protectionOf(image, now);
    if (protection !== 'disabled') {
      throw new Refusal(
        'OperationNotPermitted',
        `Image ${image.id} is protected against deregistration: its deregistration protection is ${protection}.`,
      );
    }
    if (place.binDays !== undefined && image.state !== 'pending' && image.state !== 'failed') {
      place.bin.set(image.id, { image, enteredAt: now });
    }
    world.putImage({ ...image, state: 'deregistered', permissions: NOBODY, deregisteredAt: now });
    if (!withSnapshots) return DONE;
    const results = image.volumes.map(({ snapshotId }) => ({ snapshotId, returnCode: drop(call, snapshotId, image) }));
    return { ...DONE, deleteSnapshotResultSet: results };
  },
};

/** What became of a snapshot: that it could not be deleted is no error of the request. */
function drop({ world, place }: Call, snapshotId: string, image: SimImage): 'success' | 'skipped' | 'client-error' {
  const snapshot = place.snapshots.get(snapshotId);
  if (!snapshot || snapshot.deleted) return 'client-error';
  const used = [...place.images.values()].some(
    (other) =>
      other.id !== image.id &&
      other.state !== 'deregistered' &&
      other.volumes.some((volume) => volume.snapshotId === snapshotId),
  );
  if (used) return 'skipped';
  removeSnapshot(world, snapshot);
  return 'success';
}
