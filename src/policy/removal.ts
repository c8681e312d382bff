import { ownershipOf } from './identity.ts';
import type { Snapshot, Target, TargetKey } from './model.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import type { ActionKind } from './plan.ts';
import { isoTime, TAG } from './tags.ts';
import { nextAttempt } from './token.ts';
import type { Copy, Version } from './versions.ts';

/**
 * How images leave. The snapshots are marked first, then the image is deregistered, then, in a later pass that no longer
 * finds the image, each marked snapshot is deleted. At whatever point this stops, what is left says by itself what is
 * still to do: EC2 keeps no link from a snapshot to an image that is gone.
 */
export function removeImage(
  pass: Pass,
  version: Version,
  copy: Copy,
  how: {
    readonly kind: Extract<ActionKind, 'DeregisterImage' | 'CleanUpFailedCopy' | 'CancelCopy'>;
    readonly reason: string;
    readonly keepSnapshots: boolean;
    /** Whether it counts as a deletion of its version for the daily limit. */
    readonly counts: boolean;
  },
): void {
  const { draft, now } = pass;
  const { image, target } = copy;
  const subject = label(version.name, image.id);
  const snapshots = snapshotsOf(pass, copy);
  const needs: string[] = [];
  const mark = how.keepSnapshots ? TAG.kept : TAG.deleting;
  const unmarked = snapshots.filter((snapshot) => snapshot.tags[mark]?.startsWith(image.id) !== true);
  if (unmarked.length > 0) {
    needs.push(
      draft.act({
        id: `mark-snapshots ${image.id}`,
        kind: how.keepSnapshots ? 'KeepSnapshots' : 'MarkForDeletion',
        target,
        subject: `${unmarked.map(({ id }) => id).join(', ')} of ${subject}`,
        reason: how.keepSnapshots
          ? 'its image goes, and retention.snapshots says Keep'
          : 'its image goes: marked first, so that it is found again should this be interrupted',
        call: {
          do: 'tag',
          resources: unmarked.map(({ id }) => id),
          tags: { [mark]: how.keepSnapshots ? image.id : `${image.id} ${isoTime(now)}` },
        },
      }),
    );
  }
  draft.act({
    id: `deregister ${image.id}`,
    kind: how.kind,
    target,
    subject,
    reason: how.reason,
    call: { do: 'deregister', imageId: image.id },
    needs,
    destroys: {
      imageId: image.id,
      state:
        image.state === 'pending' || image.state === 'failed' || image.state === 'disabled' ? image.state : 'available',
      ...(how.counts && { versionId: version.id }),
    },
  });
}

/** The snapshots of a copy: those it lists, and those that EC2 says were made for it and that carry our identity. */
function snapshotsOf(pass: Pass, copy: Copy): Snapshot[] {
  const inventory = inventoryOf(pass, copy.target);
  const listed = new Set(copy.image.volumes.map(({ snapshotId }) => snapshotId));
  return [...(inventory?.snapshots.values() ?? [])].filter(
    (snapshot) =>
      ownershipOf(snapshot.tags, pass.owner).kind === 'ours' &&
      (listed.has(snapshot.id) || madeFor(snapshot) === copy.image.id),
  );
}

/** ec2-facts 5.3: the description that EC2 gives to the snapshots of a copied image names that image. */
export function madeFor(snapshot: Snapshot): string | undefined {
  return /^Copied for DestinationAmi (ami-[0-9a-f]+) /.exec(snapshot.description)?.[1];
}

/**
 * Failed copies go once a later attempt is there, or once nobody wants the version in that target any more. Until then
 * they stay: their ids and dates are what the next attempt is reckoned from.
 */
export function cleanUpFailed(pass: Pass): void {
  for (const version of pass.set.versions) {
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.image.state !== 'failed' || copy.ownership.kind !== 'ours') continue;
        const successor = copies.find((other) => other.image.state !== 'failed');
        const later = copies.find(
          (other) => other.image.state === 'failed' && other.attempt.count > copy.attempt.count,
        );
        const standing = pass.standings.of(version, copy.target);
        const sourceSeen = inventoryOf(pass, pass.owner.source) !== undefined;
        if (!successor && !later && (standing.kind === 'wanted' || !sourceSeen)) continue;
        const next = nextAttempt(copy.attempt, copy.image.id);
        removeImage(pass, version, copy, {
          kind: 'CleanUpFailedCopy',
          reason:
            successor || later
              ? `the copy failed (${copy.image.stateReason ?? 'no reason given'}) and ${(successor ?? later)?.image.id} takes its place`
              : `the copy failed (${copy.image.stateReason ?? 'no reason given'}, attempt ${next.count}) and the version is no longer wanted here`,
          keepSnapshots: false,
          counts: false,
        });
      }
    }
  }
}

/**
 * How long a snapshot stays after its image was deregistered: until then the Recycle Bin may not show the image yet, and
 * EC2 refuses with InvalidSnapshot.InUse anyway.
 */
const SETTLE_MS = 10_000;
/** A snapshot whose image was never seen is only taken for an orphan after this: a new image can stay invisible for five minutes. */
export const ORPHAN_AGE_MS = 15 * 60_000;

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
    const used = new Set<string>();
    for (const image of view.inventory.images.values()) {
      for (const { snapshotId } of image.volumes) if (snapshotId !== undefined) used.add(snapshotId);
    }
    for (const snapshot of view.inventory.snapshots.values()) {
      if (used.has(snapshot.id) || ownershipOf(snapshot.tags, owner).kind !== 'ours') continue;
      deleteLeftover(pass, target, snapshot);
    }
  }
}

function deleteLeftover(pass: Pass, target: Target, snapshot: Snapshot): void {
  const { draft, now } = pass;
  if (snapshot.tags[TAG.kept] !== undefined || snapshot.tags[TAG.hold] !== undefined) return;
  const [marked, time = ''] = (snapshot.tags[TAG.deleting] ?? '').split(' ');
  const imageId = marked || madeFor(snapshot);
  const inventory = inventoryOf(pass, target);
  if (!imageId || !inventory || inventory.images.has(imageId)) return;
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
    });
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
      message: `kept: whether ${imageId} is in the Recycle Bin could not be read: ${bin.why}`,
      effect: 'keeps',
    });
    return;
  }
  if (bin.value.has(imageId)) {
    draft.block({
      part: 'retention',
      code: 'InRecycleBin',
      subject,
      target,
      message: `kept: ${imageId} is in the Recycle Bin and could not be restored without it`,
      effect: 'keeps',
    });
    return;
  }
  draft.act({
    id: `delete-snapshot ${snapshot.id}`,
    kind: 'DeleteSnapshot',
    target,
    subject,
    reason: marked ? 'its image was deregistered' : 'it is left over from a copy that is gone',
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

export function parseKey(key: TargetKey): Target {
  const [account = '', region = ''] = key.split('/');
  return { account, region };
}
