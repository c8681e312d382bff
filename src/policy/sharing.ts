import { claimFirst } from './claims.ts';
import { count, describe, isNothing, without } from './launch-grants.ts';
import { type LaunchGrants, NO_GRANTS, targetKey } from './model.ts';
import { label, launchGrantsOf, type Pass } from './pass.ts';
import { makePublic } from './public-sharing.ts';
import { imagesOf, type Shared, sharedPlaces, wantedGrants } from './shared-places.ts';
import { fitsQuota, mayBeShared, uncontested } from './sharing-limits.ts';
import { shareSnapshots } from './snapshot-sharing.ts';
import { tempGrantAccounts } from './tags.ts';
import { mayBeTemporary } from './temporary-grants.ts';
import type { Version } from './versions.ts';

/**
 * Makes launch permissions what the spec says: on retained versions in the source account's targets (the source image
 * itself where its own region is listed) and on the copies of accounts that say `share`. What is surplus or withdrawn
 * stays shared until it is disabled; grants that the spec does not list are taken back there too.
 */
export function shareImages(pass: Pass): void {
  const sharing = pass.spec.sharing;
  if (!sharing) return;
  for (const { target, version } of sharedPlaces(pass)) {
    for (const shared of imagesOf(pass, version, target)) {
      shareOne(pass, version, shared, sharing.unlistedGrants);
      if (sharing.snapshots === 'Accounts') shareSnapshots(pass, version, shared, sharing.unlistedGrants);
    }
  }
}

function shareOne(pass: Pass, version: Version, shared: Shared, unlisted: 'Revoke' | 'Keep'): void {
  const { draft } = pass;
  const { image, target } = shared;
  const subject = label(version.name, image.id);
  const current = launchGrantsOf(pass, target, image, subject, 'sharing');
  if (!current) return;
  const wanted = wantedGrants(pass, target);
  const missing = shared.extent === 'exact' ? without(wanted, current) : NO_GRANTS;
  const temporary = [...tempGrantAccounts(image.tags), ...mayBeTemporary(pass, current.accounts)];
  const unlistedNow =
    unlisted === 'Revoke' ? without(current, { ...wanted, accounts: [...wanted.accounts, ...temporary] }) : NO_GRANTS;
  const place = { target, subject };
  const add = uncontested(pass, image.id, 'add', { ...missing, public: false }, place);
  const remove = uncontested(pass, image.id, 'remove', unlistedNow, place);
  const wantsPublic = missing.public && shared.extent === 'exact';
  if (isNothing(add) && isNothing(remove) && !wantsPublic) return;
  const needs = shared.isSource ? claimFirst(pass, image, 'sharing') : [];
  if (!needs) return;
  if (!isNothing(add) && fitsQuota(pass, current, add, remove, place) && mayBeShared(pass, image, place)) {
    draft.act({
      id: `share ${image.id} ${targetKey(target)}`,
      kind: 'Share',
      target,
      subject,
      reason: `${describe(add)} must be able to launch it`,
      call: { do: 'modifyLaunch', imageId: image.id, add, remove: NO_GRANTS },
      needs,
    });
  }
  if (!isNothing(remove)) {
    draft.act({
      id: `unshare ${image.id} ${targetKey(target)}`,
      kind: 'Unshare',
      target,
      subject,
      reason: `${describe(remove)} may launch it and sharing does not list ${count(remove) === 1 ? 'it' : 'them'}${stillLetIn(wanted, remove)}`,
      call: { do: 'modifyLaunch', imageId: image.id, add: NO_GRANTS, remove },
      needs,
    });
  }
  if (wantsPublic) makePublic(pass, image, place, needs);
}

/** EC2 takes an account off the list and changes nothing for it where more than the list lets it in (ec2-facts 7.3). */
function stillLetIn(wanted: LaunchGrants, removed: LaunchGrants): string {
  if (removed.accounts.length === 0) return '';
  if (wanted.public) return '; the image is public, so that they still may';
  const wide = [...wanted.organizations, ...wanted.organizationalUnits].length > 0;
  return wide ? '; who belongs to an organisation or unit that is listed still may' : '';
}
