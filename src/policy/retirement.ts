import { sourceOfOther } from './claims.ts';
import { DailyBudget } from './daily-budget.ts';
import { claimIn } from './identity.ts';
import { describe, isNothing } from './launch-grants.ts';
import { surplusReason } from './marks.ts';
import { massWithdrawals } from './mass-withdrawal.ts';
import { DAY_MS, type Image, type Target } from './model.ts';
import type { Objection } from './objection.ts';
import { originalOf } from './originals.ts';
import { label, type Pass } from './pass.ts';
import { type OpenOrigins, pendingCopiesFrom } from './pending-copies.ts';
import { protectedBy, protectedByUs } from './protection.ts';
import { ReadyCount } from './ready-count.ts';
import { removeImage } from './removal.ts';
import { restraintOnImage } from './restraints.ts';
import { grantsOutsideSpec } from './shared-places.ts';
import { asCopy, mayRetire, sourceImageOf, sourceSurplusReason } from './source-retirement.ts';
import { deprecateImage, disableImage, markDisabled } from './stage-actions.ts';
import { enabledByOthers, nextStage, type Stage, stagesOf } from './stages.ts';
import { isoTime, TAG, tempGrantAccounts, timeIn } from './tags.ts';
import { isPublished } from './unpublishing.ts';
import { evidenceFor, inUse } from './use.ts';
import type { Copy, Version } from './versions.ts';

/** An image that the rules do not keep, and why. */
interface Leaving {
  readonly version: Version;
  readonly copy: Copy;
  readonly why: string;
  readonly subject: string;
  readonly since: number;
}

/** What the parts of a pass over all that leaves have in common. */
interface Retiring {
  readonly pass: Pass;
  readonly rules: NonNullable<Pass['spec']['retention']>;
  readonly ready: ReadyCount;
  readonly budget: DailyBudget;
  readonly open: OpenOrigins;
}

/**
 * Retires what has been surplus for long enough, by stages. The mark `surplus-since` must have been read back from AWS,
 * the source and the target must have been listed completely in this pass, and every objection is heard, the cheapest
 * first. Who objects is in the plan with its reason; the rest goes on.
 */
export function retire(pass: Pass, open: OpenOrigins): void {
  const { spec, set } = pass;
  const rules = spec.retention;
  if (!rules || stagesOf(rules).length === 0 || !set.sources) return;
  if (rules.inUse === 'Ignore' && !pass.limits.allowIgnoreInUse) {
    pass.draft.block({
      part: 'retention',
      code: 'IgnoreInUseNotAllowed',
      subject: 'retention.inUse',
      message:
        'Ignore is refused, and what is in use is kept: the controller was not started with --allow-ignore-in-use. Say Protect, or have it started with the flag',
      effect: 'stalls',
    });
  }
  const budget = new DailyBudget(pass, rules.maxDeletionsPerDay);
  const retiring: Retiring = { pass, rules, ready: new ReadyCount(pass), budget, open };
  // Oldest first: where a limit cuts the list, what is longest past its time goes first.
  const sources = mayRetire(pass);
  for (const version of set.versions.toReversed()) {
    const leavingSource = sources ? sourceLeaving(pass, version) : undefined;
    if (leavingSource) advance(retiring, leavingSource);
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        const leaving = leavingOf(pass, version, copy, copies);
        if (leaving) advance(retiring, leaving);
      }
    }
  }
}

/** Failed ones are cleaned up elsewhere; what EC2 calls `transient`, `invalid` or `error` is left alone. */
const isRetirable = ({ state }: Image): boolean => state === 'available' || state === 'pending' || state === 'disabled';

function leavingOf(pass: Pass, version: Version, copy: Copy, copies: readonly Copy[]): Leaving | undefined {
  const { image, target, ownership } = copy;
  if (ownership.kind !== 'ours' || !isRetirable(image)) return undefined;
  const why = surplusReason(pass, version, target, originalOf(pass, copy, copies));
  const since = timeIn(image.tags, TAG.surplusSince);
  if (why === undefined || since === undefined) return undefined;
  return { version, copy, why, subject: label(version.name, image.id), since };
}

/** Only one that this policy has claimed: the claim came with the mark. */
function sourceLeaving(pass: Pass, version: Version): Leaving | undefined {
  const image = sourceImageOf(version);
  const why = sourceSurplusReason(pass, version);
  const since = image && timeIn(image.tags, TAG.surplusSince);
  if (!image || why === undefined || since === undefined || !isRetirable(image)) return undefined;
  if (claimIn(image.tags[TAG.claimedBy], pass.owner).kind !== 'ours') return undefined;
  return { version, copy: asCopy(image, pass.owner.source), why, subject: label(version.name, image.id), since };
}

const WILL_BE: Readonly<Record<Stage, string>> = { deprecate: 'deprecated', disable: 'disabled', delete: 'deleted' };

/** Takes an image one stage further, where that is due and nothing speaks against it. */
function advance(retiring: Retiring, leaving: Leaving): void {
  const { pass, rules } = retiring;
  const { version, copy, why, subject, since } = leaving;
  const { image, target } = copy;
  const next = nextStage(rules, image, since, pass.now, pass.began ?? pass.now);
  if (next.kind === 'nothing') return;
  if (next.kind === 'markDisabled') {
    markDisabled(pass, copy, subject, next.value);
    return;
  }
  if (next.kind === 'wait') {
    const proof = next.stage === 'deprecate' ? '' : ' if it is proven unused';
    const message = `surplus since ${isoTime(since)} (${why}); ${WILL_BE[next.stage]} after ${isoTime(next.until)}${proof}`;
    pass.draft.wait({ part: 'retention', subject, target, message, until: next.until });
    return;
  }
  const objection = objectionTo(next.stage, retiring, leaving);
  if (objection === 'asking') return;
  if (objection) {
    pass.draft.block({ part: 'retention', subject, target, effect: 'keeps', ...objection });
    return;
  }
  const days = `${why}; surplus for ${Math.floor((pass.now - since) / DAY_MS)} days`;
  if (next.stage === 'deprecate') {
    deprecateImage(pass, copy, subject, `${days}, deprecated after ${rules.deprecateAfterDays}`);
    return;
  }
  const unused = `unused: ${evidenceFor(pass, image, target).join(', ')}`;
  retiring.ready.remove(version, copy);
  if (next.stage === 'disable') {
    disableImage(pass, copy, subject, `${days}, disabled after ${rules.disableAfterDays}; ${unused}`);
    return;
  }
  retiring.budget.spend(version);
  removeImage(pass, version, copy, {
    kind: 'DeregisterImage',
    reason: `${days}, deleted after ${rules.deleteAfterDays}; ${unused}`,
    keepSnapshots: rules.snapshots === 'Keep',
    counts: true,
  });
}

function objectionTo(stage: Stage, retiring: Retiring, leaving: Leaving): Objection | 'asking' | undefined {
  const { pass, ready, budget, open } = retiring;
  const { version, copy, subject } = leaving;
  const { image, target } = copy;
  const always = protectedBy(image, pass.spec.tags?.add) ?? reEnabled(image) ?? massWithdrawal(pass, version);
  if (always || stage === 'deprecate') return always;
  // It is switched off in this very pass.
  if (protectedByUs(image)) return 'asking';
  const published = isPublished(pass, image, target);
  if (published) return published;
  return (
    sourceOfOther(pass, image) ??
    originInUse(pass, image, open) ??
    wouldLeaveTooFew(pass, version, copy, ready) ??
    replacementMissing(pass, version, target, ready) ??
    (stage === 'disable' ? grantsWouldBeLost(pass, copy, subject) : undefined) ??
    // Before the evidence, for which a report may have to be made.
    (stage === 'delete' ? budget.objection(version) : undefined) ??
    (stage === 'delete' ? restraintOnImage(pass, copy) : undefined) ??
    inUse(pass, image, target, subject)
  );
}

/** Somebody needs what was disabled: that is no drift to repair. */
function reEnabled(image: Image): Objection | undefined {
  if (!enabledByOthers(image)) return undefined;
  return {
    code: 'EnabledAgain',
    message: `kept: it was disabled at ${image.tags[TAG.disabledSince]}, and somebody has enabled it again. Remove the tag ${TAG.disabledSince} to let it go`,
  };
}

/** Disabling takes every launch permission away, and only those that the policy lists can be given again. */
function grantsWouldBeLost(pass: Pass, { image, target }: Copy, subject: string): Objection | 'asking' | undefined {
  if (image.state !== 'available') return undefined;
  const outside = grantsOutsideSpec(pass, target, image, subject);
  if (!outside) return 'asking';
  if (isNothing(outside)) return undefined;
  return {
    code: 'UnlistedGrants',
    message: `kept: disabling it would take it from ${describe(outside)}, which sharing does not list, and nobody could give it back. List them, or take the permission back`,
  };
}

function massWithdrawal(pass: Pass, version: Version): Objection | undefined {
  if (version.withdrawn === undefined) return undefined;
  const message = massWithdrawals(pass).get(version.family);
  return message === undefined ? undefined : { code: 'MassWithdrawal', message };
}

function wouldLeaveTooFew(pass: Pass, version: Version, copy: Copy, ready: ReadyCount): Objection | undefined {
  const { image, target } = copy;
  if (image.state !== 'available') return undefined;
  const { family } = version;
  if (ready.everywhere(family) <= 1) {
    return { code: 'LastImage', message: `kept: it is the last usable image of family ${family} anywhere` };
  }
  // A second copy, or one beside its source, leaves the version as ready as it was.
  if (!ready.isLastThere(version, target) || !isNamed(pass, target)) return undefined;
  const keepNewest = pass.spec.retention?.keepNewest ?? 1;
  const { count, newestId } = ready.there(family, target);
  if (count - 1 < keepNewest) {
    return {
      code: 'LastVersions',
      message: `kept: without it ${count - 1} ready versions of family ${family} would be left there, fewer than keepNewest ${keepNewest}`,
    };
  }
  if (newestId === version.id) {
    return { code: 'NewestReady', message: `kept: it is the newest ready version of family ${family} there` };
  }
  return undefined;
}

const isNamed = (pass: Pass, target: Target): boolean => pass.standings.names(target);

/** A target that the spec no longer names drains only once the family is ready in a target that remains. */
function replacementMissing(pass: Pass, version: Version, target: Target, ready: ReadyCount): Objection | undefined {
  if (isNamed(pass, target) || ready.hasCurrent(version.family)) return undefined;
  return {
    code: 'ReplacementMissing',
    message: `kept: no version of family ${version.family} is ready yet in any target that the policy names`,
  };
}

/** What still needs an image to be copied from; undefined when nothing does. */
export function originInUse(pass: Pass, image: Image, open: OpenOrigins): Objection | undefined {
  const code = 'OriginInUse';
  const pending = pendingCopiesFrom(pass, image)[0];
  if (pending) return { code, message: `kept: ${pending.id} is being copied from it` };
  const waiting = open.waitingFor(image);
  if (waiting !== undefined) return { code, message: `kept: a copy to ${waiting} is still to be made from it` };
  const lent = tempGrantAccounts(image.tags);
  if (lent.length > 0) {
    return { code, message: `kept: its temporary grant to account ${lent.join(', ')} has to be taken back first` };
  }
  return undefined;
}
