import { claimFirst } from './claims.ts';
import { claimIn, ownershipOf } from './identity.ts';
import { indexOf } from './image-index.ts';
import { type Image, type LaunchGrants, NO_GRANTS, type Target, targetKey } from './model.ts';
import { inventoryOf, label, launchGrantsOf, type Pass, unsettledUntil } from './pass.ts';
import { pendingCopiesFrom } from './pending-copies.ts';
import { MAX_TAG_VALUE, TAG, tempGrantAccounts, tempGrantTag } from './tags.ts';
import { copiesOf } from './versions.ts';

/** An image that copies are made from, and where it is. */
export interface Origin {
  readonly image: Image;
  readonly target: Target;
  /** The source image itself, which has to be claimed before it is changed. */
  readonly isSource: boolean;
  /** It belongs to another account, which alone can let anybody read it. */
  readonly isForeign?: true;
}

/** Whether an account can copy an origin: now, once some actions are done, or not yet. */
export type Reach = { readonly kind: 'within'; readonly after: readonly string[] } | { readonly kind: 'notYet' };

/**
 * Lets another account copy an origin: it needs to be allowed to launch the image and to read each of its snapshots.
 * What is missing is given for the time of the copy only: first the mark is written on the origin, then the grant is
 * given, so that a crash in between leaves a mark without a grant and never a grant without a mark.
 */
export function openFor(pass: Pass, origin: Origin, account: string): Reach {
  const { draft } = pass;
  if (origin.target.account === account || origin.isForeign) return { kind: 'within', after: [] };
  const subject = label(origin.image.name, origin.image.id);
  const launch = launchGrantsOf(pass, origin.target, origin.image, subject, 'replication');
  const closed = closedSnapshots(pass, origin, account);
  if (!launch || !closed) return { kind: 'notYet' };
  const needsLaunch = !launch.accounts.includes(account) && !launch.public;
  if (!needsLaunch && closed.length === 0) return { kind: 'within', after: [] };
  const claim = origin.isSource ? claimFirst(pass, origin.image, 'replication') : [];
  if (!claim) return { kind: 'notYet' };

  const after: string[] = [...claim];
  const written = origin.image.tags[tempGrantTag(account)];
  const mark = markFor(origin.image, written, needsLaunch, closed);
  if (mark.length > MAX_TAG_VALUE) {
    draft.block({
      part: 'replication',
      code: 'MixedSnapshotPermissions',
      subject,
      target: origin.target,
      message: `account ${account} may read some of its many snapshots, and which of the others are opened for a copy does not fit into a tag. Give the account create-volume permission on all of them, or on none`,
      effect: 'stalls',
    });
    return { kind: 'notYet' };
  }
  const halfOpen = !needsLaunch || closed.length < snapshotsOf(origin.image).length;
  const until = unsettledUntil(pass);
  if (mark !== written && halfOpen && until !== undefined) {
    draft.wait({
      part: 'replication',
      subject,
      target: origin.target,
      message: `account ${account} can read it in part, and whether this controller gave that before its last start is not certain yet`,
      until,
    });
    return { kind: 'notYet' };
  }
  if (mark !== written) {
    after.push(
      draft.act({
        id: `mark-temporary ${origin.image.id} ${account}`,
        kind: 'MarkTemporaryGrant',
        target: origin.target,
        subject,
        reason: `written before account ${account} is let in for its copy, so that the grant is taken back afterwards`,
        call: {
          do: 'tag',
          resources: [origin.image.id],
          tags: { [tempGrantTag(account)]: mark },
        },
        needs: claim,
      }),
    );
  }
  const marked = [...after];
  const reason = `account ${account} must be able to read the origin while it copies it`;
  if (needsLaunch) {
    after.push(
      draft.act({
        id: `grant-temporary ${origin.image.id} ${account}`,
        kind: 'GrantTemporarily',
        target: origin.target,
        subject,
        reason,
        call: {
          do: 'modifyLaunch',
          imageId: origin.image.id,
          add: { ...NO_GRANTS, accounts: [account] },
          remove: NO_GRANTS,
        },
        needs: marked,
      }),
    );
  }
  for (const snapshotId of closed) {
    after.push(
      draft.act({
        id: `grant-temporary ${snapshotId} ${account}`,
        kind: 'GrantTemporarily',
        target: origin.target,
        subject: `${snapshotId} of ${subject}`,
        reason,
        call: { do: 'modifyVolume', snapshotId, add: [account], remove: [] },
        needs: marked,
      }),
    );
  }
  return { kind: 'within', after };
}

/**
 * What the mark must say: `launch`, and `snapshots` or the ids of those that are opened, joined by `+`. Only what it says
 * is taken back, so it grows when more has to be opened, and never names what somebody else has given.
 */
function markFor(image: Image, written: string | undefined, launch: boolean, closed: readonly string[]): string {
  const before = written === undefined || written === '' ? [] : written.split('+');
  const all = snapshotsOf(image);
  const opened = new Set([...before.filter((word) => word.startsWith('snap-')), ...closed]);
  const words = launch || before.includes('launch') ? ['launch'] : [];
  const everySnapshot = all.length > 0 && all.every((id) => opened.has(id));
  if (before.includes('snapshots') || everySnapshot) words.push('snapshots');
  else words.push(...[...opened].sort());
  return words.join('+');
}

const snapshotsOf = (image: Image): string[] => image.volumes.flatMap(({ snapshotId }) => snapshotId ?? []);

/** The snapshots of an origin that an account cannot read yet; undefined while that is not known. */
function closedSnapshots(pass: Pass, origin: Origin, account: string): string[] | undefined {
  const inventory = inventoryOf(pass, origin.target);
  const closed: string[] = [];
  let known = inventory !== undefined;
  for (const { snapshotId } of origin.image.volumes) {
    if (snapshotId === undefined) continue;
    const answer = inventory?.volumeGrants.get(snapshotId);
    if (!answer) pass.draft.need({ kind: 'volumeGrants', target: origin.target, snapshotId });
    if (answer && !answer.ok) reportUnknown(pass, origin, snapshotId, answer.why);
    if (!answer?.ok) known = false;
    else if (!answer.value.includes(account)) closed.push(snapshotId);
  }
  return known ? closed : undefined;
}

function reportUnknown(pass: Pass, { image, target }: Origin, snapshotId: string, why: string): void {
  pass.draft.block({
    part: pass.deleting ? 'deletion' : 'replication',
    code: 'PermissionsUnknown',
    subject: label(image.name, image.id),
    target,
    message: `the permissions of snapshot ${snapshotId} could not be read: ${why}. Temporary grants on it are neither given nor taken back until they can`,
    effect: 'retries',
  });
}

/**
 * Takes back every marked grant that no copy needs any more. This goes on while the policy is suspended and before its
 * finalizer goes. The mark goes last: as long as it is there, a restart finds the grant.
 * @param stillNeeded whether a copy of `image` into `account` is still to be started
 */
export function closeUnneeded(pass: Pass, stillNeeded: (image: Image, account: string) => boolean): void {
  for (const origin of markedOrigins(pass)) {
    for (const account of tempGrantAccounts(origin.image.tags)) {
      if (stillNeeded(origin.image, account) || !copiesEnded(pass, origin, account)) continue;
      close(pass, origin, account);
    }
  }
}

/** The images that may carry a mark of this policy: its own copies, and the source images that it has claimed. */
export function* markedOrigins(pass: Pass): Generator<Origin> {
  const { owner } = pass;
  const home = inventoryOf(pass, owner.source);
  const claimed = (home ? indexOf(home.images).claimed : []).filter((image) => {
    const written = image.tags[TAG.claimedBy];
    // A claim on a copy was copied with the other tags of its source.
    if (written === undefined || ownershipOf(image.tags, owner).kind !== 'none') return false;
    const { kind } = claimIn(written, owner);
    return kind === 'ours' || kind === 'former';
  });
  claimed.sort((left, right) => (left.id < right.id ? -1 : 1));
  for (const image of claimed) yield { image, target: owner.source, isSource: true };
  for (const version of pass.set.versions) {
    for (const { image, target, ownership } of copiesOf(version)) {
      if (ownership.kind === 'ours') yield { image, target, isSource: false };
    }
  }
}

/** Whether no copy made from an origin is pending in `account`. A target of the account that was not seen may hold one. */
function copiesEnded(pass: Pass, { image, target: at }: Origin, account: string): boolean {
  const subject = label(image.name, image.id);
  for (const [key, view] of pass.targets) {
    if (!key.startsWith(`${account}/`) || view.kind === 'observed') continue;
    const message = `the temporary grant to account ${account} stays: whether its copies have ended in ${key} cannot be seen`;
    pass.draft.wait({ part: 'replication', subject, target: at, message, behind: true });
    return false;
  }
  const pending = pendingCopiesFrom(pass, image).find((copy) => copy.account === account);
  if (!pending) return true;
  const message = `the temporary grant to account ${account} stays until copy ${pending.id} has ended`;
  pass.draft.wait({ part: 'replication', subject, target: at, message });
  return false;
}

function close(pass: Pass, origin: Origin, account: string): void {
  const { draft } = pass;
  const { image, target } = origin;
  const claim = origin.isSource ? claimFirst(pass, image, 'replication') : [];
  if (!claim) return;
  const subject = label(image.name, image.id);
  const launch = launchGrantsOf(pass, target, image, subject, pass.deleting ? 'deletion' : 'replication');
  const inventory = inventoryOf(pass, target);
  const given = new Set((image.tags[tempGrantTag(account)] ?? '').split('+'));
  const needs: string[] = [...claim];
  let known = launch !== undefined;
  let unseen = launch !== undefined && given.has('launch') && !launch.accounts.includes(account);
  if (launch && given.has('launch') && launch.accounts.includes(account) && !isListed(pass, origin, account)) {
    needs.push(
      draft.act({
        id: `revoke-temporary ${image.id} ${account}`,
        kind: 'RevokeTemporaryGrant',
        target,
        subject,
        reason: `no copy into account ${account} needs it any more`,
        call: { do: 'modifyLaunch', imageId: image.id, add: NO_GRANTS, remove: only(account) },
        needs: claim,
      }),
    );
  }
  for (const { snapshotId } of image.volumes) {
    if (snapshotId === undefined || !(given.has('snapshots') || given.has(snapshotId))) continue;
    const answer = inventory?.volumeGrants.get(snapshotId);
    if (!answer) draft.need({ kind: 'volumeGrants', target, snapshotId });
    if (answer && !answer.ok) reportUnknown(pass, origin, snapshotId, answer.why);
    if (!answer?.ok) known = false;
    else if (!answer.value.includes(account)) unseen = true;
    else {
      needs.push(
        draft.act({
          id: `revoke-temporary ${snapshotId} ${account}`,
          kind: 'RevokeTemporaryGrant',
          target,
          subject: `${snapshotId} of ${subject}`,
          reason: `no copy into account ${account} needs it any more`,
          call: { do: 'modifyVolume', snapshotId, add: [], remove: [account] },
          needs: claim,
        }),
      );
    }
  }
  if (!known) return;
  // A grant that an earlier life gave just before it ended may not be visible yet, and without its mark nobody finds it.
  const until = unseen ? unsettledUntil(pass) : undefined;
  if (until !== undefined) {
    draft.wait({
      part: pass.deleting ? 'deletion' : 'replication',
      subject,
      target,
      message: `whether the temporary grant to account ${account} was given before the last start is not certain yet`,
      until,
    });
    return;
  }
  draft.act({
    id: `unmark-temporary ${image.id} ${account}`,
    kind: 'UnmarkTemporaryGrant',
    target,
    subject,
    reason: `the temporary grant to account ${account} is taken back`,
    call: { do: 'untag', resources: [image.id], keys: [tempGrantTag(account)] },
    needs,
  });
}

/** Which of the accounts that have a grant may have it for a copy, by a mark of before the last start that is not visible yet. */
export function mayBeTemporary(pass: Pass, granted: readonly string[]): string[] {
  if (unsettledUntil(pass) === undefined) return [];
  return (pass.spec.accounts ?? []).map(({ id }) => id).filter((id) => granted.includes(id));
}

const only = (account: string): LaunchGrants => ({ ...NO_GRANTS, accounts: [account] });

/** Whether the spec shares this very image with the account, so that the grant stays and only the mark goes. */
function isListed(pass: Pass, origin: Origin, account: string): boolean {
  const { spec, owner } = pass;
  if (pass.deleting || !spec.sharing?.accounts?.includes(account)) return false;
  const inSourceAccount = origin.target.account === owner.source.account;
  const named = pass.standings.targets.some((target) => targetKey(target) === targetKey(origin.target));
  return (
    named &&
    (inSourceAccount || spec.accounts?.some((each) => each.id === origin.target.account && each.share) === true)
  );
}
