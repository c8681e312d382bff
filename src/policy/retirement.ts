import { judgeUse } from './evidence.ts';
import { duplicateOf, surplusReason } from './marks.ts';
import { massWithdrawals } from './mass-withdrawal.ts';
import { DAY_MS, type Image, type Target, type TargetKey, targetKey } from './model.ts';
import { inventoryOf, label, launchGrantsOf, type Pass } from './pass.ts';
import { removeImage } from './removal.ts';
import { isoTime, TAG, timeIn } from './tags.ts';
import { type Copy, readyImage, type Version } from './versions.ts';

/** Why an image that is due is kept all the same; `asking` where it depends on an answer that is still to come. */
type Objection = { readonly code: string; readonly message: string } | 'asking';

/**
 * Retires what has been surplus for long enough. The mark `surplus-since` must have been read back from AWS, the source
 * and the target must have been listed completely in this pass, and every objection is heard, the cheapest first. Who
 * objects is in the plan with its reason; the rest goes on.
 */
export function retire(pass: Pass): void {
  const { spec, set, owner } = pass;
  const rules = spec.retention;
  if (!rules || rules.deleteAfterDays === undefined || !inventoryOf(pass, owner.source)) return;
  const ready = new ReadyCount(pass);
  const budget = new DailyBudget(pass, rules.maxDeletionsPerDay);
  // Oldest first: where a limit cuts the list, what is longest past its time goes first.
  for (const version of set.versions.toReversed()) {
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        if (copy.ownership.kind !== 'ours' || copy.image.state === 'failed') continue;
        considerDeletion(pass, version, copy, copies, rules.deleteAfterDays, ready, budget);
      }
    }
  }
}

function considerDeletion(
  pass: Pass,
  version: Version,
  copy: Copy,
  copies: readonly Copy[],
  deleteAfterDays: number,
  ready: ReadyCount,
  budget: DailyBudget,
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
    protectedBy(image) ??
    massWithdrawal(pass, version) ??
    wouldLeaveTooFew(pass, version, copy, original !== undefined, ready) ??
    replacementMissing(pass, version, target, ready) ??
    inUse(pass, image, target, subject) ??
    budget.objection(version);
  if (objection === 'asking') return;
  if (objection) {
    draft.block({ part: 'retention', subject, target, effect: 'keeps', ...objection });
    return;
  }
  budget.spend(version);
  ready.remove(version, target, image);
  const days = Math.floor((now - since) / DAY_MS);
  const evidence = evidenceFor(pass, image, target);
  removeImage(pass, version, copy, {
    kind: 'DeregisterImage',
    reason: `${why}; surplus for ${days} days, deleted after ${deleteAfterDays}; unused: ${evidence.join(', ')}`,
    keepSnapshots: pass.spec.retention?.snapshots === 'Keep',
    counts: true,
  });
}

/** What people and other tools say by themselves: a hold, or deregistration protection. */
export function protectedBy(image: Image): Objection | undefined {
  const hold = image.tags[TAG.hold];
  if (hold !== undefined) {
    return {
      code: 'Held',
      message: `kept by the tag ${TAG.hold}${hold ? `: ${hold}` : ''}. Remove the tag to let it go`,
    };
  }
  if (image.protection !== 'disabled') {
    return {
      code: 'Protected',
      message: `kept: its deregistration protection is ${image.protection}. Switch it off to let it go`,
    };
  }
  return undefined;
}

function massWithdrawal(pass: Pass, version: Version): Objection | undefined {
  if (version.withdrawn === undefined) return undefined;
  const message = massWithdrawals(pass).get(version.family);
  return message === undefined ? undefined : { code: 'MassWithdrawal', message };
}

function wouldLeaveTooFew(
  pass: Pass,
  version: Version,
  copy: Copy,
  duplicate: boolean,
  ready: ReadyCount,
): Objection | undefined {
  const { image, target } = copy;
  const pending = originOfPending(pass, image);
  if (pending !== undefined) {
    return { code: 'OriginInUse', message: `kept: ${pending} is being copied from it` };
  }
  if (image.state !== 'available' || duplicate) return undefined;
  const keepNewest = pass.spec.retention?.keepNewest ?? 1;
  const named = pass.standings.targets.some((each) => targetKey(each) === targetKey(target));
  const there = ready.versions(version.family, target);
  if (named && there.length - 1 < keepNewest) {
    return {
      code: 'LastVersions',
      message: `kept: without it ${there.length - 1} ready versions of family ${version.family} would be left there, fewer than keepNewest ${keepNewest}`,
    };
  }
  const newest = there.find((each) => each.withdrawn === undefined);
  if (named && newest?.id === version.id) {
    return { code: 'NewestReady', message: `kept: it is the newest ready version of family ${version.family} there` };
  }
  if (ready.everywhere(version.family) <= 1) {
    return { code: 'LastImage', message: `kept: it is the last usable image of family ${version.family} anywhere` };
  }
  return undefined;
}

/** A target that the spec no longer names drains only once the family is ready in a target that remains. */
function replacementMissing(pass: Pass, version: Version, target: Target, ready: ReadyCount): Objection | undefined {
  const { standings } = pass;
  if (standings.targets.some((each) => targetKey(each) === targetKey(target))) return undefined;
  const replaced = standings.targets.some((each) =>
    ready.versions(version.family, each).some((other) => other.withdrawn === undefined),
  );
  if (replaced) return undefined;
  return {
    code: 'ReplacementMissing',
    message: `kept: no version of family ${version.family} is ready yet in any target that the policy names`,
  };
}

/** The pending image that is copied from this one, of whatever policy; undefined when there is none. */
export function originOfPending(pass: Pass, image: Image): string | undefined {
  for (const action of pass.draft.actions) {
    if (action.call.do === 'copy' && action.call.origin.imageId === image.id)
      return `a copy to ${targetKey(action.target)}`;
  }
  for (const view of pass.targets.values()) {
    if (view.kind !== 'observed') continue;
    for (const other of view.inventory.images.values()) {
      if (other.state === 'pending' && other.madeFrom === image.id) return other.id;
    }
  }
  return undefined;
}

/** Whether evidence stands in the way of taking an image out of use. */
export function inUse(pass: Pass, image: Image, target: Target, subject: string): Objection | undefined {
  const grants = launchGrantsOf(pass, target, image, subject);
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

/** The versions that are ready in each target, as they would be after what this plan removes. */
export class ReadyCount {
  readonly #pass: Pass;
  readonly #removed = new Set<string>();
  readonly #byFamily = new Map<string, Version[]>();
  readonly #everywhere = new Map<string, number>();

  constructor(pass: Pass) {
    this.#pass = pass;
  }

  /** Newest first. */
  versions(family: string, target: Target): readonly Version[] {
    const key: `${string} ${TargetKey}` = `${family} ${targetKey(target)}`;
    let versions = this.#byFamily.get(key);
    if (!versions) {
      versions = this.#pass.set.versions.filter(
        (version) => version.family === family && readyImage(version, target, this.#pass.owner.source) !== undefined,
      );
      this.#byFamily.set(key, versions);
    }
    return versions.filter((version) => !this.#removed.has(`${version.id} ${targetKey(target)}`));
  }

  /** How many usable images of a family there are, sources included. */
  everywhere(family: string): number {
    let count = this.#everywhere.get(family);
    if (count === undefined) {
      count = 0;
      for (const version of this.#pass.set.versions) {
        if (version.family !== family) continue;
        if (version.source.kind === 'usable') count++;
        for (const copies of version.copies.values()) {
          count += copies.filter(({ image }) => image.state === 'available').length;
        }
      }
      this.#everywhere.set(family, count);
    }
    return count;
  }

  remove(version: Version, target: Target, image: Image): void {
    if (image.state !== 'available') return;
    this.#everywhere.set(version.family, this.everywhere(version.family) - 1);
    const copies = version.copies.get(targetKey(target)) ?? [];
    if (copies.filter((copy) => copy.image.state === 'available').length <= 1) {
      this.#removed.add(`${version.id} ${targetKey(target)}`);
    }
  }
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
    return {
      code: 'DailyLimit',
      message: `kept for today: ${this.#begun.size} versions were deleted, the most for one day (retention.maxDeletionsPerDay). It goes on tomorrow, UTC`,
    };
  }

  spend(version: Version): void {
    this.#begun.add(version.id);
  }
}
