import { type Image, type TargetKey, targetKey } from './model.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { deleteLeftovers, parseKey, removeImage } from './removal.ts';
import { DailyBudget, evidenceFor, inUse, originOfPending, protectedBy, ReadyCount } from './retirement.ts';
import { tempGrantAccounts } from './tags.ts';
import { closeUnneeded, markedOrigins } from './temporary-grants.ts';
import type { Copy, Version } from './versions.ts';

/** What `retention.maxDeletionsPerDay` is where the policy has no retention. */
const DELETIONS_PER_DAY = 10;

/**
 * What is still to do for a policy that is being deleted. Temporary grants are taken back in any case. `Retain` leaves
 * everything else as it is; `Delete` takes every copy away (never a source) as soon as it is proven unused.
 * @returns whether nothing is left, so that the finalizer may go
 */
export function windDown(pass: Pass): boolean {
  if (!everythingSeen(pass)) return false;
  closeUnneeded(pass, () => false);
  const open = [...markedOrigins(pass)].filter(({ image }) => tempGrantAccounts(image.tags).length > 0);
  for (const { image, target } of open) {
    pass.draft.wait({
      part: 'deletion',
      subject: label(image.name, image.id),
      target,
      message: `the temporary grant to ${tempGrantAccounts(image.tags).join(', ')} is taken back first, once the copies that need it have ended`,
    });
  }
  if (pass.spec.deletionPolicy === 'Retain') return open.length === 0;
  const left = deleteCopies(pass);
  deleteLeftovers(pass);
  const { draft } = pass;
  return (
    !left && open.length === 0 && draft.actions.length === 0 && draft.waits.length === 0 && draft.needs().length === 0
  );
}

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
      message: `whether anything of this policy is left in ${key} cannot be seen: ${view.message}. Restore the access, or let go of what is there by removing the finalizer: kubectl patch amipolicy ${pass.owner.name} -n ${pass.owner.namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
      effect: 'stalls',
    });
  }
  return seen;
}

/** `Retain` only has grants to take back, and those are on origins: where copies are made, and in the source account. */
const matters = (pass: Pass, key: TargetKey): boolean =>
  pass.spec.deletionPolicy === 'Delete' ||
  (pass.spec.accounts !== undefined && pass.spec.accounts.length > 0) ||
  key === targetKey(pass.owner.source);

/** @returns whether a copy is left */
function deleteCopies(pass: Pass): boolean {
  const ready = new ReadyCount(pass);
  const budget = new DailyBudget(pass, pass.spec.retention?.maxDeletionsPerDay ?? DELETIONS_PER_DAY);
  let left = false;
  for (const version of pass.set.versions.toReversed()) {
    for (const copies of version.copies.values()) {
      for (const copy of copies) {
        left = true;
        if (copy.ownership.kind === 'ours') deleteCopy(pass, version, copy, ready, budget);
      }
    }
  }
  return left;
}

function deleteCopy(pass: Pass, version: Version, copy: Copy, ready: ReadyCount, budget: DailyBudget): void {
  const { image, target } = copy;
  const keepSnapshots = pass.spec.retention?.snapshots === 'Keep';
  const why = 'the policy is being deleted, with deletionPolicy Delete';
  if (image.state === 'failed') {
    removeImage(pass, version, copy, { kind: 'CleanUpFailedCopy', reason: why, keepSnapshots: false, counts: false });
    return;
  }
  if (image.state === 'pending') {
    removeImage(pass, version, copy, {
      kind: 'CancelCopy',
      reason: `${why}, and the copy is not ready yet`,
      keepSnapshots: false,
      counts: false,
    });
    return;
  }
  if (image.state !== 'available' && image.state !== 'disabled') {
    pass.draft.wait({
      part: 'deletion',
      subject: label(version.name, image.id),
      target,
      message: `it is ${image.state}`,
    });
    return;
  }
  const subject = label(version.name, image.id);
  const objection =
    protectedBy(image) ??
    stillNeeded(pass, version, image, ready) ??
    inUse(pass, image, target, subject) ??
    budget.objection(version);
  if (objection === 'asking') return;
  if (objection) {
    const byItself = objection.code === 'DailyLimit' || objection.code === 'OriginInUse';
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
  budget.spend(version);
  ready.remove(version, target, image);
  removeImage(pass, version, copy, {
    kind: 'DeregisterImage',
    reason: `${why}; unused: ${evidenceFor(pass, image, target).join(', ')}`,
    keepSnapshots,
    counts: true,
  });
}

function stillNeeded(
  pass: Pass,
  version: Version,
  image: Image,
  ready: ReadyCount,
): { readonly code: string; readonly message: string } | undefined {
  const pending = originOfPending(pass, image);
  if (pending !== undefined) return { code: 'OriginInUse', message: `kept: ${pending} is being copied from it` };
  const sourceUnseen = inventoryOf(pass, pass.owner.source) === undefined;
  if (image.state === 'available' && (sourceUnseen || ready.everywhere(version.family) <= 1)) {
    return { code: 'LastImage', message: `kept: it is the last usable image of family ${version.family} anywhere` };
  }
  return undefined;
}
