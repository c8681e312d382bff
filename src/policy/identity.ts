import { createHash } from 'node:crypto';
import type { Tags, Target } from './model.ts';
import { TAG } from './tags.ts';

/** Who a copy belongs to: all of it together, because any single tag can be edited by anyone. */
export interface Owner {
  /** The cluster id, or `file` for a policy that is applied from a file. */
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly source: Target;
}

/** The cluster id of policies that are applied from a file, without a cluster. */
export const FILE_CLUSTER = 'file';

/**
 * How an image relates to a policy: `ours`; `former`, made for a policy of the same namespace and name that this one
 * succeeds (recreated here, or first applied from a file) and whose copies it takes back; `other`, made for another
 * policy; `none`, not a copy at all.
 */
export type Ownership =
  | { readonly kind: 'ours' }
  | { readonly kind: 'former'; readonly uid: string; readonly cluster: string }
  | { readonly kind: 'other'; readonly policy: string; readonly cluster: string }
  | { readonly kind: 'none' };

/** Whether an image or snapshot carries all that it takes to be a copy of any policy. */
export const hasIdentity = (tags: Tags): boolean =>
  [TAG.policyUid, TAG.cluster, TAG.policy, TAG.sourceImage].every((key) => tags[key] !== undefined);

/** Reads the identity tags of an image or snapshot. */
export function ownershipOf(tags: Tags, owner: Owner): Ownership {
  if (!hasIdentity(tags)) return { kind: 'none' };
  const { [TAG.policyUid]: uid = '', [TAG.cluster]: cluster = '', [TAG.policy]: policy = '' } = tags;
  const sameSource = tags[TAG.sourceAccount] === owner.source.account && tags[TAG.sourceRegion] === owner.source.region;
  if (sameSource && uid === owner.uid && cluster === owner.cluster) return { kind: 'ours' };
  const samePolicy = policy === `${owner.namespace}/${owner.name}`;
  if (sameSource && samePolicy && (cluster === owner.cluster || cluster === FILE_CLUSTER)) {
    return { kind: 'former', uid, cluster };
  }
  return { kind: 'other', policy, cluster };
}

/** The tags that make a copy (or, of a former owner, re-make it) this policy's. */
export function ownerTags(owner: Owner): Tags {
  return {
    [TAG.policy]: `${owner.namespace}/${owner.name}`,
    [TAG.policyUid]: owner.uid,
    [TAG.cluster]: owner.cluster,
  };
}

/** The value of the claim on a source image: readable, and exact. */
export function claimOf(owner: Owner): string {
  return `${owner.namespace}/${owner.name} ${owner.cluster} ${owner.uid}`;
}

/** Which policy a claim names; undefined where that cannot be read. */
export function claimantIn(
  value: string,
): { readonly namespace: string; readonly name: string; readonly cluster: string; readonly uid: string } | undefined {
  const [, namespace, name, cluster, uid] = /^([^/ ]+)\/([^/ ]+) ([^ ]+) ([^ ]+)$/.exec(value) ?? [];
  if (namespace === undefined || name === undefined || cluster === undefined || uid === undefined) return undefined;
  return { namespace, name, cluster, uid };
}

/** Whose claim a tag value is, as `ownershipOf` says it of copies. A value that cannot be read is somebody else's. */
export function claimIn(value: string | undefined, owner: Owner): Ownership {
  if (value === undefined) return { kind: 'none' };
  const [policy = '', cluster = '', uid = ''] = value.split(' ');
  if (value === claimOf(owner)) return { kind: 'ours' };
  if (policy === `${owner.namespace}/${owner.name}` && (cluster === owner.cluster || cluster === FILE_CLUSTER)) {
    return { kind: 'former', uid, cluster };
  }
  return { kind: 'other', policy: policy || value, cluster: cluster || 'unknown' };
}

/** Version-5 UUID namespace of the identities below; made once, for this project. */
const FILE_NAMESPACE = '6f2b1a52-7f0d-4a37-9d55-0c1e8d5a9b11';

/** The UID of a policy that is applied from a file: the same document has the same one everywhere. */
export function fileUid(source: Target, namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(FILE_NAMESPACE.replaceAll('-', ''), 'hex'))
    .update([source.account, source.region, namespace, name].join('/'))
    .digest();
  hash.writeUInt8(((hash[6] ?? 0) & 0x0f) | 0x50, 6);
  hash.writeUInt8(((hash[8] ?? 0) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
