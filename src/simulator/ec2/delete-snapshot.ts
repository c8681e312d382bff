import { refuseIfBackup } from './backup.ts';
import { type Call, DONE, type Operation } from './call.ts';
import { Refusal } from './refusal.ts';
import { ownSnapshot } from './snapshot-access.ts';
import { isLocked } from './snapshot-locks.ts';
import type { SimSnapshot } from './world.ts';

/** How long after its image went a snapshot is still said to be in use. */
const IN_USE_AFTER_MS = 8000;

export const deleteSnapshot: Operation = {
  parameters: ['SnapshotId', 'DryRun'],
  mutates: true,
  run(call) {
    const { place, world } = call;
    const snapshot = ownSnapshot(call, call.query.required('SnapshotId'));
    for (const image of place.images.values()) {
      const lingering = image.state !== 'deregistered' || world.now() - (image.deregisteredAt ?? 0) < IN_USE_AFTER_MS;
      if (lingering && image.volumes.some(({ snapshotId }) => snapshotId === snapshot.id))
        throw new Refusal('InvalidSnapshot.InUse', `The snapshot ${snapshot.id} is currently in use by ${image.id}`);
    }
    refuseIfBackup('snapshot', snapshot);
    if (isLocked(snapshot, world.now()))
      throw new Refusal('OperationNotPermitted', `The snapshot ${snapshot.id} is locked and cannot be deleted`);
    // An image in the Recycle Bin does not protect its snapshots: it can then never be restored.
    removeSnapshot(call, snapshot);
    return DONE;
  },
};

/** A pending snapshot goes when it is complete, and into the Recycle Bin what a rule keeps there. */
export function removeSnapshot({ world, place }: Call, snapshot: SimSnapshot): void {
  if (snapshot.state === 'pending') {
    world.putSnapshot({ ...snapshot, deleteWhenDone: true });
    return;
  }
  if (place.snapshotBinDays !== undefined && snapshot.state === 'completed')
    place.snapshotBin.set(snapshot.id, { snapshot, enteredAt: world.now() });
  world.putSnapshot({ ...snapshot, deleted: true });
}
