import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { conditionsFrom } from '../api/conditions.ts';
import { FINALIZER, RECONCILE_ANNOTATION } from '../api/group.ts';
import type { PolicyStatus } from '../api/policy-status.ts';
import type { Audit } from '../aws/audit.ts';
import type { CallOptions } from '../aws/aws-clients.ts';
import type { Failure } from '../policy/failure.ts';
import { claimantIn, type Owner } from '../policy/identity.ts';
import type { Image } from '../policy/model.ts';
import { onceForEach } from '../policy/once-for-each.ts';
import type { Action } from '../policy/plan.ts';
import { isoTime, TAG } from '../policy/tags.ts';
import { deletedOn, withDeleted } from './deletion-ledger.ts';
import type { Engine } from './engine.ts';
import { invalidStatus } from './invalid-policy.ts';
import { nextDue, nextLook } from './next-look.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Freshness } from './observe.ts';
import { ownerOf } from './owner-of.ts';
import { policyFrom } from './policy-from.ts';
import { type Request, type Result, reconcile } from './reconcile.ts';
import { Rivals } from './rivals.ts';
import type { Shard } from './shard.ts';

/** What the controller sees of Kubernetes: the reflectors' stores, and live reads and writes. */
export interface PolicyStore {
  /** The policy as last seen, or as we have written it since; undefined when it is gone. */
  get(key: string): AmiPolicy | undefined;
  /** All policies; the same array until one of them changes. */
  all(): readonly AmiPolicy[];
  /** All accounts by id; the same map until one of them changes. */
  accounts(): ReadonlyMap<string, AwsAccount>;
  /** Reads one policy from the API server itself; undefined when it is not there. */
  read(policy: {
    readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
  }): Promise<AmiPolicy | undefined>;
  writeStatus(policy: AmiPolicy, status: PolicyStatus): Promise<void>;
  ensureFinalizer(policy: AmiPolicy): Promise<void>;
  /** Keeps an AwsAccount from going while images of ours may be in its account. */
  ensureAccountFinalizer(account: string): Promise<void>;
  removeFinalizer(policy: AmiPolicy): Promise<void>;
  /** Tells users what was done. Never fails. */
  record(policy: AmiPolicy, done: readonly Action[], failures: readonly Failure[]): void;
}

/** What a pass over one policy leaves to do. */
export type Next =
  | { readonly kind: 'idle' }
  /** Milliseconds from now. */
  | { readonly kind: 'after'; readonly ms: number }
  /** Something failed: with back-off, but no later than in `withinMs`, when something else is to be looked at. */
  | { readonly kind: 'retry'; readonly withinMs?: number };

/** How a policy of the cluster is reconciled: what `reconcile` decides, carried to and from Kubernetes. */
export class PolicyController {
  readonly #engine: Engine;
  readonly #store: PolicyStore;
  readonly #nodeClasses: Pick<NodeClasses, 'read'>;
  readonly #cluster: string;
  readonly #rivals: Rivals;
  readonly #shard: Shard;
  readonly #readOnly: boolean;
  readonly #auditOf: ((key: string) => Audit) | undefined;
  readonly #onResult: (key: string, result: Result) => void;

  constructor(options: {
    readonly engine: Engine;
    readonly store: PolicyStore;
    readonly nodeClasses: Pick<NodeClasses, 'read'>;
    readonly cluster: string;
    readonly shard: Shard;
    readonly readOnly: boolean;
    /** Who is told of everything that is taken away for a policy. Default: nobody is. */
    readonly auditOf?: (key: string) => Audit;
    readonly onResult?: (key: string, result: Result) => void;
  }) {
    this.#engine = options.engine;
    this.#store = options.store;
    this.#nodeClasses = options.nodeClasses;
    this.#cluster = options.cluster;
    this.#rivals = new Rivals(options.cluster);
    this.#shard = options.shard;
    this.#readOnly = options.readOnly;
    this.#auditOf = options.auditOf;
    this.#onResult = options.onResult ?? ((): void => undefined);
  }

  /** @throws when Kubernetes cannot be reached or written; what AWS refuses is in the status instead */
  async pass(
    key: string,
    fresh: Freshness,
    { signal: stop, priority }: CallOptions & { readonly signal: AbortSignal },
  ): Promise<Next> {
    const stored = this.#store.get(key);
    if (!stored || !this.#shard(stored)) return { kind: 'idle' };
    let policy: AmiPolicy;
    try {
      policy = policyFrom(stored);
    } catch (error) {
      await this.#store.writeStatus(stored, this.#invalid(stored, error));
      return { kind: 'idle' };
    }
    if (policy.metadata.deletionTimestamp !== undefined && !hasFinalizer(policy)) return { kind: 'idle' };
    const owner = this.ownerOf(policy);
    const accounts = this.#store.accounts();
    let deletions = policy.status?.deletions;
    const request: Request = {
      policy,
      owner,
      accounts,
      rivals: this.#rivals.of(owner.source, this.#store.all(), accounts),
      livePolicies: uidsOf(this.#store.all()),
      nodeClasses: this.#nodeClasses,
      deletedToday: deletedOn(this.#engine.clients.time.now(), deletions),
      readOnly: this.#readOnly,
      isOurs: (image) => this.#isOurs(image),
      fresh,
      ...(priority && { priority }),
    };
    const result = await reconcile(this.#engine, request, {
      beforeActing: async (accounts) => {
        // A policy on its way out cannot take a finalizer, and has one.
        if (policy.metadata.deletionTimestamp !== undefined) return;
        await this.#store.ensureFinalizer(policy);
        for (const account of accounts) await this.#store.ensureAccountFinalizer(account);
      },
      beforeDeleting: async (versions) => {
        deletions = withDeleted(this.#engine.clients.time.now(), deletions, versions);
        await this.#store.writeStatus(policy, { ...(policy.status ?? { observedGeneration: -1 }), deletions });
      },
      confirm: (action) => this.#confirm(policy, action),
      audit: this.#auditOf?.(key),
      acted: (done, failures) => this.#store.record(policy, done, failures),
      stop,
    });
    this.#onResult(key, result);
    if (result.decision.plan.released) {
      await this.#store.removeFinalizer(policy);
      return { kind: 'idle' };
    }
    await this.#store.writeStatus(policy, this.#status(policy, result, deletions));
    return this.#next(result, owner);
  }

  /** Of this cluster, and not of a policy that another shard works on. */
  #isOurs({ tags }: Image): boolean {
    if (tags[TAG.cluster] !== this.#cluster) return false;
    const policy = this.#store.get(tags[TAG.policy] ?? '');
    return policy === undefined || this.#shard(policy);
  }

  ownerOf(policy: AmiPolicy): Owner {
    return ownerOf(policy, this.#cluster);
  }

  /** Both views are stale: before what cannot be undone the policy is read once more, from the API server itself (S2). */
  async #confirm(policy: AmiPolicy, action: Action): Promise<string | undefined> {
    if (action.call.do === 'claim') return await this.#confirmAbandoned(action.call.instead);
    const live = await this.#store.read(policy);
    const name = `${policy.metadata.namespace}/${policy.metadata.name}`;
    if (!live || live.metadata.uid !== policy.metadata.uid)
      return `policy ${name} is not the one this was planned for any more`;
    if (!this.#shard(live)) return `policy ${name} belongs to another shard by now`;
    if (live.metadata.generation !== policy.metadata.generation)
      return `policy ${name} was changed since this was planned`;
    const deleting = live.metadata.deletionTimestamp !== undefined;
    if (deleting !== (policy.metadata.deletionTimestamp !== undefined)) return `policy ${name} is being deleted`;
    if (action.destroys && !deleting && live.spec.suspend) return `policy ${name} is suspended`;
    if (action.destroys && deleting && (live.spec.deletionPolicy !== 'Delete' || live.spec.mode === 'Plan'))
      return `deletionPolicy of ${name} is not Delete`;
    return undefined;
  }

  /** A claim is taken over from a policy that is gone, and not from one that this replica has only not heard of yet. */
  async #confirmAbandoned(claim: string | undefined): Promise<string | undefined> {
    const claimant = claim === undefined ? undefined : claimantIn(claim);
    if (claimant?.cluster !== this.#cluster) return undefined;
    const { namespace, name, uid } = claimant;
    const live = await this.#store.read({ metadata: { namespace, name } });
    return live?.metadata.uid === uid ? `policy ${namespace}/${name}, which has claimed it, is there` : undefined;
  }

  #status(policy: AmiPolicy, result: Result, deletions: PolicyStatus['deletions']): PolicyStatus {
    const generation = policy.metadata.generation ?? 0;
    const now = isoTime(Math.floor(this.#engine.clock.now() / 1000) * 1000).replace('.000Z', 'Z');
    const token = policy.metadata.annotations?.[RECONCILE_ANNOTATION];
    return {
      observedGeneration: generation,
      conditions: conditionsFrom(result.report.findings, policy.status?.conditions ?? [], generation, now),
      ...result.report.status,
      ...(deletions && { deletions }),
      ...(token !== undefined && { lastHandledReconcile: token }),
    };
  }

  #invalid(stored: AmiPolicy, error: unknown): PolicyStatus {
    const message = error instanceof Error ? error.message : String(error);
    const now = isoTime(Math.floor(this.#engine.clock.now() / 1000) * 1000).replace('.000Z', 'Z');
    return invalidStatus(message.slice(0, 1000), stored.metadata.generation ?? 0, stored.status?.conditions ?? [], now);
  }

  #next(result: Result, owner: Owner): Next {
    const { input, decision, failures } = result;
    // What AWS did not answer is asked again more and more slowly; everything else that is blocked has its own time.
    const unanswered = decision.plan.blocked.some(
      ({ part, code, effect }) => effect === 'retries' && (part === 'access' || code === 'PermissionsUnknown'),
    );
    const given = [decision.plan, [...input.targets.values()], owner, input.now] as const;
    if (unanswered || failures.some(({ effect }) => effect === 'retries')) {
      const withinMs = nextDue(...given);
      return { kind: 'retry', ...(withinMs !== undefined && { withinMs }) };
    }
    const ms = nextLook(...given);
    return ms === undefined ? { kind: 'idle' } : { kind: 'after', ms };
  }
}

const uidsOf = onceForEach(
  (policies: readonly AmiPolicy[]): ReadonlySet<string> => new Set(policies.map(({ metadata }) => metadata.uid ?? '')),
);

const hasFinalizer = (policy: AmiPolicy): boolean => policy.metadata.finalizers?.includes(FINALIZER) === true;
