import { ownerTags } from './identity.ts';
import type { Target } from './model.ts';
import { type Original, originalOf } from './originals.ts';
import { label, type Pass } from './pass.ts';
import { markSources } from './source-retirement.ts';
import { stepBack } from './stage-actions.ts';
import { isoTime, TAG, timeIn } from './tags.ts';
import { type Copy, isSourceTarget, type Version } from './versions.ts';

/**
 * What is written on copies before anything happens to them, and taken off when the rules change their mind: whose they
 * are, that their version is withdrawn, since when they are surplus. Nothing of it is concluded from an incomplete view:
 * while the source or the target could not be listed, marks stay as they are.
 */
export function markCopies(pass: Pass): void {
  const { set } = pass;
  const sourceSeen = set.sources !== undefined;
  if (sourceSeen) markSources(pass);
  for (const version of set.versions) {
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.ownership.kind === 'former') takeOver(pass, version, copy);
        else if (sourceSeen && copy.image.state !== 'failed') {
          markWithdrawn(pass, version, copy);
          markSurplus(pass, version, copy, originalOf(pass, copy, copies));
        }
      }
    }
  }
}

/** A policy that was made again under its name, or first applied from a file, takes its copies back. */
export function takeOver(pass: Pass, version: Version, copy: Copy): void {
  const { draft, owner } = pass;
  const snapshots = copy.image.volumes.flatMap(({ snapshotId }) => (snapshotId === undefined ? [] : [snapshotId]));
  draft.act({
    id: `take-over ${copy.image.id}`,
    kind: 'TakeOver',
    target: copy.target,
    subject: label(version.name, copy.image.id),
    reason: `it was made for an earlier ${owner.namespace}/${owner.name}, which this policy succeeds`,
    call: { do: 'tag', resources: [copy.image.id, ...snapshots], tags: ownerTags(owner) },
  });
}

function markWithdrawn(pass: Pass, version: Version, copy: Copy): void {
  const { draft, now } = pass;
  const marked = copy.image.tags[TAG.withdrawnSince] !== undefined;
  const subject = label(version.name, copy.image.id);
  if (version.withdrawn !== undefined && !marked) {
    draft.act({
      id: `mark-withdrawn ${copy.image.id}`,
      kind: 'MarkWithdrawn',
      target: copy.target,
      subject,
      reason: version.withdrawn,
      call: { do: 'tag', resources: [copy.image.id], tags: { [TAG.withdrawnSince]: isoTime(now) } },
    });
  }
  if (version.withdrawn === undefined && marked) {
    draft.act({
      id: `clear-withdrawn ${copy.image.id}`,
      kind: 'ClearMark',
      target: copy.target,
      subject,
      reason: 'its source is available and matches again',
      call: { do: 'untag', resources: [copy.image.id], keys: [TAG.withdrawnSince] },
    });
  }
}

function markSurplus(pass: Pass, version: Version, copy: Copy, original: Original | undefined): void {
  const { draft, now, spec } = pass;
  const { tags } = copy.image;
  const subject = label(version.name, copy.image.id);
  const why = surplusReason(pass, version, copy.target, original);
  // A mark that cannot be read as a time would keep the copy for ever; it is written again.
  if (why !== undefined && timeIn(tags, TAG.surplusSince) === undefined && spec.retention) {
    draft.act({
      id: `mark-surplus ${copy.image.id}`,
      kind: 'MarkSurplus',
      target: copy.target,
      subject,
      reason: why,
      call: {
        do: 'tag',
        resources: [copy.image.id],
        tags: {
          [TAG.surplusSince]: isoTime(now),
          ...(original?.kind === 'replacement' && { [TAG.replacedBy]: original.id }),
        },
      },
    });
  }
  if (original?.kind === 'replacement' && !spec.retention) {
    draft.block({
      part: 'retention',
      code: 'ReplacedCopyStays',
      subject,
      target: copy.target,
      message: `${why}; without spec.retention nothing is ever deleted: deregister it yourself once nobody uses it`,
      effect: 'keeps',
    });
  }
  if (why === undefined) {
    stepBack(pass, copy, subject, keptWhy(pass, version, copy.target));
    reportPublicDeprecation(pass, copy, subject);
  }
  if (why === undefined && tags[TAG.surplusSince] !== undefined) {
    draft.act({
      id: `clear-surplus ${copy.image.id}`,
      kind: 'ClearMark',
      target: copy.target,
      subject,
      reason: keptWhy(pass, version, copy.target),
      call: { do: 'untag', resources: [copy.image.id], keys: [TAG.surplusSince, TAG.replacedBy] },
    });
  }
}

/** EC2 cancels the deprecation of no public image nor moves its date later (ec2-facts, section 7). */
function reportPublicDeprecation(pass: Pass, { image, target }: Copy, subject: string): void {
  if (!image.public || image.deprecatesAt === undefined || image.deprecatesAt > pass.now) return;
  pass.draft.block({
    part: 'retention',
    code: 'PublicStaysDeprecated',
    subject,
    target,
    message: `it is kept, public, and deprecated since ${isoTime(image.deprecatesAt)}: EC2 takes back the deprecation of no public image. It can be launched all the same; make a new version for those who look for what is not deprecated`,
    effect: 'keeps',
  });
}

function keptWhy(pass: Pass, version: Version, target: Target): string {
  const standing = pass.standings.of(version, target);
  return standing.kind === 'retained' ? `kept again: ${standing.why}` : 'wanted again';
}

/** Why the rules do not keep a copy; undefined when they do. */
export function surplusReason(
  pass: Pass,
  version: Version,
  target: Target,
  original: Original | undefined,
): string | undefined {
  if (original?.kind === 'twin') return `${original.id} is the copy of this version here; this is a second one`;
  if (original?.kind === 'replacement') return `${original.id} takes its place, under the key that the policy asks for`;
  const standing = pass.standings.of(version, target);
  if (standing.kind === 'surplus') return standing.why;
  if (isSourceTarget(target, pass.owner.source) && version.servesAtHome) {
    return 'the source image itself is back in its own region';
  }
  return undefined;
}
