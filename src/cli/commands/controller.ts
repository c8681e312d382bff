import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../ambient/clock.ts';
import { systemRandom } from '../../ambient/random.ts';
import { runController } from '../../controller/run-controller.ts';
import { shardBy } from '../../controller/shard.ts';
import { kubeTransport } from '../../kube/kube-transport.ts';
import { type LabelSelector, parseLabelSelector } from '../../kube/label-selector.ts';
import { loadKubeConfig } from '../../kube/load-config.ts';
import { EventLoopWatch } from '../../server/event-loop-watch.ts';
import { Metrics } from '../../server/metrics.ts';
import { serveProbes } from '../../server/probe-server.ts';
import { unreadyBecause } from '../../server/readiness.ts';
import { awsEngine } from '../aws-engine.ts';
import { budgetShareOption } from '../budget-share.ts';
import { controllerLog } from '../controller-log.ts';
import { duration } from '../duration.ts';
import { stopSignal } from '../stop-signal.ts';
import { VERSION } from '../version.ts';

interface Options {
  readonly kubeconfig?: string;
  readonly readOnly?: boolean;
  readonly allowDelete: boolean;
  readonly allowIgnoreInUse?: boolean;
  readonly resync: number;
  readonly verifyPermissions: number;
  readonly publicImages: number;
  readonly selector?: LabelSelector;
  readonly budgetShare: number;
  readonly metricsAddress?: string;
  readonly clusterId?: string;
  readonly lease?: LeaseName;
  readonly logLevel: string;
}

/** What a pass that is under way may still take after a SIGTERM; Kubernetes is told to wait a little longer. */
const GRACE_MS = 9000;

/** So that an edit is seen within five seconds even where a stream dies without its connection breaking. */
const WATCH_CHECK_MS = 3000;

/** Nothing else: who writes `no` or `False` means no, and must not find out by what was deleted. */
function trueOrFalse(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('Say true or false.');
  return text === 'true';
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Say a whole number.');
  return Number(text);
}

function selector(text: string): LabelSelector {
  if (text.trim() === '') throw new InvalidArgumentError('Say which labels, or leave it out for all.');
  try {
    return parseLabelSelector(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

function leaseName(text: string): LeaseName {
  const [, namespace, name] = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(text) ?? [];
  if (namespace === undefined || name === undefined)
    throw new InvalidArgumentError('Say NAMESPACE/NAME, for example amifleet-system/amifleet.');
  return { namespace, name };
}

/** `amifleet controller`: reconciles every AmiPolicy of a cluster until it is stopped. */
export function controllerCommand(): Command {
  return new Command('controller')
    .description('reconcile every AmiPolicy of a cluster, until stopped')
    .option('--kubeconfig <path>', 'default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod')
    .option('--read-only', 'observe and plan everywhere, change nothing in AWS')
    .addOption(
      new Option('--allow-delete <true|false>', 'false: no image and no snapshot is deleted, whatever policies say')
        .default(true)
        .argParser(trueOrFalse),
    )
    .option('--allow-ignore-in-use', 'let policies say retention.inUse: Ignore, and delete what is in use')
    .addOption(
      new Option('--resync <duration>', 'how often everything is looked at again, for example 90s, 5m or 1h')
        .default(duration('5m'), '5m')
        .argParser(duration),
    )
    .addOption(
      new Option('--verify-permissions <duration>', 'within this time every permission of a shared image is read again')
        .default(duration('1h'), '1h')
        .argParser(duration),
    )
    .addOption(
      new Option('--public-images <number>', 'how many public images EC2 lets an account have in a region')
        .default(5)
        .argParser(wholeNumber),
    )
    .addOption(budgetShareOption())
    .option(
      '--selector <labels>',
      'a shard: work only on policies and accounts with these labels; every shard needs a --lease and a --budget-share of its own. Default: all',
      selector,
    )
    .option('--metrics-address <host:port>', 'serve /metrics, /livez and /readyz there')
    .option(
      '--cluster-id <id>',
      'who this cluster is, in the tags of its copies; default: the UID of the namespace kube-system',
    )
    .option(
      '--lease <namespace/name>',
      'of several replicas only the one that holds this Lease works; default: none, this is the only replica',
      leaseName,
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged; what is taken away in AWS is at every level')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const log = controllerLog(options.logLevel);
  const stop = stopSignal();
  const eventLoop = new EventLoopWatch(systemClock);
  const metrics = new Metrics(systemClock, eventLoop);
  const engine = awsEngine({
    clock: systemClock,
    allowDelete: options.allowDelete,
    allowIgnoreInUse: options.allowIgnoreInUse === true,
    publicImages: options.publicImages,
    budgetShare: options.budgetShare,
    onCall: (call) => {
      metrics.awsCalled(call);
      log.debug(call, 'called AWS');
    },
  });
  const transport = kubeTransport(loadKubeConfig(options.kubeconfig), {
    clock: systemClock,
    userAgent: `amifleet/${VERSION}`,
    onTry: (made) => metrics.kubeTried(made),
  });
  const probes =
    options.metricsAddress === undefined
      ? undefined
      : await serveProbes(options.metricsAddress, {
          registry: metrics.registry,
          unready: () => unreadyBecause(metrics.parts, systemClock.monotonic()),
          unwell: () => eventLoop.trouble(),
        });
  eventLoop.start();
  // A pass that hangs must not keep the process: what it had begun is found again by the next one.
  stop.addEventListener('abort', () => {
    log.info('stopping: calls in hand are finished, nothing new is started');
    setTimeout(() => process.exit(0), GRACE_MS).unref();
  });
  try {
    await runController(
      {
        engine,
        transport,
        random: systemRandom,
        log,
        readOnly: options.readOnly === true,
        ...(options.selector && { shard: shardBy(options.selector) }),
        resyncMs: options.resync,
        verifyMs: options.verifyPermissions,
        watchCheckMs: WATCH_CHECK_MS,
        ...(options.clusterId !== undefined && { clusterId: options.clusterId }),
        // Another one for each life: what an earlier one held is not ours.
        ...(options.lease && { lease: { ...options.lease, identity: `${hostname()}_${randomUUID()}` } }),
        observer: metrics,
      },
      stop,
    );
  } finally {
    eventLoop.stop();
    await probes?.stop();
    await transport.close();
    engine.close();
  }
}
