import { type AskedKey, keyNameOf } from './encryption.ts';
import { isNothing } from './launch-grants.ts';
import { type Image, type Need, type Target, targetKey } from './model.ts';
import { inventoryOf, label, type Pass } from './pass.ts';
import { isSharedPlace, wantedGrants } from './shared-places.ts';
import type { Origin } from './temporary-grants.ts';
import type { Version } from './versions.ts';

/** Asks for what tells whether a source image is encrypted as the policy asks, or says that nobody knows. */
export function askWhetherItServes(pass: Pass, image: Image, target: Target): void {
  const inventory = inventoryOf(pass, target);
  const key = keyNameOf(pass.spec, target);
  const needs: Need[] = [];
  if (key !== undefined && !inventory?.keys.has(key)) needs.push({ kind: 'key', target, key });
  let why = 'it has no snapshots';
  for (const { snapshotId, encrypted } of image.volumes) {
    if (snapshotId === undefined || !encrypted) continue;
    const answer = inventory?.snapshotKeys.get(snapshotId);
    if (!answer) needs.push({ kind: 'snapshotKey', target, snapshotId });
    else if (!answer.ok) ({ why } = answer);
  }
  for (const need of needs) pass.draft.need(need);
  if (needs.length > 0) return;
  pass.draft.block({
    part: 'replication',
    code: 'KeyUnknown',
    subject: label(image.name, image.id),
    target,
    message: `whether the source image is encrypted with key ${key} could not be found out: ${why}. Until it is, neither the image nor a copy of it counts as ready there`,
    effect: 'retries',
  });
}

const MANAGED = 'alias/aws/ebs';

/**
 * Whether a copy can be shared once it is there, as far as the policy wants that. What is encrypted with the key that AWS
 * manages can never be shared (ec2-facts, section 6), and it takes hours to find that out.
 * @returns false also while it is not known yet
 */
export function staysShareable(
  pass: Pass,
  version: Version,
  origin: Origin,
  target: Target,
  asked: Extract<AskedKey, { kind: 'any' | 'key' }>,
): boolean {
  if (!isSharedPlace(pass, target) || isNothing(wantedGrants(pass, target))) return true;
  const verdict = endsUnderManagedKey(pass, origin, target, asked);
  if (verdict === 'asking') return false;
  if (verdict === undefined) return true;
  pass.draft.block({
    part: 'replication',
    code: 'WouldBeUnshareable',
    subject: label(version.name, version.id),
    target,
    message: `it is not copied: ${verdict.why}, and such an image can never be shared, which spec.sharing asks for. Set kmsKeyId of ${target.region} to a key of your own`,
    effect: 'stalls',
  });
  return false;
}

/** Why a copy would be encrypted with the key that AWS manages; undefined when it would not, or nobody can tell. */
function endsUnderManagedKey(
  pass: Pass,
  { image, target: from }: Origin,
  target: Target,
  asked: Extract<AskedKey, { kind: 'any' | 'key' }>,
): { readonly why: string } | 'asking' | undefined {
  const { draft } = pass;
  const inventory = inventoryOf(pass, target);
  if (asked.kind === 'key') {
    const answer = inventory?.keys.get(asked.name);
    const managed = answer?.ok && answer.value.kind === 'usable' && answer.value.managedByAws;
    return managed ? { why: `kmsKeyId ${asked.name} is the key that AWS manages` } : undefined;
  }
  const encrypted = image.volumes.some((volume) => volume.encrypted);
  const sameTarget = targetKey(from) === targetKey(target);
  const crossesAccount = from.account !== target.account;
  const defaults = inventory?.encryption;
  if (!defaults) {
    draft.need({ kind: 'encryption', target });
    return 'asking';
  }
  // What cannot be read only loses the early warning: EC2 refuses the sharing itself then.
  if (!defaults.ok) return undefined;
  const { byDefault, key } = defaults.value;
  if (byDefault || (encrypted && crossesAccount)) {
    const setting = byDefault
      ? `account ${target.account} encrypts by default in ${target.region}, with ${key}`
      : `the source is encrypted and of another account, so that the copy gets the default key of ${target.region}, ${key}`;
    const managed = { why: `${setting}, the key that AWS manages` };
    if (key === MANAGED) return managed;
    const answer = inventory?.keys.get(key);
    if (!answer) {
      draft.need({ kind: 'key', target, key });
      return 'asking';
    }
    return answer.ok && answer.value.kind === 'usable' && answer.value.managedByAws ? managed : undefined;
  }
  // Keys are of one region: an encrypted source that crosses it ends under the managed key (ec2-facts, section 6).
  if (encrypted && from.region !== target.region && !sameTarget)
    return {
      why: `the source is encrypted and the policy names no key for ${target.region}, so that EC2 takes the one that AWS manages`,
    };
  return undefined;
}
