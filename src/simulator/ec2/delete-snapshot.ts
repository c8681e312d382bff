import { DONE, type Operation } from './call.ts';
import { Refusal } from './refusal.ts';
import type { SimWorld } from './sim-world.ts';
import { ownSnapshot } from './snapshot-access.ts';
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
    // An image in the Recycle Bin does not protect its snapshots: it can then never be restored.
    removeSnapshot(world, snapshot);
    return DONE;
  },
};

/** A pending snapshot goes when it is complete. */
export function removeSnapshot(world: SimWorld, snapshot: SimSnapshot): void {
  world.putSnapshot(
    snapshot.state === 'pending' ? { ...snapshot, deleteWhenDone: true } : { ...snapshot, deleted: true },
  );
}
