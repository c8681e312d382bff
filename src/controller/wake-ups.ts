import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import { concernsPolicies } from './account-watch.ts';
import type { FreshnessLedger } from './freshness-ledger.ts';
import { isUnanswered, wishOf } from './policy-watch.ts';

type Policy = AmiPolicy & KubeObject;
type Account = AwsAccount & KubeObject;

/** What of the cluster changed wakes whom. To be called before the views start, so that nothing is missed. */
export function wakeOnChanges(
  { policies, accounts }: { readonly policies: Reflector<Policy>; readonly accounts: Reflector<Account> },
  queues: { readonly policies: WorkQueue; readonly accounts: WorkQueue },
  freshness: FreshnessLedger,
): void {
  /** What a policy lets go of, one that stood off may take. */
  const wakeRivals = ({ spec }: Policy): void => {
    for (const other of policies.store.values()) {
      if (hasSource(other, spec.source) && standsOff(other)) queues.policies.add(keyOf(other));
    }
  };
  policies.onChange(({ kind, key, object, before }) => {
    if (kind === 'deleted') {
      queues.policies.forget(key);
      freshness.forget(key);
      wakeRivals(object);
      return;
    }
    const wish = wishOf(before, object);
    if (before && wish !== 'nothing') wakeRivals(before);
    if (wish === 'lookAfresh') freshness.lookAfresh(key);
    if (wish !== 'nothing') queues.policies.add(key, before || isUnanswered(object) ? 'high' : 'low');
  });
  accounts.onChange(({ kind, key, object, before }) => {
    if (kind !== 'deleted' && before && !concernsPolicies(before, object)) return;
    for (const policy of policies.store.values()) queues.policies.add(keyOf(policy));
    if (kind === 'deleted') queues.accounts.forget(key);
    else queues.accounts.add(key);
  });
}

const hasSource = ({ spec }: Policy, { account, region }: AmiPolicy['spec']['source']): boolean =>
  spec.source.account === account && spec.source.region === region;

const standsOff = ({ status }: AmiPolicy): boolean =>
  status?.conditions?.some(({ reason }) => reason === 'OwnershipConflict' || reason === 'SourceClaimed') === true;
