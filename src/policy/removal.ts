import { ownershipOf, ownerTags } from './identity.ts';
import { type Snapshot, type Tags, type Target, type TargetKey, targetKey } from './model.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import type { ActionKind } from './plan.ts';
import { protectedBy } from './protection.ts';
import { isoTime, TAG } from './tags.ts';
import { type Copy, isSourceTarget, type Version } from './versions.ts';

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
  const isSource = image.id === version.id;
  const snapshots = isSource ? sourceSnapshotsOf(pass, copy) : snapshotsOf(pass, copy);
  const identity = isSource ? sourceSnapshotTags(pass, version) : {};
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
          tags: { ...identity, [mark]: how.keepSnapshots ? image.id : `${image.id} ${isoTime(now)}` },
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

/** The snapshots that a source image alone uses. They carry nothing of ours before it goes. */
function sourceSnapshotsOf(pass: Pass, { image, target }: Copy): Pick<Snapshot, 'id' | 'tags'>[] {
  const inventory = inventoryOf(pass, target);
  const shared = new Set<string>();
  for (const other of inventory?.images.values() ?? []) {
    if (other.id === image.id || other.state === 'deregistered') continue;
    for (const { snapshotId } of other.volumes) if (snapshotId !== undefined) shared.add(snapshotId);
  }
  return image.volumes
    .flatMap(({ snapshotId }) => snapshotId ?? [])
    .filter((id) => !shared.has(id))
    .map((id) => ({ id, tags: inventory?.snapshots.get(id)?.tags ?? {} }));
}

/** What makes the snapshots of a source image known as this policy's to delete, once the image is gone. */
function sourceSnapshotTags(pass: Pass, version: Version): Tags {
  const { owner } = pass;
  return {
    ...ownerTags(owner),
    [TAG.sourceImage]: version.id,
    [TAG.sourceAccount]: owner.source.account,
    [TAG.sourceRegion]: owner.source.region,
  };
}

/** The snapshots of a copy: those it lists, and those that EC2 says were made for it and that carry our identity. */
function snapshotsOf(pass: Pass, { image, target }: Copy): Snapshot[] {
  const all = inventoryOf(pass, target)?.snapshots;
  const listed = image.volumes.flatMap(({ snapshotId }) => all?.get(snapshotId ?? '') ?? []);
  const madeForIt = madeForImages(pass).get(`${targetKey(target)} ${image.id}`) ?? [];
  return [...new Set([...listed, ...madeForIt])]
    .filter((snapshot) => ownershipOf(snapshot.tags, pass.owner).kind === 'ours')
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}

const known = new WeakMap<Pass, Map<string, Snapshot[]>>();

/** Snapshots by the target and the image that they were made for. */
function madeForImages(pass: Pass): Map<string, Snapshot[]> {
  const before = known.get(pass);
  if (before) return before;
  const found = new Map<string, Snapshot[]>();
  for (const [key, view] of pass.targets) {
    if (view.kind !== 'observed') continue;
    for (const snapshot of view.inventory.snapshots.values()) {
      const imageId = madeFor(snapshot);
      if (imageId === undefined) continue;
      const list = found.get(`${key} ${imageId}`);
      if (list) list.push(snapshot);
      else found.set(`${key} ${imageId}`, [snapshot]);
    }
  }
  known.set(pass, found);
  return found;
}

/**
 * Takes the marks of a removal off the snapshots of copies that stay after all. Otherwise a later removal of the image by
 * somebody else would be taken for ours.
 */
export function clearRemovalMarks(pass: Pass): void {
  if (pass.set.sources === undefined) return;
  for (const version of pass.set.versions) {
    for (const copy of [...version.copies.values()].flat()) {
      const { image, target, ownership } = copy;
      if (ownership.kind !== 'ours' || image.state !== 'available' || pass.draft.has(`deregister ${image.id}`))
        continue;
      const marked = snapshotsOf(pass, copy).filter(({ tags }) =>
        [TAG.deleting, TAG.kept].some((key) => tags[key]?.startsWith(image.id)),
      );
      if (marked.length === 0) continue;
      pass.draft.act({
        id: `clear-removal ${image.id}`,
        kind: 'ClearMark',
        target,
        subject: `${marked.map(({ id }) => id).join(', ')} of ${label(version.name, image.id)}`,
        reason: 'its image was to be removed and stays after all',
        call: { do: 'untag', resources: marked.map(({ id }) => id), keys: [TAG.deleting, TAG.kept] },
      });
    }
  }
}

/** ec2-facts 5.3: the description that EC2 gives to the snapshots of a copied image names that image. */
export function madeFor(snapshot: Snapshot): string | undefined {
  if (!snapshot.description.startsWith('Copied for DestinationAmi ')) return undefined;
  return /^Copied for DestinationAmi (ami-[0-9a-f]+) /.exec(snapshot.description)?.[1];
}

/**
 * Failed copies go once a later attempt is there, or once nobody wants the version in that target any more. Until then
 * they stay: their ids and dates are what the next attempt is reckoned from.
 */
export function cleanUpFailed(pass: Pass): void {
  if (pass.set.sources === undefined) return;
  for (const version of pass.set.versions) {
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.image.state === 'failed' && copy.ownership.kind === 'ours') cleanUp(pass, version, copy, copies);
      }
    }
  }
}

function cleanUp(pass: Pass, version: Version, copy: Copy, copies: readonly Copy[]): void {
  const { image, target, attempt } = copy;
  const successor =
    copies.find((other) => other.image.state !== 'failed') ??
    copies.find((other) => other.attempt.count > attempt.count);
  if (!successor && isMissedThere(pass, version, target)) return;
  const objection = protectedBy(image, pass.spec.tags?.add);
  if (objection) {
    const subject = label(version.name, image.id);
    pass.draft.block({ part: 'replication', subject, target, effect: 'keeps', ...objection });
    return;
  }
  const why = `the copy failed (${image.stateReason ?? 'no reason given'})`;
  removeImage(pass, version, copy, {
    kind: 'CleanUpFailedCopy',
    reason: successor
      ? `${why} and ${successor.image.id} takes its place`
      : `${why}, attempt ${attempt.count + 1}, and the version is no longer wanted here`,
    keepSnapshots: false,
    counts: false,
  });
}

/** Whether a copy is still to be made there, so that the next attempt is reckoned from the failed one. */
function isMissedThere(pass: Pass, version: Version, target: Target): boolean {
  const { owner, standings } = pass;
  if (isSourceTarget(target, owner.source) && version.servesAtHome) return false;
  return standings.of(version, target).kind === 'wanted';
}

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
    const used = new Set<string>();
    for (const image of view.inventory.images.values()) {
      for (const { snapshotId } of image.volumes) if (snapshotId !== undefined) used.add(snapshotId);
    }
    [...view.inventory.snapshots.values()]
      .filter((snapshot) => !used.has(snapshot.id) && ownershipOf(snapshot.tags, owner).kind === 'ours')
      .sort((left, right) => (left.id < right.id ? -1 : 1))
      .forEach((snapshot) => deleteLeftover(pass, target, snapshot));
  }
}

function deleteLeftover(pass: Pass, target: Target, snapshot: Snapshot): void {
  const { draft, now } = pass;
  if (snapshot.tags[TAG.kept] !== undefined || snapshot.tags[TAG.hold] !== undefined) return;
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
      message: `kept: whether ${imageId} is in the Recycle Bin could not be read: ${bin.why}. Allow ec2:ListImagesInRecycleBin there`,
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
