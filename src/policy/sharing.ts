import { claimFirst } from './claims.ts';
import { claimIn } from './identity.ts';
import { type Image, type LaunchGrants, NO_GRANTS, type Target, targetKey } from './model.ts';
import { inventoryOf, label, launchGrantsOf, type Pass, unsettledUntil } from './pass.ts';
import type { Standing } from './standing.ts';
import { TAG, tempGrantAccounts } from './tags.ts';
import { isSourceTarget, type Version } from './versions.ts';

/** An image whose launch permissions the spec determines, and how far. */
interface Shared {
  readonly image: Image;
  readonly target: Target;
  readonly isSource: boolean;
  /** `exact`: give what is listed, take what is not. `trim`: only take: what leaves keeps its grants, but gets no new ones. */
  readonly extent: 'exact' | 'trim';
}

/**
 * Makes launch permissions what the spec says: on retained versions in the source account's targets (the source image
 * itself where its own region is listed) and on the copies of accounts that say `share`. What is surplus or withdrawn
 * stays shared until it is disabled; grants that the spec does not list are taken back there too.
 */
export function shareImages(pass: Pass): void {
  const sharing = pass.spec.sharing;
  if (!sharing) return;
  for (const { target, version } of sharedPlaces(pass)) {
    for (const shared of imagesOf(pass, version, target)) shareOne(pass, version, shared, sharing.unlistedGrants);
  }
}

function* sharedPlaces(pass: Pass): Generator<{ target: Target; version: Version }> {
  const { spec, owner, standings, set } = pass;
  const sharing = new Set(spec.accounts?.filter(({ share }) => share).map(({ id }) => id));
  const shared = standings.targets.filter(
    (target) =>
      (target.account === owner.source.account || sharing.has(target.account)) &&
      inventoryOf(pass, target) !== undefined,
  );
  for (const target of shared) {
    const key = targetKey(target);
    const ofSource = isSourceTarget(target, owner.source);
    for (const version of set.versions) {
      if (version.copies.has(key) || (ofSource && version.source.kind === 'usable')) yield { target, version };
    }
  }
}

function* imagesOf(pass: Pass, version: Version, target: Target): Generator<Shared> {
  const standing = pass.standings.of(version, target);
  if (isSourceTarget(target, pass.owner.source) && version.source.kind === 'usable' && version.servesAtHome) {
    const extent = extentOnSource(pass, version.source.image, standing);
    if (extent) yield { image: version.source.image, target, isSource: true, extent };
  }
  for (const { image, ownership } of version.copies.get(targetKey(target)) ?? []) {
    if (ownership.kind !== 'ours') continue;
    const grants = wantedGrants(pass, target);
    if (image.state === 'pending' && standing.kind === 'wanted' && !isNothing(grants)) {
      pass.draft.wait({
        part: 'sharing',
        subject: label(version.name, image.id),
        target,
        message: `${describe(grants)} may launch it once it is available`,
      });
    }
    if (image.state === 'available') {
      yield { image, target, isSource: false, extent: standing.kind === 'surplus' ? 'trim' : 'exact' };
    }
  }
}

/**
 * A source image that no rule of the policy keeps was never this policy's to share; where one was shared and then
 * fell behind, it is only trimmed. Without retention nothing falls behind, and what was shared once stays so.
 */
function extentOnSource(pass: Pass, image: Image, standing: Standing): Shared['extent'] | undefined {
  if (standing.kind === 'wanted') return 'exact';
  const claimed = claimIn(image.tags[TAG.claimedBy], pass.owner).kind === 'ours';
  if (standing.kind === 'retained') return pass.spec.retention !== undefined || claimed ? 'exact' : undefined;
  return claimed ? 'trim' : undefined;
}

/** Whether `sharing` speaks of the images in a target: of the source account, and of accounts that say `share`. */
export function isSharedPlace({ spec, owner }: Pass, target: Target): boolean {
  if (!spec.sharing) return false;
  if (target.account === owner.source.account) return true;
  return spec.accounts?.some(({ id, share }) => id === target.account && share === true) ?? false;
}

/** What the spec grants on the images of an account: the owner of an image is never listed on it. */
export function wantedGrants(pass: Pass, target: Target): LaunchGrants {
  const { accounts = [], organizations = [], organizationalUnits = [] } = pass.spec.sharing ?? {};
  return {
    accounts: accounts.filter((account) => account !== target.account),
    organizations,
    organizationalUnits,
    public: false,
  };
}

function shareOne(pass: Pass, version: Version, shared: Shared, unlisted: 'Revoke' | 'Keep'): void {
  const { draft } = pass;
  const { image, target } = shared;
  const subject = label(version.name, image.id);
  const current = launchGrantsOf(pass, target, image, subject, 'sharing');
  if (!current) return;
  const wanted = wantedGrants(pass, target);
  const add = shared.extent === 'exact' ? without(wanted, current) : NO_GRANTS;
  const temporary = [...tempGrantAccounts(image.tags), ...mayBeTemporary(pass, current)];
  const remove =
    unlisted === 'Revoke' ? without(current, { ...wanted, accounts: [...wanted.accounts, ...temporary] }) : NO_GRANTS;
  if (isNothing(add) && isNothing(remove)) return;
  const needs = shared.isSource ? claimFirst(pass, image, 'sharing') : [];
  if (!needs) return;
  if (!isNothing(add)) {
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
      reason: `${describe(remove)} may launch it and sharing does not list ${count(remove) === 1 ? 'it' : 'them'}`,
      call: { do: 'modifyLaunch', imageId: image.id, add: NO_GRANTS, remove },
      needs,
    });
  }
}

/** Who may launch an image without being listed for it; undefined while that is not known. */
export function grantsOutsideSpec(pass: Pass, target: Target, image: Image, subject: string): LaunchGrants | undefined {
  const current = launchGrantsOf(pass, target, image, subject, 'retention');
  if (!current) return undefined;
  return without(current, isSharedPlace(pass, target) ? wantedGrants(pass, target) : NO_GRANTS);
}

/** Accounts that may have a temporary grant whose mark, written before the last start, is not visible yet. */
function mayBeTemporary(pass: Pass, current: LaunchGrants): string[] {
  if (unsettledUntil(pass) === undefined) return [];
  return (pass.spec.accounts ?? []).map(({ id }) => id).filter((id) => current.accounts.includes(id));
}

/** The entries of `left` that `right` does not have. */
export function without(left: LaunchGrants, right: LaunchGrants): LaunchGrants {
  return {
    accounts: subtract(left.accounts, right.accounts),
    organizations: subtract(left.organizations, right.organizations),
    organizationalUnits: subtract(left.organizationalUnits, right.organizationalUnits),
    public: left.public && !right.public,
  };
}

function subtract(left: readonly string[], right: readonly string[]): string[] {
  const known = new Set(right);
  return left.filter((entry) => !known.has(entry)).toSorted();
}

const count = (grants: LaunchGrants): number =>
  grants.accounts.length + grants.organizations.length + grants.organizationalUnits.length + (grants.public ? 1 : 0);

export const isNothing = (grants: LaunchGrants): boolean => count(grants) === 0;

/** `accounts 1, 2 and 1 organizational unit`: at most three names, for a line of text. */
export function describe(grants: LaunchGrants): string {
  const parts = [
    named('account', grants.accounts),
    named('organization', grants.organizations.map(lastPart)),
    named('organizational unit', grants.organizationalUnits.map(lastPart)),
    grants.public ? 'everyone' : '',
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(' and ') : 'nobody';
}

const lastPart = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

function named(noun: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  if (names.length > 3) return `${names.length} ${noun}s`;
  return `${noun}${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
}
