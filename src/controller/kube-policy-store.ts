import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { AMI_POLICY, API_VERSION, FINALIZER } from '../api/group.ts';
import type { PolicyStatus } from '../api/policy-status.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { ensureFinalizer, removeFinalizer } from '../kube/finalizer.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { KubeObject, ResourceClient } from '../kube/resource-client.ts';
import { withOwnWrites, writeStatus } from '../kube/status-writer.ts';
import type { Failure } from '../policy/failure.ts';
import { onceForEach } from '../policy/once-for-each.ts';
import type { Action } from '../policy/plan.ts';
import type { PolicyStore } from './policy-controller.ts';
import { eventsOf } from './policy-events.ts';

type Policy = AmiPolicy & KubeObject;

const byName = onceForEach(
  (accounts: readonly AwsAccount[]): ReadonlyMap<string, AwsAccount> =>
    new Map(accounts.map((account) => [account.metadata.name, account])),
);

/** Policies and accounts as the API server has them. */
export class KubePolicyStore implements PolicyStore {
  readonly #policies: ResourceClient<Policy>;
  readonly #accounts: ResourceClient<AwsAccount & KubeObject>;
  readonly #policyView: Reflector<Policy>;
  readonly #accountView: Reflector<AwsAccount & KubeObject>;
  readonly #recorder: EventRecorder;

  constructor(parts: {
    readonly policies: ResourceClient<Policy>;
    readonly accounts: ResourceClient<AwsAccount & KubeObject>;
    readonly policyView: Reflector<Policy>;
    readonly accountView: Reflector<AwsAccount & KubeObject>;
    readonly recorder: EventRecorder;
  }) {
    this.#policies = parts.policies;
    this.#accounts = parts.accounts;
    this.#policyView = parts.policyView;
    this.#accountView = parts.accountView;
    this.#recorder = parts.recorder;
  }

  get(key: string): AmiPolicy | undefined {
    const stored = this.#policyView.store.get(key);
    return stored && withOwnWrites(this.#policies, stored);
  }

  all(): readonly AmiPolicy[] {
    return this.#policyView.store.all();
  }

  accounts(): ReadonlyMap<string, AwsAccount> {
    return byName(this.#accountView.store.all());
  }

  async read({ metadata }: Parameters<PolicyStore['read']>[0]): Promise<AmiPolicy | undefined> {
    try {
      return await this.#policies.get(metadata.name, metadata.namespace);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async writeStatus(policy: AmiPolicy, status: PolicyStatus): Promise<void> {
    await writeStatus(this.#policies, policy, status);
  }

  async ensureFinalizer(policy: AmiPolicy): Promise<void> {
    if (await ensureFinalizer(this.#policies, policy, FINALIZER)) return;
    // What would be begun now, no deletion would ever undo.
    const { name, namespace } = policy.metadata;
    throw new Error(`AmiPolicy ${namespace}/${name} was deleted while it was looked at: nothing is begun in AWS`);
  }

  async ensureAccountFinalizer(account: string): Promise<void> {
    const stored = this.#accountView.store.get(account);
    // One that is going has its finalizer or needs none: nothing new is begun there for long.
    if (!stored || stored.metadata.deletionTimestamp !== undefined) return;
    if (!stored.metadata.finalizers?.includes(FINALIZER)) await ensureFinalizer(this.#accounts, stored, FINALIZER);
  }

  async removeFinalizer(policy: AmiPolicy): Promise<void> {
    await removeFinalizer(this.#policies, policy, FINALIZER);
  }

  record(policy: AmiPolicy, done: readonly Action[], failures: readonly Failure[]): void {
    const { name, namespace = '', uid = '', resourceVersion = '' } = policy.metadata;
    const about = { apiVersion: API_VERSION, kind: AMI_POLICY.kind, name, namespace, uid, resourceVersion };
    for (const event of eventsOf(done, failures)) this.#recorder.record(about, event);
  }
}
