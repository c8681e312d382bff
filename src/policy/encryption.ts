import type { AmiPolicySpec } from '../api/ami-policy.ts';
import type { Answer, Image, Inventory, Key, Target } from './model.ts';
import { inventoryOf, type Pass } from './pass.ts';
import type { Blocked } from './plan.ts';

/** The key that the snapshots in a target must be encrypted with, as far as that is known. */
export type AskedKey =
  /** The policy does not say. */
  | { readonly kind: 'any' }
  /** It has to be asked for first. */
  | { readonly kind: 'asking' }
  | { readonly kind: 'refused'; readonly blocked: Pick<Blocked, 'code' | 'message' | 'effect'> }
  /** `arn` is undefined where nobody lets us look at it: then what there is cannot be compared with it. */
  | { readonly kind: 'key'; readonly name: string; readonly arn: string | undefined };

/** What the spec calls the key of a target. */
export function keyNameOf(spec: AmiPolicySpec, { account, region }: Target): string | undefined {
  const own = account === spec.source.account;
  const regions = own ? spec.regions : (spec.accounts?.find(({ id }) => id === account)?.regions ?? spec.regions);
  return regions.find(({ name }) => name === region)?.kmsKeyId;
}

const IS_KEY_ARN = /^arn:[^:]+:kms:[^:]+:\d+:key\//;

/** The key of a target as an inventory knows it, without asking for anything. */
export function keyIn(spec: AmiPolicySpec, target: Target, inventory: Inventory | undefined): AskedKey {
  const name = keyNameOf(spec, target);
  if (name === undefined) return { kind: 'any' };
  const answer = inventory?.keys.get(name);
  return answer ? judge(name, target, answer) : { kind: 'asking' };
}

function judge(name: string, { account, region }: Target, answer: Answer<Key>): AskedKey {
  const where = `key ${name} in ${account}/${region}`;
  if (!answer.ok) {
    const message = `${where} could not be looked at: ${answer.why}. Nothing is copied there until it can`;
    return { kind: 'refused', blocked: { code: 'KeyUnknown', message, effect: 'retries' } };
  }
  const { value } = answer;
  switch (value.kind) {
    case 'usable':
      return { kind: 'key', name, arn: value.arn };
    case 'denied':
      return { kind: 'key', name, arn: IS_KEY_ARN.test(name) ? name : undefined };
    case 'missing':
      return {
        kind: 'refused',
        blocked: {
          code: 'KeyNotFound',
          message: `there is no ${where}. Make it, or its alias, in that account and region, or correct kmsKeyId`,
          effect: 'stalls',
        },
      };
    default:
      return {
        kind: 'refused',
        blocked: {
          code: 'KeyNotUsable',
          message: `${where} (${value.arn}) cannot encrypt snapshots: ${value.why}. Enable it, or name another one in kmsKeyId`,
          effect: 'stalls',
        },
      };
  }
}

/** The key of a target. What is not known yet is put among what has to be asked, where there is a way to ask. */
export function askedKey(pass: Pass, target: Target): AskedKey {
  const asked = keyIn(pass.spec, target, inventoryOf(pass, target));
  if (asked.kind === 'asking' && inventoryOf(pass, target)) {
    const key = keyNameOf(pass.spec, target);
    if (key !== undefined) pass.draft.need({ kind: 'key', target, key });
  }
  return asked;
}

/** Says what is lost where nobody lets us look at the key of a target: EC2 may be allowed to use it all the same. */
export function warnOfHiddenKey(pass: Pass, target: Target): void {
  const asked = keyIn(pass.spec, target, inventoryOf(pass, target));
  const answer = asked.kind === 'key' ? inventoryOf(pass, target)?.keys.get(asked.name) : undefined;
  if (asked.kind !== 'key' || !answer?.ok || answer.value.kind !== 'denied') return;
  const { why } = answer.value;
  const then =
    asked.arn === undefined
      ? 'Copies are made under it all the same; those that are there are not compared with it, and none is replaced'
      : 'Copies are made under it all the same, and those that are there are compared with it by its ARN';
  pass.draft.block({
    part: 'replication',
    code: 'KeyNotShown',
    subject: asked.name,
    target,
    message: `nobody lets us look at it: allow kms:DescribeKey. ${then} (${why})`,
    effect: 'keeps',
  });
}

/** Whether an image is encrypted with a key: all of its snapshots are. Undefined while that is not known. */
export function isUnder(inventory: Inventory | undefined, image: Image, arn: string): boolean | undefined {
  let known = true;
  for (const { snapshotId, encrypted } of image.volumes) {
    if (snapshotId === undefined) continue;
    const key = snapshotKey(inventory, snapshotId);
    if (!encrypted || (key !== undefined && key !== arn)) return false;
    if (key === undefined) known = false;
  }
  return known ? image.volumes.some(({ snapshotId }) => snapshotId !== undefined) || undefined : undefined;
}

/** The ARN of the key of a snapshot, empty where it is not encrypted; undefined while that is not known. */
export function snapshotKey(inventory: Inventory | undefined, snapshotId: string): string | undefined {
  const listed = inventory?.snapshots.get(snapshotId);
  if (listed) return listed.kmsKeyId ?? (listed.encrypted ? undefined : '');
  const answer = inventory?.snapshotKeys.get(snapshotId);
  return answer?.ok ? answer.value : undefined;
}

/** Whether a copy is under the key that its target asks for. What cannot be compared counts as right. */
export function isUnderAskedKey(pass: Pass, image: Image, target: Target): boolean {
  const asked = keyIn(pass.spec, target, inventoryOf(pass, target));
  if (asked.kind !== 'key' || asked.arn === undefined) return true;
  return isUnder(inventoryOf(pass, target), image, asked.arn) !== false;
}
