import { iso, type Operation } from './call.ts';
import { Refusal } from './refusal.ts';
import { ownSnapshot } from './snapshot-access.ts';

/** Archives a snapshot. One that an image uses which is not disabled cannot be archived. */
export const modifySnapshotTier: Operation = {
  parameters: ['SnapshotId', 'StorageTier', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, world, place } = call;
    const snapshot = ownSnapshot(call, query.required('SnapshotId'));
    if ((query.get('StorageTier') ?? 'archive') !== 'archive')
      throw new Refusal('InvalidParameterValue', 'StorageTier must be archive');
    if (snapshot.state !== 'completed')
      throw new Refusal('IncorrectState', `The snapshot ${snapshot.id} is not in the completed state`);
    for (const { id, state, volumes } of place.images.values()) {
      const uses = volumes.some(({ snapshotId }) => snapshotId === snapshot.id);
      if (uses && state !== 'disabled' && state !== 'deregistered')
        throw new Refusal('InvalidSnapshot.InUse', `The snapshot ${snapshot.id} is currently in use by ${id}`);
    }
    world.putSnapshot({ ...snapshot, archived: true });
    return { snapshotId: snapshot.id, tieringStartTime: iso(world.now()) };
  },
};

/** Brings a snapshot back from the archive, for good and at once: EC2 takes up to three days. */
export const restoreSnapshotTier: Operation = {
  parameters: ['SnapshotId', 'PermanentRestore', 'DryRun'],
  mutates: true,
  run(call) {
    const { archived, ...snapshot } = ownSnapshot(call, call.query.required('SnapshotId'));
    if (!archived) throw new Refusal('IncorrectState', `The snapshot ${snapshot.id} is not archived`);
    if (!call.query.flag('PermanentRestore'))
      throw new Refusal('UnsupportedOperation', 'The simulated EC2 restores snapshots only permanently');
    call.world.putSnapshot(snapshot);
    return { snapshotId: snapshot.id, restoreStartTime: iso(call.world.now()), isPermanentRestore: true };
  },
};
