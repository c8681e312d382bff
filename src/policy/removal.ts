import { snapshotsOf, sourceSnapshotsOf, sourceSnapshotTags } from './image-snapshots.ts';
import type { Target } from './model.ts';
import { snapshotsInOneCall } from './one-call.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import type { ActionKind } from './plan.ts';
import { protectedBy } from './protection.ts';
import { snapshotIndexOf } from './snapshot-index.ts';
import { isoTime, TAG } from './tags.ts';
import { type Copy, copiesOf, isSourceTarget, type Version } from './versions.ts';

/**
 * How images leave. The snapshots are marked first, then the image is deregistered, with its snapshots where that is safe
 * (see `snapshotsInOneCall`). In a later pass that no longer finds the image each marked snapshot that is left is deleted.
 * At whatever point this stops, what is left says by itself what is still to do: EC2 keeps no link from a snapshot to an
 * image that is gone.
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
  const withSnapshots = how.keepSnapshots || isSource ? undefined : snapshotsInOneCall(pass, copy);
  draft.act({
    id: `deregister ${image.id}`,
    kind: how.kind,
    target,
    subject,
    reason: how.kind === 'DeregisterImage' ? `${how.reason}; ${whatIsLeft(how, withSnapshots)}` : how.reason,
    call: { do: 'deregister', imageId: image.id, ...(withSnapshots && { withSnapshots }) },
    needs,
    destroys: {
      imageId: image.id,
      state:
        image.state === 'pending' || image.state === 'failed' || image.state === 'disabled' ? image.state : 'available',
      ...(how.counts && { versionId: version.id }),
    },
  });
}

/** What can be said beforehand of undoing it. That a rule of the Recycle Bin keeps an image shows only afterwards. */
function whatIsLeft(how: { readonly keepSnapshots: boolean }, withSnapshots: readonly string[] | undefined): string {
  if (how.keepSnapshots) return 'its snapshots stay';
  if (withSnapshots) return 'with its snapshots, and for good';
  return 'whether the Recycle Bin keeps it shows afterwards';
}

/**
 * Takes the marks of a removal off the snapshots of copies that stay after all. Otherwise a later removal of the image by
 * somebody else would be taken for ours.
 */
export function clearRemovalMarks(pass: Pass): void {
  if (pass.set.sources === undefined) return;
  for (const version of pass.set.versions) {
    for (const copy of copiesOf(version)) {
      const { image, target, ownership } = copy;
      if (ownership.kind !== 'ours' || image.state !== 'available' || !hasRemovalMark(pass, copy)) continue;
      if (pass.draft.has(`deregister ${image.id}`)) continue;
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

function hasRemovalMark(pass: Pass, { image, target }: Copy): boolean {
  const snapshots = inventoryOf(pass, target)?.snapshots;
  return snapshots !== undefined && snapshotIndexOf(snapshots).marks(image.id);
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
