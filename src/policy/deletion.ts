import { ABANDON_ANNOTATION } from '../api/group.ts';
import { sourceOfOther } from './claims.ts';
import { DailyBudget } from './daily-budget.ts';
import { deleteLeftovers } from './leftovers.ts';
import { takeOver } from './marks.ts';
import { type Image, parseKey, type TargetKey, targetKey } from './model.ts';
import type { Objection } from './objection.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { OpenOrigins } from './pending-copies.ts';
import { dropProtection, protectedBy, protectedByUs } from './protection.ts';
import { ReadyCount } from './ready-count.ts';
import { removeImage } from './removal.ts';
import { restraintOnImage } from './restraints.ts';
import { originInUse } from './retirement.ts';
import { tempGrantAccounts } from './tags.ts';
import { closeUnneeded, markedOrigins } from './temporary-grants.ts';
import { isPublished, removeUnwanted } from './unpublishing.ts';
import { evidenceFor, inUse } from './use.ts';
import { type Copy, copiesOf, type Version } from './versions.ts';

/** What `retention.maxDeletionsPerDay` is where the policy has no retention. */
const DELETIONS_PER_DAY = 10;

/**
 * What is still to do for a policy that is being deleted. Temporary grants are taken back in any case. `Retain` leaves
 * everything else as it is; `Delete` takes every copy away (never a source) as soon as it is proven unused.
 * @returns whether nothing is left, so that the finalizer may go
 */
export function windDown(pass: Pass): boolean {
  const { draft } = pass;
  const seen = everythingSeen(pass);
  closeUnneeded(pass, () => false);
  const open = [...markedOrigins(pass)].filter(({ image }) => tempGrantAccounts(image.tags).length > 0);
  for (const { image, target } of open) {
    draft.wait({
      part: 'deletion',
      subject: label(image.name, image.id),
      target,
      message: `the temporary grant to ${tempGrantAccounts(image.tags).join(', ')} is taken back first, once the copies that need it have ended`,
      behind: true,
    });
  }
  if (!deletes(pass)) return seen && open.length === 0;
  if (isGivenUp(pass)) return seen && open.length === 0;
  // Without the source nobody knows which image is the last one.
  if (!inventoryOf(pass, pass.owner.source)) return false;
  removeUnwanted(pass, new Set());
  const left = deleteCopies(pass);
  deleteLeftovers(pass);
  const idle = draft.actions.length === 0 && draft.waits.length === 0 && draft.needs().length === 0;
  return seen && !left && open.length === 0 && idle;
}

/** A policy that was only to plan has nothing deleted by its end, either. */
const deletes = ({ spec }: Pass): boolean => spec.deletionPolicy === 'Delete' && spec.mode !== 'Plan';

/** With the source given up nobody knows which image is the last one, so that no more is deleted. */
const isGivenUp = ({ abandoned = [], owner }: Pass): boolean =>
  abandoned.includes(owner.source.account) || abandoned.includes(targetKey(owner.source));

/** With a target out of sight nobody can say that nothing is left there. */
function everythingSeen(pass: Pass): boolean {
  let seen = true;
  for (const [key, view] of pass.targets) {
    if (view.kind === 'observed' || !matters(pass, key)) continue;
    seen = false;
    pass.draft.block({
      part: 'deletion',
      code: 'DeletionBlocked',
      subject: key,
      target: parseKey(key),
      message: `whether anything of this policy is left in ${key} cannot be seen: ${view.message}. Restore the access, or let go of what is there: kubectl annotate amipolicy ${pass.owner.name} -n ${pass.owner.namespace} --overwrite ${ABANDON_ANNOTATION}=${key}`,
      effect: view.stalls ? 'stalls' : 'retries',
    });
  }
  return seen;
}

/** `Retain` only has grants to take back, and those are on origins: where copies are made, and in the source account. */
const matters = (pass: Pass, key: TargetKey): boolean =>
  deletes(pass) ||
  (pass.spec.accounts !== undefined && pass.spec.accounts.length > 0) ||
  key === targetKey(pass.owner.source);

/** @returns whether a copy is left */
function deleteCopies(pass: Pass): boolean {
  const ready = new ReadyCount(pass);
  const budget = new DailyBudget(pass, pass.spec.retention?.maxDeletionsPerDay ?? DELETIONS_PER_DAY);
  let left = false;
  for (const version of pass.set.versions.toReversed()) {
    for (const copy of copiesOf(version)) {
      left = true;
      // What an earlier policy of this name has left belongs to this one first, and is deleted then.
      if (copy.ownership.kind === 'former') takeOver(pass, version, copy);
      else deleteCopy(pass, version, copy, ready, budget);
    }
  }
  return left;
}

const WHY = 'the policy is being deleted, with deletionPolicy Delete';

function deleteCopy(pass: Pass, version: Version, copy: Copy, ready: ReadyCount, budget: DailyBudget): void {
  const { image, target } = copy;
  const { state } = image;
  const subject = label(version.name, image.id);
  if (state === 'transient') {
    pass.draft.wait({
      part: 'deletion',
      subject,
      target,
      message: 'it is in transition, says EC2',
      until: pass.now + 15_000,
    });
    return;
  }
  dropProtection(pass, image, target, subject);
  if (protectedByUs(image)) return;
  const unfinished = state === 'failed' || state === 'pending';
  const objection =
    protectedBy(image, pass.spec.tags?.add) ??
    broken(image) ??
    (unfinished ? undefined : stillNeeded(pass, version, image, ready)) ??
    (unfinished ? undefined : isPublished(pass, image, target)) ??
    (unfinished ? undefined : budget.objection(version)) ??
    (unfinished ? undefined : restraintOnImage(pass, copy)) ??
    (unfinished ? undefined : inUse(pass, image, target, subject));
  if (objection === 'asking') return;
  if (objection) {
    const byItself =
      objection.code === 'Published' || objection.code === 'DailyLimit' || objection.code === 'OriginInUse';
    pass.draft.block({
      part: 'deletion',
      code: 'DeletionBlocked',
      subject,
      target,
      message: `${objection.message}. To delete the policy and keep what is left, set deletionPolicy: Retain`,
      effect: byItself ? 'retries' : 'stalls',
    });
    return;
  }
  if (unfinished) {
    removeImage(pass, version, copy, {
      kind: state === 'failed' ? 'CleanUpFailedCopy' : 'CancelCopy',
      reason: state === 'failed' ? WHY : `${WHY}, and the copy is not ready yet`,
      keepSnapshots: false,
      counts: false,
    });
    return;
  }
  budget.spend(version);
  ready.remove(version, copy);
  removeImage(pass, version, copy, {
    kind: 'DeregisterImage',
    reason: `${WHY}; unused: ${evidenceFor(pass, image, target).join(', ')}`,
    keepSnapshots: pass.spec.retention?.snapshots === 'Keep',
    counts: true,
  });
}

function broken({ state }: Image): Objection | undefined {
  if (state !== 'invalid' && state !== 'error') return undefined;
  return {
    code: 'CopyBroken',
    message: `EC2 says that it is in state ${state}: look at it and deregister it yourself`,
  };
}

function stillNeeded(pass: Pass, version: Version, image: Image, ready: ReadyCount): Objection | undefined {
  const origin = sourceOfOther(pass, image) ?? originInUse(pass, image, new OpenOrigins());
  if (origin) return origin;
  if (image.state !== 'available' || ready.everywhere(version.family) > 1) return undefined;
  return { code: 'LastImage', message: `kept: it is the last usable image of family ${version.family} anywhere` };
}
