import { refuseIfBackup } from './backup.ts';
import { type Call, DONE, type Operation } from './call.ts';
import { removeSnapshot } from './delete-snapshot.ts';
import { ownImage } from './image-access.ts';
import { Refusal } from './refusal.ts';
import { isLocked } from './snapshot-locks.ts';
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
    refuseIfBackup('image', image);
    if (place.binDays !== undefined && image.state !== 'pending' && image.state !== 'failed') {
      place.bin.set(image.id, { image, enteredAt: now });
    }
    world.putImage({ ...image, state: 'deregistered', permissions: NOBODY, deregisteredAt: now });
    if (!withSnapshots) return DONE;
    const results = image.volumes.map(({ snapshotId }) => ({ snapshotId, returnCode: drop(call, snapshotId, image) }));
    return { ...DONE, deleteSnapshotResultSet: results };
  },
};

type ReturnCode = 'success' | 'skipped' | 'missing-permissions' | 'internal-error' | 'client-error';

/**
 * What became of a snapshot: that it could not be deleted is no error of the request. What EC2 says of one that is still
 * being made is not documented; here it is left.
 */
function drop(call: Call, snapshotId: string, image: SimImage): ReturnCode {
  const { place, world, hindrance } = call;
  const snapshot = place.snapshots.get(snapshotId);
  if (!snapshot || snapshot.deleted || snapshot.state === 'pending' || isLocked(snapshot, world.now()))
    return 'client-error';
  const used = [...place.images.values()].some(
    (other) =>
      other.id !== image.id &&
      other.state !== 'deregistered' &&
      other.volumes.some((volume) => volume.snapshotId === snapshotId),
  );
  if (used) return 'skipped';
  const hindered = hindrance('DeleteSnapshot');
  if (hindered) return hindered;
  removeSnapshot(call, snapshot);
  return 'success';
}
