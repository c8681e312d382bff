import { ownershipOf } from './identity.ts';
import { parseKey, type Snapshot, type Target } from './model.ts';
import { inventoryOf, type Pass } from './pass.ts';
import { restraintOn } from './restraints.ts';
import { madeFor, unusedSnapshots } from './snapshot-index.ts';
import { isoTime, TAG } from './tags.ts';

/**
 * How long a snapshot stays after its image was deregistered: until then the Recycle Bin may not show the image yet, and
 * EC2 refuses with InvalidSnapshot.InUse anyway.
 */
const SETTLE_MS = 10_000;
/** A snapshot whose image was never seen is only taken for an orphan after this: a new image can stay invisible for five minutes. */
const ORPHAN_AGE_MS = 15 * 60_000;

/**
 * Deletes the snapshots that are left when their image is gone: those marked for it, and those that a deregistered or
 * vanished copy has left behind. Kept are snapshots marked `kept`, those of images in the Recycle Bin, and every one of
 * which that cannot be said for certain.
 */
export function deleteLeftovers(pass: Pass): void {
  const { owner, targets } = pass;
  for (const [key, view] of targets) {
    if (view.kind !== 'observed') continue;
    const target = parseKey(key);
    unusedSnapshots(view.inventory)
      .filter(({ tags }) => ownershipOf(tags, owner).kind === 'ours')
      .sort((left, right) => (left.id < right.id ? -1 : 1))
      .forEach((snapshot) => deleteLeftover(pass, target, snapshot));
  }
}

function deleteLeftover(pass: Pass, target: Target, snapshot: Snapshot): void {
  const { draft, now } = pass;
  if (snapshot.tags[TAG.kept] !== undefined) return;
  const [marked, time = ''] = (snapshot.tags[TAG.deleting] ?? '').split(' ');
  const imageId = marked || madeFor(snapshot);
  const inventory = inventoryOf(pass, target);
  if (!imageId || !inventory || inventory.images.has(imageId)) return;
  // Somebody else deregistered the image: a policy that keeps snapshots keeps these, too. What never came to be goes.
  if (!marked && pass.spec.retention?.snapshots === 'Keep' && snapshot.state === 'completed') return;
  const since = marked ? Date.parse(time) : snapshot.startedAt;
  const due = (Number.isNaN(since) ? snapshot.startedAt : since) + (marked ? SETTLE_MS : ORPHAN_AGE_MS);
  const subject = `${snapshot.id} of ${imageId}`;
  if (now < due) {
    draft.wait({ part: 'retention', subject, target, message: 'its image is gone; the snapshot follows', until: due });
    return;
  }
  // EC2 accepts the deletion of a pending snapshot and carries it out only once it is complete.
  if (snapshot.state === 'pending') {
    draft.wait({
      part: 'retention',
      subject,
      target,
      message: 'its image is gone; the snapshot follows when it is complete',
      until: now + 60_000,
    });
    return;
  }
  const restraint = restraintOn(pass, target, snapshot);
  if (restraint === 'asking') return;
  if (restraint) {
    draft.block({ part: 'retention', subject, target, effect: 'keeps', ...restraint });
    return;
  }
  const bin = inventory.bin;
  if (!bin) {
    draft.need({ kind: 'bin', target });
    return;
  }
  if (!bin.ok) {
    draft.block({
      part: 'retention',
      code: 'RecycleBinUnknown',
      subject,
      target,
      message: `kept: whether ${imageId} is in the Recycle Bin could not be read: ${bin.why}. Allow ec2:ListImagesInRecycleBin there`,
      effect: 'keeps',
    });
    return;
  }
  const binned = bin.value.get(imageId);
  if (binned) {
    const { exitsAt } = binned;
    const until = exitsAt === undefined ? '' : ` until ${isoTime(exitsAt)}`;
    draft.block({
      part: 'retention',
      code: 'InRecycleBin',
      subject,
      target,
      message: `kept: ${imageId} is in the Recycle Bin${until}, and could not be restored without it. Until then: aws ec2 restore-image-from-recycle-bin --image-id ${imageId} --region ${target.region}`,
      effect: 'keeps',
    });
    return;
  }
  draft.act({
    id: `delete-snapshot ${snapshot.id}`,
    kind: 'DeleteSnapshot',
    target,
    subject,
    reason: `${marked ? 'its image was deregistered' : 'it is left over from a copy that is gone'}, and is not in the Recycle Bin: it cannot be restored`,
    call: { do: 'deleteSnapshot', snapshotId: snapshot.id, of: imageId },
    destroys: { imageId, state: 'gone' },
  });
}

/** A copy that is gone while a snapshot of it is left. */
export interface LostCopy {
  readonly imageId: string;
  readonly sourceId: string;
  /** The value of the attempt tag. */
  readonly attempt: string | undefined;
}

/**
 * Copies that may be lost: what EC2 made for them is left and the image is not listed. Those that were deleted on
 * purpose are not among them.
 */
export function lostBySnapshots(input: {
  readonly snapshots: Iterable<Snapshot>;
  readonly has: (imageId: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}): LostCopy[] {
  const lost = new Map<string, LostCopy>();
  for (const snapshot of input.snapshots) {
    const imageId = madeFor(snapshot);
    const sourceId = snapshot.tags[TAG.sourceImage];
    if (!imageId || !sourceId || snapshot.tags[TAG.deleting] !== undefined || snapshot.tags[TAG.kept] !== undefined)
      continue;
    if (input.has(imageId) || input.now - snapshot.startedAt < ORPHAN_AGE_MS) continue;
    lost.set(imageId, { imageId, sourceId, attempt: snapshot.tags[TAG.attempt] });
  }
  return [...lost.values()];
}
