import { hasIdentity } from './identity.ts';
import { type Inventory, type Tags, type Target, targetKey } from './model.ts';
import { madeFor, unusedSnapshots } from './snapshot-index.ts';
import { TAG } from './tags.ts';

/** A snapshot that no image uses, or a copy that failed: it should be gone soon, and is an orphan when nobody sees to it. */
export interface Stray {
  readonly id: string;
  readonly kind: 'snapshot' | 'failed copy';
  readonly target: Target;
  readonly tags: Tags;
  /** The image that a snapshot was made for, as far as its mark or EC2 tells. */
  readonly imageId?: string;
  /** When it was begun, milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Something with our tags that no policy will ever clean up. */
export interface Orphan {
  readonly id: string;
  readonly target: Target;
  /** namespace/name of the policy that it was made for. */
  readonly policy: string;
  /** Why nobody cleans it up, and what to do. */
  readonly why: string;
}

/** What is astray in a target, by complete listings of it. What is kept or held is so on purpose. */
export function straysIn(target: Target, inventory: Inventory): Stray[] {
  const strays: Stray[] = [];
  for (const snapshot of unusedSnapshots(inventory)) {
    const { id, tags, startedAt } = snapshot;
    if (!hasIdentity(tags) || isKept(tags)) continue;
    const imageId = tags[TAG.deleting]?.split(' ', 1)[0] || madeFor(snapshot);
    if (imageId !== undefined && inventory.images.has(imageId)) continue;
    strays.push({ id, kind: 'snapshot', target, tags, ...(imageId && { imageId }), startedAt });
  }
  for (const { id, state, tags, createdAt } of inventory.images.values()) {
    if (state === 'failed' && hasIdentity(tags) && !isKept(tags))
      strays.push({ id, kind: 'failed copy', target, tags, startedAt: createdAt });
  }
  return strays;
}

const isKept = (tags: Tags): boolean => tags[TAG.kept] !== undefined || tags[TAG.hold] !== undefined;

/** A new image can stay invisible for five minutes, and what was made for it looks astray until then. */
const SETTLED_AFTER_MS = 15 * 60_000;

/**
 * Those of a cluster that none of its policies cleans up: the policy is gone, and what belongs to a policy that is gone
 * nobody may delete (S2), or nobody can tell which image a snapshot belongs to. In the order of targets and ids.
 */
export function orphansAmong(
  strays: readonly Stray[],
  known: { readonly cluster: string; readonly livePolicies: ReadonlySet<string>; readonly now: number },
): Orphan[] {
  const orphans = strays.flatMap((stray): Orphan[] => {
    const { id, target, tags, startedAt } = stray;
    if (tags[TAG.cluster] !== known.cluster || known.now - startedAt < SETTLED_AFTER_MS) return [];
    const policy = tags[TAG.policy] ?? '';
    const reason = reasonOf(stray, policy, known.livePolicies.has(tags[TAG.policyUid] ?? ''));
    return reason === undefined ? [] : [{ id, target, policy, why: `${reason}. ${wayOutOf(stray)}` }];
  });
  return orphans.toSorted((left, right) => (placeOf(left) < placeOf(right) ? -1 : 1));
}

const placeOf = ({ target, id }: Orphan): string => `${targetKey(target)} ${id}`;

/** Undefined: a policy sees to it, or says itself what keeps it. */
function reasonOf({ kind, imageId }: Stray, policy: string, isLive: boolean): string | undefined {
  if (isLive) {
    if (kind === 'failed copy' || imageId !== undefined) return undefined;
    return 'no image uses it, and nothing tells which one it was made for';
  }
  const what = kind === 'snapshot' ? `its image${imageId === undefined ? '' : ` ${imageId}`} is gone` : 'it failed';
  return `${what}, and so is policy ${policy}`;
}

function wayOutOf({ id, kind, target: { region } }: Stray): string {
  const command = kind === 'snapshot' ? `delete-snapshot --snapshot-id ${id}` : `deregister-image --image-id ${id}`;
  return `Delete it yourself (aws ec2 ${command} --region ${region}), or tag it ${TAG.hold} to keep it`;
}
