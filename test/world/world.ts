import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import type { PolicyStatus } from '../../src/api/policy-status.ts';
import { AwsClients } from '../../src/aws/aws-clients.ts';
import { Inventories } from '../../src/aws/inventories.ts';
import { controllerLog } from '../../src/cli/controller-log.ts';
import { ContestLedger } from '../../src/controller/contest-ledger.ts';
import { RefusalLedger } from '../../src/controller/refusal-ledger.ts';
import { runController } from '../../src/controller/run-controller.ts';
import { shardBy } from '../../src/controller/shard.ts';
import { Sweep } from '../../src/controller/sweep.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { parseLabelSelector } from '../../src/kube/label-selector.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/policy/pass.ts';
import { EventLoopWatch } from '../../src/server/event-loop-watch.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { unreadyBecause } from '../../src/server/readiness.ts';
import { parseSeed } from '../../src/simulator/ec2/seed.ts';
import { createSimulator, type Simulator } from '../../src/simulator/ec2/simulator.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import type { ResourceType } from '../../src/simulator/kube/resource-type.ts';
import { awsCarrier } from './aws-carrier.ts';
import { kubeCarrier } from './kube-carrier.ts';
import { type Death, Lifeline } from './lifeline.ts';
import { mortalClock } from './mortal-clock.ts';
import { SafetyOracle } from './safety-oracle.ts';

const START = Date.parse('2026-06-01T12:00:00Z');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const RESYNC_MS = 5 * MINUTE;

export interface LaunchOptions {
  readonly death?: Death;
  readonly readOnly?: boolean;
  readonly limits?: Partial<Limits>;
  /** Milliseconds between looks at everything. Default: 5 minutes. */
  readonly resyncMs?: number;
  /** Milliseconds within which changed permissions are found. Default: 5 minutes. */
  readonly verifyMs?: number;
  /** The account whose identity the controller has. */
  readonly account?: string;
  /** A shard: the label selector of what it works on. */
  readonly selector?: string;
  /** Runs for the lease, under this identity. Default: it is the only controller. */
  readonly identity?: string;
  /** Default: info. */
  readonly logLevel?: string;
}

/** A line of a log: pino's own fields, and those of the message. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A controller that runs in the world. */
export interface Launched {
  readonly life: Lifeline;
  readonly metrics: Metrics;
  /** What it has logged by now. */
  log(): readonly LogLine[];
  /** Why `/readyz` would say no; undefined: it would not. */
  unready(): string | undefined;
  /** Ends it as a SIGTERM does. */
  stop(): Promise<void>;
}

/**
 * Everything in one process and in virtual time: the production composition of the controller with the real AWS SDK,
 * between the embedded API server and the simulated AWS. Every write that reaches either is judged by the safety oracle.
 */
export class World {
  readonly clock = new VirtualClock(START, () => this.#settle());
  readonly aws: Simulator;
  readonly kube: KubeSimulator;
  readonly oracle: SafetyOracle;
  readonly #lives: Lifeline[] = [];

  /**
   * @param kinds of others that are installed in the cluster, too
   * @param judged whether each change of AWS is judged by the safety rules, for which the whole world is looked at twice:
   *   benchmarks with thousands of images cannot afford that
   */
  constructor(seed: object, kinds: readonly ResourceType[] = [], judged = true) {
    this.aws = createSimulator({ seed: parseSeed(seed), clock: this.clock });
    this.kube = new KubeSimulator({ clock: this.clock, random: seededRandom(3), kinds });
    this.oracle = new SafetyOracle(judged ? this.aws : { onMutation: () => undefined }, this.kube, this.clock);
    this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } });
    this.apply({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: LEASE });
  }

  launch(options: LaunchOptions = {}): Launched {
    const life = new Lifeline(options.death, options.identity);
    this.#lives.push(life);
    const random = seededRandom(100 + this.#lives.length);
    const clock = mortalClock(this.clock, life);
    const eventLoop = new EventLoopWatch(clock);
    const metrics = new Metrics(clock, eventLoop);
    const log: string[] = [];
    const logger = controllerLog(options.logLevel ?? 'info', { write: (line) => log.push(line) });
    const clients = new AwsClients({
      clock,
      random,
      homeRegion: 'us-east-1',
      endpoint: 'http://aws.invalid',
      base: () =>
        Promise.resolve({ accessKeyId: `AKIASIM${options.account ?? '111122223333'}`, secretAccessKey: 'simulated' }),
      carrier: awsCarrier(this.aws, life),
      onCall: (call) => {
        metrics.awsCalled(call);
        logger.debug(call, 'called AWS');
      },
    });
    const inventories = new Inventories(clients, clock);
    const stop = new AbortController();
    const transport = kubeCarrier(this.kube, clock, life, (made) => metrics.kubeTried(made));
    this.oracle.watch(life);
    const ended = runController(
      {
        engine: {
          clock,
          clients,
          inventories,
          sweep: new Sweep(clients, inventories, clock),
          contests: new ContestLedger(),
          refusals: new RefusalLedger(),
          limits: { ...DEFAULT_LIMITS, ...options.limits },
        },
        transport,
        random,
        log: logger,
        observer: metrics,
        readOnly: options.readOnly ?? false,
        ...(options.selector !== undefined && { shard: shardBy(parseLabelSelector(options.selector)) }),
        ...(options.identity !== undefined && { lease: { ...LEASE, identity: options.identity } }),
        resyncMs: options.resyncMs ?? RESYNC_MS,
        verifyMs: options.verifyMs ?? RESYNC_MS,
      },
      stop.signal,
    );
    ended.catch((error: unknown) => {
      const lost =
        options.identity !== undefined && /the lease .* (was taken|could not be renewed)/.test(String(error));
      if (!lost) this.oracle.note(`the controller ended with ${String(error)}`);
    });
    return {
      life,
      metrics,
      log: () => log.map((line) => JSON.parse(line) as LogLine),
      unready: () => unreadyBecause(metrics.parts, clock.monotonic()),
      stop: async () => {
        stop.abort(new Error('stopped'));
        await ended;
      },
    };
  }

  /** As `kubectl apply --server-side`. @throws Error with what the API server says */
  apply(object: object): void {
    const { apiVersion, kind, metadata } = object as KubeObject;
    this.#request('PATCH', `${pathOf(String(apiVersion), String(kind), metadata)}?fieldManager=operator&force=true`, {
      type: 'application/apply-patch+yaml',
      body: object,
    });
  }

  /** A merge patch of a policy. */
  patch(name: string, patch: object): void {
    this.#request('PATCH', policyPath(name), { type: 'application/merge-patch+json', body: patch });
  }

  delete(name: string): void {
    this.#request('DELETE', policyPath(name));
  }

  /** Deletes an AwsAccount. */
  deleteAccount(id: string): void {
    this.#request('DELETE', `/apis/amifleet.io/v1alpha1/awsaccounts/${id}`);
  }

  /** A builder releases an image, made of the snapshots of another one. */
  release(accountId: string, region: string, name: string, tags: Readonly<Record<string, string>>): void {
    const base = this.aws.world().images.find((image) => image.account === accountId && image.region === region);
    const parameters = {
      Action: 'RegisterImage',
      Version: '2016-11-15',
      Name: name,
      Architecture: 'x86_64',
      RootDeviceName: '/dev/xvda',
      VirtualizationType: 'hvm',
      'BlockDeviceMapping.1.DeviceName': '/dev/xvda',
      'BlockDeviceMapping.1.Ebs.SnapshotId': base?.volumes[0]?.snapshotId ?? '',
      'TagSpecification.1.ResourceType': 'image',
      ...Object.fromEntries(
        Object.entries(tags).flatMap(([key, value], index) => [
          [`TagSpecification.1.Tag.${index + 1}.Key`, key],
          [`TagSpecification.1.Tag.${index + 1}.Value`, value],
        ]),
      ),
    };
    this.call(accountId, region, parameters);
  }

  /** A call to EC2 by somebody in an account. @throws Error with what EC2 says */
  call(accountId: string, region: string, parameters: Readonly<Record<string, string>>): string {
    const { status, body } = this.aws.handle({
      method: 'POST',
      url: '/',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=AKIASIM${accountId}/20260601/${region}/ec2/aws4_request`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(parameters).toString(),
    });
    if (status !== 200) throw new Error(body);
    return body;
  }

  /** The policy as the API server has it; undefined when it is gone. */
  policy(name: string): AmiPolicy | undefined {
    const answer = this.kube.handle({ method: 'GET', url: policyPath(name) });
    if (answer.kind !== 'answer' || answer.status !== 200) return undefined;
    return JSON.parse(answer.body) as AmiPolicy;
  }

  condition(name: string, type: string): NonNullable<PolicyStatus['conditions']>[number] | undefined {
    return this.policy(name)?.status?.conditions?.find((each) => each.type === type);
  }

  isReady(name: string): boolean {
    const policy = this.policy(name);
    return (
      policy?.status?.observedGeneration === policy?.metadata.generation &&
      this.condition(name, 'Ready')?.status === 'True'
    );
  }

  async untilReady(name: string, limitMs = HOUR): Promise<void> {
    await this.until(`${name} is ready`, () => this.isReady(name), limitMs);
  }

  /** @throws Error that shows how the policies stand when it does not come true */
  async until(what: string, done: () => boolean, limitMs = HOUR): Promise<void> {
    try {
      await this.clock.runUntil(done, limitMs);
    } catch (error) {
      const { body = '' } = this.kube.handle({ method: 'GET', url: POLICIES }) as { body?: string };
      throw new Error(`${what}: ${String(error)}\n${body.slice(0, 6000)}`, { cause: error });
    }
  }

  /** Lets enough time pass for several resyncs. */
  async rest(ms = 3 * RESYNC_MS): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Nothing more can happen without time passing: no controller has begun a call for some turns of the event loop. */
  async #settle(): Promise<void> {
    const calls = (): number => this.#lives.reduce((sum, life) => sum + life.calls, 0);
    let before: number;
    do {
      before = calls();
      for (let turn = 0; turn < 6; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    } while (calls() !== before);
  }

  #request(method: string, url: string, sent: { readonly type?: string; readonly body?: object } = {}): void {
    const answer = this.kube.handle({
      method,
      url,
      headers: { 'content-type': sent.type ?? 'application/json', 'user-agent': 'operator' },
      ...(sent.body && { body: JSON.stringify(sent.body) }),
    });
    if (answer.kind !== 'answer' || answer.status >= 300)
      throw new Error(`${method} ${url}: ${answer.kind === 'answer' ? answer.body : answer.kind}`);
  }
}

const POLICIES = '/apis/amifleet.io/v1alpha1/namespaces/platform/amipolicies';
const LEASE = { namespace: 'platform', name: 'amifleet' };
const policyPath = (name: string): string => `${POLICIES}/${name}`;

function pathOf(apiVersion: string, kind: string, { name, namespace }: KubeObject['metadata']): string {
  const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
  const plural = { Namespace: 'namespaces', AmiPolicy: 'amipolicies', AwsAccount: 'awsaccounts', Lease: 'leases' }[
    kind
  ];
  return namespace === undefined ? `${root}/${plural}/${name}` : `${root}/namespaces/${namespace}/${plural}/${name}`;
}
