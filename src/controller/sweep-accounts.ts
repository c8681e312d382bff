import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import type { Owner } from '../policy/identity.ts';
import { grantFor } from './access.ts';
import type { Sweep } from './sweep.ts';

export interface SweepOptions {
  readonly sweep: Sweep;
  readonly accounts: () => ReadonlyMap<string, AwsAccount>;
  readonly policies: () => readonly AmiPolicy[];
  readonly ownerOf: (policy: AmiPolicy) => Owner;
  readonly readOnly: boolean;
  /** Is told of each account that was swept, and of the policies that have something in it. */
  readonly onSwept: (account: string, policies: readonly AmiPolicy[]) => void;
}

/** Sweeps each account whose day is over, one after the other. Never fails: see `Sweep`. */
export async function sweepAccounts(options: SweepOptions, end: AbortSignal): Promise<void> {
  const { sweep, accounts, policies, ownerOf, readOnly, onSwept } = options;
  for (const account of accounts().values()) {
    const id = account.metadata.name;
    const [namespace] = account.spec.namespaces ?? [];
    if (end.aborted || namespace === undefined || !sweep.isDue(id)) continue;
    const grant = grantFor(id, namespace === '*' ? 'default' : namespace, accounts(), readOnly);
    if (grant.kind !== 'granted') continue;
    await sweep.account(grant.access, { signal: end });
    const concerned = policies().filter((policy) =>
      sweep.targetsWith(ownerOf(policy)).some((target) => target.account === id),
    );
    onSwept(id, concerned);
  }
}
