import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { identityTags, userTags } from './copy-tags.ts';
import { keyNameOf } from './encryption.ts';
import { claimOf } from './identity.ts';
import { DAY_MS, type Image, type Target, targetKey } from './model.ts';
import { inventoryOf, isReadOnly, type Pass } from './pass.ts';
import type { ImageProbe, Permission, Probe } from './probe.ts';
import { reportPublic } from './public-sharing.ts';
import { isSharedPlace } from './shared-places.ts';
import { ownerOfSources } from './shared-sources.ts';
import { TAG } from './tags.ts';
import type { Origin } from './temporary-grants.ts';
import { FIRST_ATTEMPT } from './token.ts';
import { isSourceTarget, type Version } from './versions.ts';

/**
 * Finds out before anything is begun what AWS would refuse, everywhere at once. What has to be asked goes among the
 * needs, so that the first copy waits for it; an answer is shared by all policies. A permission that is missing holds
 * back only what needs it.
 */
export function preflight(pass: Pass): void {
  for (const target of pass.standings.targets) reportPublic(pass, target);
  const targets = new Map([...pass.standings.targets, pass.owner.source].map((each) => [targetKey(each), each]));
  for (const target of targets.values()) {
    const permissions = inventoryOf(pass, target)?.permissions;
    if (!permissions || isReadOnly(pass, target)) continue;
    const denied: Denied[] = [];
    for (const { key, probe } of wishesOf(pass, target)) {
      const known = permissions.get(key);
      if (known?.kind === 'denied') denied.push(known);
      if (!known && probe) pass.draft.need({ kind: 'permission', target, probe });
    }
    if (denied.length > 0) report(pass, target, denied);
    reportQuota(pass, target);
  }
}

type Denied = Extract<Permission, { kind: 'denied' }>;

/** What AWS has said when it was last asked and refused; undefined: nothing is known to be missing. */
export function deniedAt(pass: Pass, target: Target, key: string): Denied | undefined {
  const known = inventoryOf(pass, target)?.permissions?.get(key);
  return known?.kind === 'denied' ? known : undefined;
}

/** Whether a copy may be asked for, as far as is known: where it may not, nothing is lent for it. */
export const mayCopyInto = (pass: Pass, target: Target): boolean =>
  !isReadOnly(pass, target) && deniedAt(pass, target, 'CopyImage') === undefined;

function report(pass: Pass, target: Target, denied: readonly Denied[]): void {
  const actions = [...new Set(denied.map(({ action }) => action))].toSorted();
  const [first] = denied;
  const reasons = [...new Set(denied.map(({ why, action }) => why.replace(`the ${action} action`, 'it')))].toSorted();
  const isForbidden = reasons.some((why) => why.includes('explicit deny'));
  pass.draft.block({
    part: 'access',
    code: 'PermissionMissing',
    subject: targetKey(target),
    target,
    message: `${first?.who ?? 'the identity that is used'} may not do what this policy needs: ${actions.join(', ')} (${reasons.join('; ')}). ${
      isForbidden
        ? 'Take the deny out of that policy'
        : `Allow it in the role of AwsAccount ${target.account}; amifleet iam account prints a policy that does`
    }`,
    effect: 'stalls',
  });
}

/** Room for less than this part of the quota is said. */
const HEADROOM = 1 / 50;

/** An account may have got a higher quota, which EC2 does not tell: so this holds nothing back. */
function reportQuota(pass: Pass, target: Target): void {
  const inventory = inventoryOf(pass, target);
  const { images: most } = pass.limits;
  // Where only our images are listed nobody knows how many there are.
  if (!inventory?.isWhole || !takesCopies(pass, target)) return;
  const binned = inventory.bin?.ok ? inventory.bin.value.size : 0;
  if (inventory.images.size + binned < most * (1 - HEADROOM)) return;
  pass.draft.block({
    part: 'replication',
    code: 'ImageQuotaNear',
    subject: targetKey(target),
    target,
    message: `there are nearly as many images as EC2 allows in a region by default (${most}, disabled ones and those in the Recycle Bin included). Deregister what is not needed, or ask AWS for a higher quota (L-B665C33B)`,
    effect: 'keeps',
  });
}

/**
 * Whether a target may use the images of another account: where Allowed AMIs leaves the origin out, EC2 says that there
 * is no such image (ec2-facts 9.4).
 */
export function isAllowedThere(pass: Pass, origin: Origin, target: Target, subject: string): boolean {
  if (origin.target.account === target.account) return true;
  const answer = inventoryOf(pass, target)?.allowedImages;
  if (!answer) {
    pass.draft.need({ kind: 'allowedImages', target });
    return false;
  }
  // What cannot be read, or not judged, is left to EC2.
  if (!answer.ok || !answer.value.isOn) return true;
  const { providers } = answer.value;
  if (!providers || providers.includes(origin.target.account)) return true;
  pass.draft.block({
    part: 'replication',
    code: 'OriginNotAllowed',
    subject,
    target,
    message: `account ${target.account} allows images of chosen providers only in ${target.region} (Allowed AMIs), and account ${origin.target.account} is not among them, so that ${origin.image.id} does not exist for it. Add the account to the image criteria there`,
    effect: 'stalls',
  });
  return false;
}

/** A permission that the policy needs in a target, and how to ask for it; without `probe` there is nothing to ask with yet. */
interface Wish {
  readonly key: string;
  readonly probe: Probe | undefined;
}

/** Whether copies go into a target: at home, the source itself is mostly enough. */
function takesCopies({ spec, owner, standings }: Pass, target: Target): boolean {
  if (!standings.names(target)) return false;
  const isAtHome = isSourceTarget(target, owner.source);
  return !isAtHome || keyNameOf(spec, target) !== undefined || ownerOfSources(spec) !== undefined;
}

function wishesOf(pass: Pass, target: Target): Wish[] {
  const { spec, owner } = pass;
  const wishes: Wish[] = [];
  const atHome = isSourceTarget(target, owner.source);
  if (atHome) wishes.push(...onSources(pass, target));
  if (!takesCopies(pass, target)) return wishes;
  wishes.push({ key: 'CopyImage', probe: copyProbe(pass) });
  const copy = sampleCopy(pass, target);
  const on = (action: ImageProbe | 'DeleteTags'): Wish => ({
    key: `${action} copy`,
    probe: copy && { action, of: 'copy', imageId: copy.id },
  });
  const tags = { [TAG.policyUid]: owner.uid };
  wishes.push({
    key: 'CreateTags copy',
    probe: copy && { action: 'CreateTags', of: 'copy', imageId: copy.id, tags },
  });
  wishes.push(on('DeleteTags'));
  if (isSharedPlace(pass, target)) wishes.push(on('ModifyImageAttribute'));
  if (spec.protection)
    wishes.push(on('EnableImageDeregistrationProtection'), on('DisableImageDeregistrationProtection'));
  wishes.push(...retiring(pass, copy, on));
  return wishes;
}

/** What the stages of retirement need, the way back included. */
function retiring(pass: Pass, copy: Image | undefined, on: (action: ImageProbe) => Wish): Wish[] {
  const { spec, limits, now } = pass;
  const { deprecateAfterDays, disableAfterDays, deleteAfterDays, inUse, snapshots } = spec.retention ?? {};
  const wishes: Wish[] = [];
  if (deprecateAfterDays !== undefined) {
    const action = 'EnableImageDeprecation';
    const probe = copy && ({ action, of: 'copy', imageId: copy.id, at: now + 365 * DAY_MS } as const);
    wishes.push({ key: `${action} copy`, probe }, on('DisableImageDeprecation'));
  }
  if (disableAfterDays !== undefined) wishes.push(on('DisableImage'), on('EnableImage'));
  const deletes = limits.allowDelete && (deleteAfterDays !== undefined || spec.deletionPolicy === 'Delete');
  if (deletes) wishes.push(on('DeregisterImage'));
  if (deletes && snapshots !== 'Keep') wishes.push(onSnapshot('DeleteSnapshot', 'copy', copy));
  if ((deletes || disableAfterDays !== undefined) && inUse !== 'Ignore')
    wishes.push(on('DescribeImageReferences'), on('CreateImageUsageReport'));
  return wishes;
}

/** What is changed about a source: it is claimed, shared, and opened for other accounts while they copy it. */
function onSources(pass: Pass, target: Target): Wish[] {
  const { spec, owner } = pass;
  const shared = spec.sharing !== undefined && pass.standings.names(target);
  const lent = leavesTheAccount(spec);
  // What another account owns is never changed.
  if ((!shared && !lent) || ownerOfSources(spec) !== undefined) return [];
  const image = newestSource(pass)?.image;
  const of = 'source';
  const wishes: Wish[] = [
    {
      key: 'CreateTags source',
      probe: image && {
        action: 'CreateTags',
        of,
        imageId: image.id,
        tags: { [TAG.claimedBy]: image.tags[TAG.claimedBy] ?? claimOf(owner) },
      },
    },
    {
      key: 'ModifyImageAttribute source',
      probe: image && { action: 'ModifyImageAttribute', of, imageId: image.id },
    },
  ];
  if (lent) {
    wishes.push({ key: 'DeleteTags source', probe: image && { action: 'DeleteTags', of, imageId: image.id } });
    wishes.push(onSnapshot('ModifySnapshotAttribute', of, image));
  }
  return wishes;
}

const leavesTheAccount = ({ accounts = [], source }: AmiPolicySpec): boolean =>
  accounts.some(({ id }) => id !== source.account);

function onSnapshot(
  action: 'DeleteSnapshot' | 'ModifySnapshotAttribute',
  of: 'source' | 'copy',
  image: Image | undefined,
): Wish {
  const snapshotId = image?.volumes.find((volume) => volume.snapshotId !== undefined)?.snapshotId;
  const probe: Probe | undefined = snapshotId === undefined ? undefined : { action, of, snapshotId };
  return { key: `${action} ${of}`, probe };
}

/** The newest source that can be used, with its version. */
function newestSource({ set }: Pass): { readonly version: Version; readonly image: Image } | undefined {
  for (const version of set.versions)
    if (version.source.kind === 'usable') return { version, image: version.source.image };
  return undefined;
}

/** The copy that would be asked for of the newest version. */
function copyProbe(pass: Pass): Probe | undefined {
  const newest = newestSource(pass);
  if (!newest) return undefined;
  const { version, image } = newest;
  const { source } = pass.owner;
  return {
    action: 'CopyImage',
    origin: { imageId: image.id, region: source.region, account: ownerOfSources(pass.spec) ?? source.account },
    name: version.name,
    tags: { ...userTags(pass.spec, version), ...identityTags(pass.owner, version, FIRST_ATTEMPT, image.id) },
  };
}

/** A copy of the policy in a target, better one that is ready: what may be done with it says what may be done with all. */
function sampleCopy({ set }: Pass, target: Target): Image | undefined {
  const there = set.versions
    .flatMap((version) => version.copies.get(targetKey(target)) ?? [])
    .filter(({ ownership }) => ownership.kind === 'ours');
  const ready = there.find(({ image }) => image.state === 'available' && image.untagged === undefined);
  return (ready ?? there.find(({ image }) => image.state === 'pending' && image.untagged === undefined))?.image;
}
