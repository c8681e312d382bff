import { claimFirst } from './claims.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import type { Shared } from './shared-places.ts';
import { isUncontested, mayBeShared } from './sharing-limits.ts';
import { tempGrantAccounts } from './tags.ts';
import { mayBeTemporary } from './temporary-grants.ts';
import type { Version } from './versions.ts';

/**
 * Lets exactly the listed accounts create volumes from the snapshots of a shared image, so that they can copy it.
 * Organisations and units cannot be let in: EBS knows accounts only (ec2-facts 1.10).
 */
export function shareSnapshots(pass: Pass, version: Version, shared: Shared, unlisted: 'Revoke' | 'Keep'): void {
  const { image, target, isSource, extent } = shared;
  const subject = label(version.name, image.id);
  const inventory = inventoryOf(pass, target);
  const listed = (pass.spec.sharing?.accounts ?? []).filter((account) => account !== target.account);
  for (const { snapshotId } of image.volumes) {
    if (snapshotId === undefined) continue;
    const answer = inventory?.volumeGrants.get(snapshotId);
    if (!answer) {
      pass.draft.need({ kind: 'volumeGrants', target, snapshotId });
      continue;
    }
    if (!answer.ok) {
      pass.draft.block({
        part: 'sharing',
        code: 'PermissionsUnknown',
        subject,
        target,
        message: `the permissions of snapshot ${snapshotId} could not be read: ${answer.why}. They are left alone until they can`,
        effect: 'retries',
      });
      continue;
    }
    const temporary = new Set([...tempGrantAccounts(image.tags), ...mayBeTemporary(pass, answer.value)]);
    const place = { target, subject: `${snapshotId} of ${subject}` };
    const free = (what: 'add' | 'remove') => (account: string) => isUncontested(pass, snapshotId, what, account, place);
    const add =
      extent === 'exact' ? listed.filter((account) => !answer.value.includes(account)).filter(free('add')) : [];
    const remove =
      unlisted === 'Revoke'
        ? answer.value.filter((account) => !listed.includes(account) && !temporary.has(account)).filter(free('remove'))
        : [];
    if (add.length === 0 && remove.length === 0) continue;
    const needs = isSource ? claimFirst(pass, image, 'sharing') : [];
    if (!needs) return;
    if (add.length > 0 && mayBeShared(pass, image, place)) {
      pass.draft.act({
        id: `share-snapshot ${snapshotId}`,
        kind: 'ShareSnapshot',
        ...place,
        reason: `${some(add)} must be able to copy its image`,
        call: { do: 'modifyVolume', snapshotId, add, remove: [] },
        needs,
      });
    }
    if (remove.length > 0) {
      pass.draft.act({
        id: `unshare-snapshot ${snapshotId}`,
        kind: 'UnshareSnapshot',
        ...place,
        reason: `${some(remove)} may create volumes from it, and sharing.accounts does not list ${remove.length === 1 ? 'it' : 'them'}`,
        call: { do: 'modifyVolume', snapshotId, add: [], remove },
        needs,
      });
    }
  }
}

const some = (accounts: readonly string[]): string =>
  accounts.length > 3 ? `${accounts.length} accounts` : `account ${accounts.join(', ')}`;
