import { claimIn } from './identity.ts';
import { describe, isNothing, without } from './launch-grants.ts';
import { type Image, type LaunchGrants, NO_GRANTS, type Target, targetKey } from './model.ts';
import { inventoryOf, label, launchGrantsOf, type Pass } from './pass.ts';
import type { Standing } from './standing.ts';
import { TAG } from './tags.ts';
import { isSourceTarget, type Version } from './versions.ts';

/** An image whose launch permissions the spec determines, and how far. */
export interface Shared {
  readonly image: Image;
  readonly target: Target;
  readonly isSource: boolean;
  /** `exact`: give what is listed, take what is not. `trim`: only take: what leaves keeps its grants, but gets no new ones. */
  readonly extent: 'exact' | 'trim';
}

/** Where the spec determines who may launch what. */
export function* sharedPlaces(pass: Pass): Generator<{ target: Target; version: Version }> {
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

/** The images of a version in such a place. */
export function* imagesOf(pass: Pass, version: Version, target: Target): Generator<Shared> {
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
    public: pass.spec.sharing?.public ?? false,
  };
}

/** Who may launch an image without being listed for it; undefined while that is not known. */
export function grantsOutsideSpec(pass: Pass, target: Target, image: Image, subject: string): LaunchGrants | undefined {
  const current = launchGrantsOf(pass, target, image, subject, 'retention');
  if (!current) return undefined;
  return without(current, isSharedPlace(pass, target) ? wantedGrants(pass, target) : NO_GRANTS);
}
