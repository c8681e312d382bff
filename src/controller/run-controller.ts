import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Random } from '../ambient/random.ts';
import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { AMI_POLICY, AWS_ACCOUNT, FINALIZER, GROUP, VERSION } from '../api/group.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { fencedTransport } from '../kube/fenced-transport.ts';
import { removeFinalizer } from '../kube/finalizer.ts';
import { type ElectionOptions, LeaseElection } from '../kube/lease-election.ts';
import { Reflector } from '../kube/reflector.ts';
import { type KubeObject, ResourceClient } from '../kube/resource-client.ts';
import { writeStatus } from '../kube/status-writer.ts';
import type { Transport } from '../kube/transport.ts';
import { runWorkers, WorkQueue } from '../kube/work-queue.ts';
import { grantFor } from './access.ts';
import { AccountController } from './account-controller.ts';
import { clusterIdOf } from './cluster-id.ts';
import type { Engine } from './engine.ts';
import { KubePolicyStore } from './kube-policy-store.ts';
import { NodeClasses } from './node-classes.ts';
import { PolicyController } from './policy-controller.ts';
import { wishOf } from './policy-watch.ts';
import type { Result } from './reconcile.ts';
import { requireKinds } from './require-kinds.ts';

export interface ControllerOptions {
  readonly engine: Engine;
  readonly transport: Transport;
  readonly random: Random;
  readonly log: Logger;
  readonly clusterId?: string;
  /** The lease that this replica must hold before it changes anything. Default: none, it is the only one. */
  readonly lease?: Pick<ElectionOptions, 'namespace' | 'name' | 'identity'>;
  readonly readOnly: boolean;
  /** Milliseconds between looks at everything. */
  readonly resyncMs: number;
  /** Milliseconds within which permissions that somebody has changed are found. */
  readonly verifyMs: number;
  /** The caches are filled: from here on a standby can take over at once. */
  readonly onReady?: () => void;
  /** This replica is the one that works. */
  readonly onLeading?: () => void;
  readonly onResult?: (key: string, result: Result) => void;
  readonly onGone?: (key: string) => void;
}

/**
 * Where something is under way, a listing that is not older than this is good enough for a pass between two polls:
 * edits that follow each other closely would otherwise list every such target, each time and in each of their rounds,
 * and then wait for the rate budget that they have used up themselves.
 */
const MOVING_FRESH_MS = 2500;
/** What keeps an image is asked for again after this; before one goes, everything that speaks for it is asked anew. */
const EVIDENCE_FRESH_MS = 60 * 60_000;
/** A permission that was there is asked for again after this; one that was not, with each look at everything. */
const ALLOWED_FRESH_MS = 60 * 60_000;
/** Policies that are worked on at a time. Their calls share one rate budget. */
const WORKERS = 8;

export const POLICIES = {
  group: GROUP,
  version: VERSION,
  plural: AMI_POLICY.plural,
  kind: AMI_POLICY.kind,
  namespaced: true,
};
export const ACCOUNTS = {
  group: GROUP,
  version: VERSION,
  plural: AWS_ACCOUNT.plural,
  kind: AWS_ACCOUNT.kind,
  namespaced: false,
};
const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };

/**
 * Runs the controller until `stop` aborts; resolves when everything has come to rest.
 * @throws when the API server cannot be used at all, as when the CRDs are missing, and when the lease is lost: whoever
 *   runs it starts it anew
 */
export async function runController(options: ControllerOptions, stop: AbortSignal): Promise<void> {
  const { engine, random, log } = options;
  const { clock } = engine;
  const election =
    options.lease &&
    new LeaseElection(options.transport, {
      clock,
      random,
      ...options.lease,
      onTrouble: (error) =>
        log.warn(
          { err: error instanceof Error ? error.message : String(error) },
          'the lease cannot be had; it is tried again',
        ),
    });
  let holds = (): boolean => !election;
  const mayWrite = (): boolean => holds();
  const transport = fencedTransport(options.transport, mayWrite);
  engine.clients.fence(mayWrite);
  const policies = new ResourceClient<AmiPolicy & KubeObject>(transport, POLICIES);
  const accounts = new ResourceClient<AwsAccount & KubeObject>(transport, ACCOUNTS);
  const cluster = await clusterIdOf(options.clusterId, new ResourceClient(transport, NAMESPACES));
  await requireKinds(transport);
  const queue = new WorkQueue({ clock, random });
  const onTrouble = (what: string) => (error: unknown) =>
    log.warn({ err: error instanceof Error ? error.message : String(error) }, `${what}; it is tried again`);
  const recorder = new EventRecorder(transport, {
    clock,
    random,
    component: 'amifleet',
    onTrouble: onTrouble('an event was not written'),
  });
  const policyView = new Reflector(policies, { clock, random, onTrouble: onTrouble('policies cannot be watched') });
  const accountView = new Reflector(accounts, { clock, random, onTrouble: onTrouble('accounts cannot be watched') });
  const store = new KubePolicyStore({ policies, accounts, policyView, accountView, recorder });
  const controller = new PolicyController({
    engine,
    store,
    nodeClasses: new NodeClasses(transport, clock),
    cluster,
    readOnly: options.readOnly,
    onResult: (key, result) => {
      logResult(log, key, result);
      options.onResult?.(key, result);
    },
  });

  const since = clock.monotonic();
  // One tick for all: what one policy has listed, the others use.
  let resyncAt = clock.monotonic();
  const afresh = new Map<string, number>();
  /** From when on a listing is good enough for a key that failed, and for one that polls. */
  const rereadFrom = new Map<string, number>();
  const pollFrom = new Map<string, number>();
  /** What a policy lets go of, one that stood off may take. */
  const freeRivals = (policy: AmiPolicy): void => {
    const { account, region } = policy.spec.source;
    for (const other of store.all()) {
      const { source } = other.spec;
      if (source.account === account && source.region === region && standsOff(other)) queue.add(keyOf(other));
    }
  };
  policyView.onChange(({ kind, key, object, before }) => {
    if (kind === 'deleted') {
      queue.forget(key);
      afresh.delete(key);
      rereadFrom.delete(key);
      pollFrom.delete(key);
      options.onGone?.(key);
      freeRivals(object);
      return;
    }
    const wish = wishOf(before, object);
    if (before && wish !== 'nothing') freeRivals(before);
    if (wish === 'lookAfresh') afresh.set(key, clock.monotonic());
    if (wish !== 'nothing') queue.add(key);
  });
  const everything = (): void => {
    for (const policy of store.all()) queue.add(keyOf(policy));
  };
  const accountQueue = new WorkQueue({ clock, random });
  accountView.onChange(({ kind, key, object, before }) => {
    if (kind !== 'deleted' && before && !asksForALook(before, object)) return;
    everything();
    if (kind === 'deleted') accountQueue.forget(key);
    else accountQueue.add(key);
  });

  policyView.start();
  accountView.start();
  await Promise.race([Promise.all([policyView.synced, accountView.synced]), aborted(stop)]);
  if (!stop.aborted) {
    options.onReady?.();
    log.info({ cluster, policies: store.all().length, readOnly: options.readOnly }, 'controller is ready');
  }
  // A standby waits here, with its caches filled.
  const leadership = await election?.acquire(stop).catch((error: unknown) => {
    if (!stop.aborted) throw error;
    return undefined;
  });
  if (leadership) {
    holds = () => leadership.holds();
    log.info({ lease: options.lease?.name, identity: options.lease?.identity }, 'this replica leads');
    // What the leader before has written just now may not be visible yet.
    engine.inventories.takeOver();
    resyncAt = clock.monotonic();
  }
  const end = leadership ? AbortSignal.any([stop, leadership.lost]) : stop;
  let cancelResync = (): void => undefined;
  const resync = (): void => {
    cancelResync = clock.after(options.resyncMs, () => {
      resyncAt = clock.monotonic();
      everything();
      void sweep();
      resync();
    });
  };

  /** Targets that no policy names any more are found by our tags; policies with copies there are looked at again. */
  const sweep = async (): Promise<void> => {
    for (const account of store.accounts().values()) {
      const id = account.metadata.name;
      const [namespace] = account.spec.namespaces ?? [];
      if (end.aborted || namespace === undefined || !engine.sweep.isDue(id)) continue;
      const grant = grantFor(id, namespace === '*' ? 'default' : namespace, store.accounts(), options.readOnly);
      if (grant.kind !== 'granted') continue;
      await engine.sweep.account(grant.access, { signal: end });
      accountQueue.add(id);
      for (const policy of store.all()) {
        if (engine.sweep.targetsWith(controller.ownerOf(policy)).some((target) => target.account === id))
          queue.add(keyOf(policy));
      }
    }
  };

  if (!end.aborted) {
    options.onLeading?.();
    resync();
    void sweep();
  }
  const workers = runWorkers(queue, {
    concurrency: WORKERS,
    signal: end,
    run: async (key, signal) => {
      const begun = clock.monotonic();
      const from = Math.max(resyncAt, afresh.get(key) ?? 0);
      const poll = pollFrom.get(key) ?? 0;
      try {
        const next = await controller.pass(
          key,
          {
            listing: Math.max(from, rereadFrom.get(key) ?? 0),
            moving: poll <= begun ? poll : begun - MOVING_FRESH_MS,
            grants: Math.max(afresh.get(key) ?? 0, since),
            verifyMs: options.verifyMs,
            evidence: Math.max(afresh.get(key) ?? 0, begun - EVIDENCE_FRESH_MS),
            unanswered: begun,
            allowed: Math.max(afresh.get(key) ?? 0, begun - ALLOWED_FRESH_MS),
            denied: from,
          },
          signal,
        );
        pollFrom.delete(key);
        rereadFrom.delete(key);
        if (next.kind === 'retry') {
          // What failed may have been read wrong: the next try reads again.
          rereadFrom.set(key, begun);
          queue.retry(key);
        } else {
          queue.forget(key);
          if (next.kind === 'after') {
            // Polls of all policies with copies in a target share one listing when they fall close together.
            pollFrom.set(key, begun + next.ms / 2);
            queue.addAfter(key, next.ms);
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn(
          { policy: key, err: error instanceof Error ? error.message : String(error) },
          'pass failed; it is tried again',
        );
        queue.retry(key);
      }
    },
  });
  const accountController = new AccountController(
    engine,
    {
      get: (name) => accountView.store.get(name),
      writeStatus: async (account, status) => {
        await writeStatus(accounts, account, status);
      },
      removeFinalizer: (account) => removeFinalizer(accounts, account, FINALIZER),
    },
    cluster,
  );
  const accountWorkers = runWorkers(accountQueue, {
    concurrency: 2,
    signal: end,
    run: async (key, signal) => {
      try {
        const next = await accountController.pass(key, signal);
        accountQueue.forget(key);
        if (next !== undefined) accountQueue.addAfter(key, next);
      } catch (error) {
        if (signal.aborted) return;
        log.warn(
          { account: key, err: error instanceof Error ? error.message : String(error) },
          'account not looked at',
        );
        accountQueue.retry(key);
      }
    },
  });
  await Promise.all([workers, accountWorkers]);
  cancelResync();
  await recorder.stop();
  // Only now: until here work in hand was finished under the lease.
  await leadership?.release();
  await Promise.all([policyView.stop(), accountView.stop()]);
  if (!stop.aborted) end.throwIfAborted();
}

/** What of an account matters to policies: its spec, its labels, and that it is to go. Status and finalizers do not. */
const asksForALook = (before: AwsAccount, now: AwsAccount): boolean =>
  before.metadata.generation !== now.metadata.generation ||
  before.metadata.uid !== now.metadata.uid ||
  before.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
  !isDeepStrictEqual(before.metadata.labels, now.metadata.labels);

const keyOf = ({ metadata }: AmiPolicy): string => `${metadata.namespace}/${metadata.name}`;

const standsOff = ({ status }: AmiPolicy): boolean =>
  status?.conditions?.some(({ reason }) => reason === 'OwnershipConflict' || reason === 'SourceClaimed') === true;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

function logResult(log: Logger, key: string, { report, failures }: Result): void {
  const ready = report.findings.find(({ type }) => type === 'Ready');
  log.info({ policy: key, ready: ready?.status, reason: ready?.reason, failures: failures.length }, 'pass ended');
}
