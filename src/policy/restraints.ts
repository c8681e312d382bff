import { snapshotsOf } from './image-snapshots.ts';
import type { Snapshot, SnapshotLock, Target } from './model.ts';
import type { Objection } from './objection.ts';
import { managerOf } from './other-managers.ts';
import { inventoryOf, type Pass } from './pass.ts';
import { managedBy } from './protection.ts';
import { isoTime, TAG } from './tags.ts';
import type { Copy } from './versions.ts';

/**
 * What speaks against deleting a snapshot that nothing uses any more, as far as it shows: people's hold, another manager,
 * the archive, a lock. `asking` where locks have not been asked for yet. A lock that cannot be seen EC2 itself enforces.
 */
export function restraintOn(pass: Pass, target: Target, snapshot: Snapshot): Objection | 'asking' | undefined {
  const { id, tags, archived } = snapshot;
  const hold = tags[TAG.hold];
  if (hold !== undefined) {
    return {
      code: 'Held',
      message: `kept by the tag ${TAG.hold}${hold ? `: ${hold}` : ''} on ${id}. Remove the tag to let it go`,
    };
  }
  const manager = managerOf(snapshot, pass.spec.tags?.add);
  if (manager !== undefined) return { code: 'ManagedByOther', message: `kept, for ${id}: ${managedBy(manager)}` };
  if (archived) {
    return {
      code: 'SnapshotArchived',
      message: `kept: somebody has moved ${id} to the archive, which is done to keep it. Restore it for good (aws ec2 restore-snapshot-tier --permanent-restore --snapshot-id ${id}) to let it go, or delete it yourself`,
    };
  }
  return lockOn(pass, target, id);
}

function lockOn(pass: Pass, target: Target, id: string): Objection | 'asking' | undefined {
  const locks = inventoryOf(pass, target)?.locks;
  if (!locks) {
    pass.draft.need({ kind: 'locks', target });
    return 'asking';
  }
  const lock = locks.ok ? locks.value.get(id) : undefined;
  return lock && { code: 'SnapshotLocked', message: `kept: ${id} is locked${untilOf(lock)}. ${wayOutOf(lock, id)}` };
}

const untilOf = ({ mode, until }: SnapshotLock): string =>
  ` (${mode})${until === undefined ? '' : ` until ${isoTime(until)}`}`;

/** ec2-facts 11: a compliance lock nobody can take off once its cooling-off period is over. */
const wayOutOf = ({ mode }: SnapshotLock, id: string): string =>
  mode === 'compliance'
    ? 'It goes once the lock has ended, which nobody can take off'
    : `It goes once the lock has ended, or is taken off: aws ec2 unlock-snapshot --snapshot-id ${id}`;

/**
 * What of its snapshots speaks against deregistering an image. Without its image a snapshot that must stay would be of
 * little use to whoever keeps it.
 */
export function restraintOnImage(pass: Pass, copy: Copy): Objection | 'asking' | undefined {
  if (pass.spec.retention?.snapshots === 'Keep') return undefined;
  const own = snapshotsOf(pass, copy);
  for (const snapshot of own) {
    const restraint = restraintOn(pass, copy.target, snapshot);
    if (restraint) return restraint;
  }
  // Those of a source image carry no tag of ours, and so nothing but their locks is known.
  for (const { snapshotId } of copy.image.volumes) {
    const restraint = snapshotId === undefined ? undefined : lockOn(pass, copy.target, snapshotId);
    if (restraint) return restraint;
  }
  return undefined;
}
