import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { Priority, WorkQueue } from '../kube/work-queue.ts';
import { concernsPolicies, mayUse } from './account-watch.ts';
import type { FreshnessLedger } from './freshness-ledger.ts';
import { isUnanswered, wishOf } from './policy-watch.ts';
import type { Shard } from './shard.ts';

type View<T extends KubeObject> = Pick<Reflector<T>, 'store' | 'onChange'>;
type Policy = AmiPolicy & KubeObject;
type Account = AwsAccount & KubeObject;

export interface WakeUpOptions {
  readonly views: { readonly policies: View<Policy>; readonly accounts: View<Account> };
  readonly queues: { readonly policies: WorkQueue; readonly accounts: WorkQueue };
  readonly freshness: Pick<FreshnessLedger, 'lookAfresh' | 'forget'>;
  readonly shard: Shard;
  /** A policy has come over from another shard. */
  readonly onTakenOver: () => void;
  /** Whether something of a policy is in an account, also where the policy does not name it any more. */
  readonly hasImagesIn: (policy: AmiPolicy, account: string) => boolean;
}

/**
 * What changes in the cluster wakes those whom it concerns, and nobody else. To be called before the views start, so that
 * nothing is missed.
 */
export function wakeOnChanges(options: WakeUpOptions): void {
  const { views, queues, freshness, shard, onTakenOver, hasImagesIn } = options;
  const { policies, accounts } = views;
  const wake = (policy: Policy, priority: Priority): void => {
    if (shard(policy)) queues.policies.add(keyOf(policy), priority);
  };
  /** What a policy lets go of, one that stood off may take. */
  const wakeRivals = ({ spec }: Policy): void => {
    for (const other of policies.store.values()) {
      if (hasSource(other, spec.source) && standsOff(other)) wake(other, 'high');
    }
  };
  policies.onChange(({ kind, key, object, before }) => {
    if (kind === 'deleted') {
      queues.policies.forget(key);
      freshness.forget(key);
      wakeRivals(object);
      return;
    }
    const isTakenOver = before !== undefined && !shard(before) && shard(object);
    if (isTakenOver) onTakenOver();
    const wish = isTakenOver ? 'lookAfresh' : wishOf(before, object);
    if (before && wish !== 'nothing') wakeRivals(before);
    if (wish === 'lookAfresh') freshness.lookAfresh(key);
    if (wish !== 'nothing') wake(object, before || isUnanswered(object) ? 'high' : 'low');
  });
  accounts.onChange(({ kind, key, object, before }) => {
    if (kind === 'updated' && before && !concernsPolicies(before, object)) return;
    for (const policy of policies.store.values())
      if (mayUse(policy, key) || hasImagesIn(policy, key)) wake(policy, 'high');
    if (kind === 'deleted') queues.accounts.forget(key);
    else if (shard(object)) queues.accounts.add(key);
  });
}

const hasSource = ({ spec }: Policy, { account, region }: AmiPolicy['spec']['source']): boolean =>
  spec.source.account === account && spec.source.region === region;

const standsOff = ({ status }: AmiPolicy): boolean =>
  status?.conditions?.some(({ reason }) => reason === 'OwnershipConflict' || reason === 'SourceClaimed') === true;
