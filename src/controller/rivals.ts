import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { ABANDON_ANNOTATION } from '../api/group.ts';
import { append } from '../policy/image-index.ts';
import { type Target, type TargetKey, targetKey } from '../policy/model.ts';
import { onceForEach } from '../policy/once-for-each.ts';
import type { Rival } from '../policy/pass.ts';
import { scopeOf } from '../policy/scope.ts';
import { knownAccounts } from './access.ts';
import { ownerOf } from './owner-of.ts';
import { policyFrom } from './policy-from.ts';

type Accounts = ReadonlyMap<string, AwsAccount>;

/**
 * The policies of the cluster that share their source with others. Every pass asks, so that each policy is read once for
 * each time that it changes, and not once for each pass over any other.
 */
export class Rivals {
  readonly #bySource: (accounts: Accounts) => (all: readonly AmiPolicy[]) => ReadonlyMap<TargetKey, readonly Rival[]>;

  constructor(cluster: string) {
    this.#bySource = onceForEach((accounts) => {
      const rivalOf = onceForEach((stored: AmiPolicy) => rivalIn(stored, accounts, cluster));
      return onceForEach((all) => {
        const lists = new Map<TargetKey, Rival[]>();
        for (const stored of all) {
          const rival = rivalOf(stored);
          if (rival) append(lists, targetKey(rival.owner.source), rival);
        }
        return lists;
      });
    });
  }

  /**
   * All policies that work on the images of a source, the asking one among them.
   * @param all the policies of the cluster: the same array as long as none has changed; `accounts` likewise
   */
  of(source: Target, all: readonly AmiPolicy[], accounts: Accounts): readonly Rival[] {
    return this.#bySource(accounts)(all).get(targetKey(source)) ?? [];
  }
}

function rivalIn(stored: AmiPolicy, accounts: Accounts, cluster: string): Rival | undefined {
  if (stored.metadata.deletionTimestamp !== undefined) return undefined;
  try {
    const policy = policyFrom(stored);
    const { namespace = '', annotations, creationTimestamp = '' } = policy.metadata;
    // A policy that does nothing has no claim on what others do.
    if (policy.spec.suspend || policy.spec.mode === 'Plan') return undefined;
    return {
      owner: ownerOf(policy, cluster),
      spec: scopeOf(policy.spec, annotations?.[ABANDON_ANNOTATION], knownAccounts(namespace, accounts)).spec,
      createdAt: Date.parse(creationTimestamp) || 0,
    };
  } catch {
    // It cannot be read, so it does not work either; its own status says so.
    return undefined;
  }
}
