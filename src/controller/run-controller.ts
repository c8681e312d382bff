import type { Logger } from 'pino';
import type { Random } from '../ambient/random.ts';
import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { FINALIZER } from '../api/group.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { fencedTransport } from '../kube/fenced-transport.ts';
import { removeFinalizer } from '../kube/finalizer.ts';
import { keyOf } from '../kube/kube-object.ts';
import { Reflector } from '../kube/reflector.ts';
import { type KubeObject, ResourceClient } from '../kube/resource-client.ts';
import { withOwnWrites, writeStatus } from '../kube/status-writer.ts';
import type { Transport } from '../kube/transport.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import type { Orphan } from '../policy/orphans.ts';
import { AccountController } from './account-controller.ts';
import { runAccountWorkers } from './account-workers.ts';
import { auditLog } from './audit-log.ts';
import { clusterIdOf } from './cluster-id.ts';
import type { Engine } from './engine.ts';
import { FreshnessLedger } from './freshness-ledger.ts';
import { KubePolicyStore } from './kube-policy-store.ts';
import { logResult } from './log-result.ts';
import { NodeClasses } from './node-classes.ts';
import type { ControllerName, Observer } from './observer.ts';
import { PolicyController } from './policy-controller.ts';
import { runPolicyWorkers } from './policy-workers.ts';
import { requireKinds } from './require-kinds.ts';
import { ACCOUNTS, NAMESPACES, POLICIES } from './resource-kinds.ts';
import { everyPeriod } from './resync.ts';
import { EVERYTHING, type Shard } from './shard.ts';
import { sweepAccounts } from './sweep-accounts.ts';
import { type LeaseName, Turn } from './turn.ts';
import { wakeOnChanges } from './wake-ups.ts';

export interface ControllerOptions {
  readonly engine: Engine;
  readonly transport: Transport;
  readonly random: Random;
  readonly log: Logger;
  readonly clusterId?: string;
  /** The lease that this replica must hold before it changes anything. Default: none, it is the only one. */
  readonly lease?: LeaseName;
  /** Which policies and accounts are its to work on. Default: all. */
  readonly shard?: Shard;
  readonly readOnly: boolean;
  /** Milliseconds between looks at everything. */
  readonly resyncMs: number;
  /** Milliseconds within which permissions that somebody has changed are found. */
  readonly verifyMs: number;
  /** Milliseconds after which a quiet watch of policies or accounts is checked. Default: never (see `ReflectorOptions`). */
  readonly watchCheckMs?: number;
  /** Default: nobody watches. */
  readonly observer?: Observer | undefined;
}

/**
 * Runs the controller until `stop` aborts; resolves when everything has come to rest.
 * @throws when the API server cannot be used at all, as when the CRDs are missing, and when the lease is lost: whoever
 *   runs it starts it anew
 */
export async function runController(options: ControllerOptions, stop: AbortSignal): Promise<void> {
  const { engine, random, log, readOnly, observer, shard = EVERYTHING } = options;
  const { clock } = engine;
  const turn = new Turn(options.transport, { clock, random, log, lease: options.lease });
  const transport = fencedTransport(options.transport, () => turn.mayWrite());
  engine.clients.fence(() => turn.mayWrite());
  const policies = new ResourceClient<AmiPolicy & KubeObject>(transport, POLICIES);
  const accounts = new ResourceClient<AwsAccount & KubeObject>(transport, ACCOUNTS);
  const cluster = await clusterIdOf(options.clusterId, new ResourceClient(transport, NAMESPACES));
  await requireKinds(transport);

  const onTrouble = (what: string) => (error: unknown) =>
    log.warn({ err: error instanceof Error ? error.message : String(error) }, `${what}; it is tried again`);
  const recorder = new EventRecorder(transport, {
    clock,
    random,
    component: 'amifleet',
    onTrouble: onTrouble('an event was not written'),
  });
  const watching = { clock, random, checkMs: options.watchCheckMs };
  const policyView = new Reflector(policies, { ...watching, onTrouble: onTrouble('policies cannot be watched') });
  const accountView = new Reflector(accounts, { ...watching, onTrouble: onTrouble('accounts cannot be watched') });
  const store = new KubePolicyStore({ policies, accounts, policyView, accountView, recorder });
  const policyController = new PolicyController({
    engine,
    store,
    nodeClasses: new NodeClasses(transport, clock),
    cluster,
    shard,
    readOnly,
    auditOf: auditLog(log, (act, outcome) => observer?.acted(act, outcome)),
    onResult: (key, result) => logResult(log, key, result),
  });
  const accountController = new AccountController(
    engine,
    {
      get: (name) => {
        const stored = accountView.store.get(name);
        return stored && withOwnWrites(accounts, stored);
      },
      livePolicies: () => new Set(store.all().map(({ metadata }) => metadata.uid ?? '')),
      writeStatus: async (account, status) => {
        await writeStatus(accounts, account, status);
      },
      removeFinalizer: (account) => removeFinalizer(accounts, account, FINALIZER),
    },
    { cluster, othersWrite: shard !== EVERYTHING },
  );

  const queueOf = (controller: ControllerName): WorkQueue =>
    new WorkQueue({
      clock,
      random,
      onTaken: (ms) => observer?.waited(controller, ms),
      onDone: (ms) => observer?.worked(controller, ms),
    });
  const ownPolicies = (): readonly AmiPolicy[] => store.all().filter(shard);
  const policyQueue = queueOf('amipolicy');
  const accountQueue = queueOf('awsaccount');
  const freshness = new FreshnessLedger(clock, options.verifyMs);
  wakeOnChanges({
    views: { policies: policyView, accounts: accountView },
    queues: { policies: policyQueue, accounts: accountQueue },
    freshness,
    shard,
    onTakenOver: () => engine.inventories.takeOver(),
    hasImagesIn: (policy, account) =>
      engine.sweep.targetsWith(policyController.ownerOf(policy)).some((target) => target.account === account),
  });
  observer?.began({
    engine,
    cluster,
    queues: { amipolicy: policyQueue, awsaccount: accountQueue },
    views: { amipolicy: policyView, awsaccount: accountView },
    policies: ownPolicies,
    accounts: () => accountView.store.all().filter(shard),
    leads: () => turn.mayWrite(),
  });
  policyView.start();
  accountView.start();
  await Promise.race([Promise.all([policyView.synced, accountView.synced]), aborted(stop)]);
  if (!stop.aborted) log.info({ cluster, policies: ownPolicies().length, readOnly }, 'controller is ready');

  // A standby waits here, with its caches filled.
  const { end, takesOver } = await turn.begin(stop);
  if (takesOver) {
    // What the leader before has written just now may not be visible yet.
    engine.inventories.takeOver();
    freshness.resync();
  }
  const sweep = (): void =>
    void sweepAccounts(
      {
        sweep: engine.sweep,
        accounts: () => store.accounts(),
        policies: ownPolicies,
        ownerOf: (policy) => policyController.ownerOf(policy),
        readOnly,
        onSwept: (account, concerned) => {
          const swept = accountView.store.get(account);
          if (swept && shard(swept)) {
            accountQueue.add(account, 'low');
            logOrphans(log, account, accountController.orphansIn(account) ?? []);
          }
          for (const policy of concerned) policyQueue.add(keyOf(policy), 'low');
        },
      },
      end,
    );
  if (!end.aborted) sweep();
  const resync = (): void => {
    freshness.resync();
    for (const policy of ownPolicies()) policyQueue.add(keyOf(policy), 'low');
    sweep();
  };
  everyPeriod(clock, options.resyncMs, resync, end);
  await Promise.all([
    runPolicyWorkers(
      policyQueue,
      policyController,
      { clock, random, log, freshness, onPassed: (ending, ms) => observer?.passed('amipolicy', ending, ms) },
      end,
    ),
    runAccountWorkers(
      accountQueue,
      accountController,
      { clock, random, log, onPassed: (ending, ms) => observer?.passed('awsaccount', ending, ms) },
      end,
    ),
  ]);
  await recorder.stop();
  // Only now: until here work in hand was finished under the lease.
  await turn.release();
  await Promise.all([policyView.stop(), accountView.stop()]);
  if (!stop.aborted) end.throwIfAborted();
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

function logOrphans(log: Logger, account: string, orphans: readonly Orphan[]): void {
  if (orphans.length === 0) return;
  const first = orphans.slice(0, 5).map(({ id, target, why }) => ({ id, region: target.region, why }));
  log.warn(
    { account, orphans: orphans.length, first },
    'what was left over by policies that are gone is cleaned up by nobody',
  );
}
