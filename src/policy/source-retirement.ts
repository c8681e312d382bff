import { claimFirst } from './claims.ts';
import type { Image, Target } from './model.ts';
import { isAllowed, label, type Pass } from './pass.ts';
import { userOfSource } from './rivals.ts';
import { stepBack } from './stage-actions.ts';
import { isoTime, TAG, timeIn } from './tags.ts';
import { FIRST_ATTEMPT } from './token.ts';
import type { Copy, Version } from './versions.ts';

/** Whether the policy retires source images as well: its own, and only where the AwsAccount allows it by name. */
const asksForIt = ({ spec }: Pass): boolean =>
  spec.retention?.scope === 'CopiesAndSource' && spec.source.images.owner === 'self';

/** The source image of a version while it is there. */
export const sourceImageOf = ({ source }: Version): Image | undefined => ('image' in source ? source.image : undefined);

/** A source image as the parts that retire copies take it. */
export const asCopy = (image: Image, target: Target): Copy => ({
  image,
  target,
  attempt: FIRST_ATTEMPT,
  ownership: { kind: 'ours' },
});

/**
 * Why the rules do not keep a source image; undefined when they do. It is kept as long as its version is wanted or
 * retained in any target (what has no copy there yet may still be copied from it), and as long as another policy of the
 * cluster keeps it.
 */
export function sourceSurplusReason(pass: Pass, version: Version): string | undefined {
  const image = sourceImageOf(version);
  if (image && userOfSource(pass, image)) return undefined;
  if (version.withdrawn !== undefined) return `withdrawn: ${version.withdrawn}`;
  const { standings } = pass;
  if (standings.wanted.has(version.id) || standings.targets.length === 0) return undefined;
  const all = standings.targets.map((target) => standings.of(version, target));
  const [first] = all;
  return first?.kind === 'surplus' && all.every(({ kind }) => kind === 'surplus') ? first.why : undefined;
}

/** Writes on source images since when no rule keeps them, and takes back what was begun where one does again. */
export function markSources(pass: Pass): void {
  const { draft, now, owner, spec } = pass;
  const target = owner.source;
  for (const version of pass.set.versions) {
    const image = sourceImageOf(version);
    if (!image || spec.source.images.owner !== 'self') continue;
    const subject = label(version.name, image.id);
    const marked = image.tags[TAG.surplusSince] !== undefined;
    const why = asksForIt(pass) ? sourceSurplusReason(pass, version) : undefined;
    if (why === undefined && !marked) continue;
    if (why !== undefined && timeIn(image.tags, TAG.surplusSince) !== undefined) continue;
    if (why !== undefined && !mayRetire(pass)) continue;
    const claim = claimFirst(pass, image, 'retention');
    if (!claim) continue;
    if (why === undefined) {
      const reason = asksForIt(pass) ? 'kept again' : 'the policy does not retire source images any more';
      stepBack(pass, { image, target }, subject, reason);
      draft.act({
        id: `clear-surplus ${image.id}`,
        kind: 'ClearMark',
        target,
        subject,
        reason,
        call: { do: 'untag', resources: [image.id], keys: [TAG.surplusSince] },
        needs: claim,
      });
    } else {
      draft.act({
        id: `mark-surplus ${image.id}`,
        kind: 'MarkSurplus',
        target,
        subject,
        reason: `${why}; retention.scope is CopiesAndSource`,
        call: { do: 'tag', resources: [image.id], tags: { [TAG.surplusSince]: isoTime(now) } },
        needs: claim,
      });
    }
  }
}

/** Whether source images may be retired at all; where they may not, that is said once. */
export function mayRetire(pass: Pass): boolean {
  if (!asksForIt(pass)) return false;
  const target = pass.owner.source;
  if (isAllowed(pass, target, 'RetireSources')) return true;
  pass.draft.block({
    part: 'retention',
    code: 'SourceRetirementNotAllowed',
    subject: 'retention.scope',
    target,
    message: `source images stay: AwsAccount ${target.account} does not list RetireSources in spec.allow. A cluster administrator adds it, or say Copies`,
    effect: 'stalls',
  });
  return false;
}
