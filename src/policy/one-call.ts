import { ownershipOf } from './identity.ts';
import { usedByOthers } from './image-snapshots.ts';
import { inventoryOf, isAllowed, type Pass } from './pass.ts';
import { restraintOn } from './restraints.ts';
import { TAG } from './tags.ts';
import type { Copy } from './versions.ts';

/**
 * The snapshots of a copy, where all of them may go in the very call that deregisters it; undefined: they follow by
 * themselves, once the image is gone. In one call nobody can see first whether a rule of the Recycle Bin has kept the
 * image, which could not be restored without them (ec2-facts 8.5), and EC2 tells of no rules beforehand. So only what was
 * never finished goes like that, and in accounts that allow it by name every copy.
 */
export function snapshotsInOneCall(pass: Pass, { image, target }: Copy): readonly string[] | undefined {
  const wasNeverReady = image.state === 'failed' || image.state === 'pending';
  if (!wasNeverReady && !isAllowed(pass, target, 'SkipRecycleBin')) return undefined;
  const inventory = inventoryOf(pass, target);
  const ids = image.volumes.flatMap(({ snapshotId }) => snapshotId ?? []);
  const others = usedByOthers(pass, { image, target });
  const mayGo = (id: string): boolean => {
    const snapshot = inventory?.snapshots.get(id);
    return (
      snapshot !== undefined &&
      !others.has(id) &&
      ownershipOf(snapshot.tags, pass.owner).kind === 'ours' &&
      snapshot.tags[TAG.kept] === undefined &&
      // Of what was never ready nobody locks a snapshot, and EC2 would refuse that one alone.
      (wasNeverReady ? snapshot.tags[TAG.hold] === undefined : restraintOn(pass, target, snapshot) === undefined)
    );
  };
  return ids.length > 0 && ids.every(mayGo) ? ids : undefined;
}
