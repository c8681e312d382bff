import { judgeUse } from './evidence.ts';
import { duplicateOf, surplusReason } from './marks.ts';
import { massWithdrawals } from './mass-withdrawal.ts';
import { DAY_MS, type Image, type Target } from './model.ts';
import { inventoryOf, label, launchGrantsOf, type Pass } from './pass.ts';
import { type OpenOrigins, pendingCopiesFrom } from './pending-copies.ts';
import { protectedBy } from './protection.ts';
import { ReadyCount } from './ready-count.ts';
import { removeImage } from './removal.ts';
import { isoTime, TAG, tempGrantAccounts, timeIn } from './tags.ts';
import type { Copy, Version } from './versions.ts';

/** Why an image that is due is kept all the same. */
export interface Objection {
  readonly code: string;
  readonly message: string;
}

/**
 * Retires what has been surplus for long enough. The mark `surplus-since` must have been read back from AWS, the source
 * and the target must have been listed completely in this pass, and every objection is heard, the cheapest first. Who
 * objects is in the plan with its reason; the rest goes on.
 */
export function retire(pass: Pass, open: OpenOrigins): void {
  const { spec, set, owner } = pass;
  const rules = spec.retention;
  if (!rules || rules.deleteAfterDays === undefined || !inventoryOf(pass, owner.source)) return;
  const ready = new ReadyCount(pass);
  const budget = new DailyBudget(pass, rules.maxDeletionsPerDay);
  // Oldest first: where a limit cuts the list, what is longest past its time goes first.
  for (const version of set.versions.toReversed()) {
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.ownership.kind === 'ours' && isRetirable(copy.image)) {
          considerDeletion(pass, version, copy, copies, rules.deleteAfterDays, ready, budget, open);
        }
      }
    }
  }
}

/** Failed ones are cleaned up elsewhere; what EC2 calls `transient`, `invalid` or `error` is left alone. */
const isRetirable = ({ state }: Image): boolean => state === 'available' || state === 'pending' || state === 'disabled';

function considerDeletion(
  pass: Pass,
  version: Version,
  copy: Copy,
  copies: readonly Copy[],
  deleteAfterDays: number,
  ready: ReadyCount,
  budget: DailyBudget,
  open: OpenOrigins,
): void {
  const { draft, now } = pass;
  const { image, target } = copy;
  const original = duplicateOf(copy, copies);
  const why = surplusReason(pass, version, target, original);
  const since = timeIn(image.tags, TAG.surplusSince);
  if (why === undefined || since === undefined) return;
  const subject = label(version.name, image.id);
  const due = since + deleteAfterDays * DAY_MS;
  if (now < due) {
    draft.wait({
      part: 'retention',
      subject,
      target,
      message: `surplus since ${isoTime(since)} (${why}); deleted after ${isoTime(due)} if it is proven unused`,
      until: due,
    });
    return;
  }
  const objection =
    protectedBy(image, pass.spec.tags?.add) ??
    massWithdrawal(pass, version) ??
    originInUse(pass, image, open) ??
    wouldLeaveTooFew(pass, version, copy, ready) ??
    replacementMissing(pass, version, target, ready) ??
    inUse(pass, image, target, subject) ??
    budget.objection(version);
  if (objection === 'asking') return;
  if (objection) {
    draft.block({ part: 'retention', subject, target, effect: 'keeps', ...objection });
    return;
  }
  budget.spend(version);
  ready.remove(version, copy);
  const days = Math.floor((now - since) / DAY_MS);
  const evidence = evidenceFor(pass, image, target);
  removeImage(pass, version, copy, {
    kind: 'DeregisterImage',
    reason: `${why}; surplus for ${days} days, deleted after ${deleteAfterDays}; unused: ${evidence.join(', ')}`,
    keepSnapshots: pass.spec.retention?.snapshots === 'Keep',
    counts: true,
  });
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

/** Whether evidence stands in the way of removing an image; `asking` where that depends on an answer still to come. */
export function inUse(pass: Pass, image: Image, target: Target, subject: string): Objection | 'asking' | undefined {
  const grants = launchGrantsOf(pass, target, image, subject, pass.deleting ? 'deletion' : 'retention');
  const references = inventoryOf(pass, target)?.references.get(image.id);
  if (!references) pass.draft.need({ kind: 'references', target, imageId: image.id });
  if (!grants || !references) return 'asking';
  const evidence = judgeUse(image, grants, references, pass.now);
  const because = evidence.because.join('; ');
  if (evidence.verdict === 'inUse') return { code: 'InUse', message: `kept, it is in use: ${because}` };
  if (evidence.verdict === 'unknown') {
    return { code: 'UseUnknown', message: `kept, whether it is in use is not known: ${because}` };
  }
  return undefined;
}

/** What an image that `inUse` did not object to was found unused by. */
export function evidenceFor(pass: Pass, image: Image, target: Target): readonly string[] {
  const inventory = inventoryOf(pass, target);
  const grants = inventory?.launchGrants.get(image.id);
  const references = inventory?.references.get(image.id);
  return grants?.ok && references ? judgeUse(image, grants.value, references, pass.now).because : [];
}

/** How many versions may still be deleted today. A version counts once, in however many targets it goes. */
export class DailyBudget {
  readonly #begun: Set<string>;
  readonly #limit: number;

  constructor(pass: Pass, limit: number) {
    this.#begun = new Set(pass.deletedToday);
    this.#limit = limit;
  }

  objection(version: Version): Objection | undefined {
    if (this.#begun.has(version.id) || this.#begun.size < this.#limit) return undefined;
    if (this.#limit === 0) {
      return {
        code: 'DeletionsStopped',
        message: 'kept: retention.maxDeletionsPerDay is 0, which stops all deletions',
      };
    }
    return {
      code: 'DailyLimit',
      message: `kept for today: ${this.#begun.size} versions were deleted, the most for one day (retention.maxDeletionsPerDay). It goes on tomorrow, UTC`,
    };
  }

  spend(version: Version): void {
    this.#begun.add(version.id);
  }
}
