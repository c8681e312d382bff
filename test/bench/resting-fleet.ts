import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { AwsClients, type AwsClientsOptions } from '../../src/aws/aws-clients.ts';
import { Inventories } from '../../src/aws/inventories.ts';
import { controllerLog } from '../../src/cli/controller-log.ts';
import { ContestLedger } from '../../src/controller/contest-ledger.ts';
import { RefusalLedger } from '../../src/controller/refusal-ledger.ts';
import { runController } from '../../src/controller/run-controller.ts';
import { Sweep } from '../../src/controller/sweep.ts';
import type { Owner } from '../../src/policy/identity.ts';
import { type Target, targetKey } from '../../src/policy/model.ts';
import { DEFAULT_LIMITS } from '../../src/policy/pass.ts';
import { familyOf } from '../../src/policy/selection.ts';
import { TAG } from '../../src/policy/tags.ts';
import { EventLoopWatch } from '../../src/server/event-loop-watch.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { daysAgo, NOW, World } from '../policy/world.ts';
import { ACCOUNTS, BUILDERS, PRODUCTION, policy } from '../world/documents.ts';
import { kubeCarrier } from '../world/kube-carrier.ts';
import { Lifeline } from '../world/lifeline.ts';
import { answerOf, imageItem, type Listing, PAGE, pageOf, snapshotItem } from './listings/ec2-pages.ts';

const CLUSTER = 'cluster-1';
const REGIONS = ['us-east-1', 'eu-west-1', 'us-west-2'];
const SOURCE: Target = { account: BUILDERS, region: 'us-east-1' };
/** Where each source image has a copy. */
const COPIED: readonly Target[] = [
  { account: BUILDERS, region: 'eu-west-1' },
  { account: BUILDERS, region: 'us-west-2' },
  { account: PRODUCTION, region: 'eu-west-1' },
];
const MINUTE = 60_000;
const RESYNC_MS = 5 * MINUTE;

export interface Rest {
  /** Milliseconds of CPU in a resync, of the controller alone. */
  readonly cpuMs: number;
  /** Calls that read EC2, in a resync. */
  readonly reads: number;
  /** What was changed in AWS, and what was written to Kubernetes, in all of them. */
  readonly mutations: number;
  readonly writes: number;
}

/**
 * A fleet in which all is as the policies say, each with one source image and a copy of it in three targets. EC2 answers
 * with pages that were written beforehand, so that what is measured is the controller, and the API server is embedded.
 */
export class RestingFleet {
  readonly #clock = new VirtualClock(NOW, () => this.#settle());
  readonly #kube = new KubeSimulator({ clock: this.#clock, random: seededRandom(3) });
  readonly #life = new Lifeline();
  readonly #pages: ReadonlyMap<string, readonly Uint8Array[]>;
  #reads = 0;
  readonly #names: readonly string[];
  /** CPU that AWS took, which here is in the same thread. Kubernetes has nothing to do at rest. */
  #others = 0;

  constructor(policies: number) {
    this.#names = Array.from({ length: policies }, (_, index) => `app-${index}`);
    this.#put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } }, '/api/v1/namespaces');
    for (const account of ACCOUNTS) this.#put(account, `${GROUP}/awsaccounts`);
    const owners = this.#names.map((name) => this.#put(policyFor(name), POLICIES)).map(ownerOf);
    this.#pages = pagesOf(owners);
  }

  /** What a resync has to read: every page of the targets that are named. */
  get pages(): readonly Uint8Array[] {
    return [SOURCE, ...COPIED].flatMap((target) =>
      (['DescribeImages', 'DescribeSnapshots'] as const).flatMap(
        (action) => this.#pages.get(`${action} ${targetKey(target)}`) ?? [],
      ),
    );
  }

  /** @param resyncs how many to measure, after one that is not measured */
  async measure(resyncs: number): Promise<Rest> {
    const stop = new AbortController();
    const clock = this.#clock;
    const clients = new AwsClients({
      clock,
      random: seededRandom(1),
      homeRegion: 'us-east-1',
      endpoint: 'http://aws.invalid',
      base: () => Promise.resolve({ accessKeyId: `AKIASIM${BUILDERS}`, secretAccessKey: 'simulated' }),
      carrier: this.#carrier(),
    });
    const inventories = new Inventories(clients, clock);
    const ended = runController(
      {
        engine: {
          clock,
          clients,
          inventories,
          sweep: new Sweep(clients, inventories, clock),
          contests: new ContestLedger(),
          refusals: new RefusalLedger(),
          limits: DEFAULT_LIMITS,
        },
        transport: kubeCarrier(this.#kube, this.#clock, this.#life),
        random: seededRandom(2),
        log: controllerLog('info', { write: () => undefined }),
        observer: new Metrics(clock, new EventLoopWatch(clock)),
        clusterId: CLUSTER,
        readOnly: false,
        resyncMs: RESYNC_MS,
        verifyMs: 60 * MINUTE,
      },
      stop.signal,
    );
    await clock.advance(2 * RESYNC_MS + MINUTE);
    const unready = this.#names.filter((name) => !isReady(this.#get(`${POLICIES}/${name}`)));
    if (unready.length > 0) throw new Error(`not at rest: ${JSON.stringify(this.#get(`${POLICIES}/${unready[0]}`))}`);
    const begun = { cpu: cpuMs(), others: this.#others, changes: this.#life.changes.length, reads: this.#reads };
    await clock.advance(resyncs * RESYNC_MS);
    const changes = (): readonly string[] => this.#life.changes.slice(begun.changes);
    const measured = {
      cpuMs: (cpuMs() - begun.cpu - (this.#others - begun.others)) / resyncs,
      reads: (this.#reads - begun.reads) / resyncs,
      mutations: changes().filter((change) => change.startsWith('aws ')).length,
      writes: changes().filter((change) => change.startsWith('kube ')).length,
    };
    stop.abort(new Error('measured'));
    await ended;
    return measured;
  }

  #carrier(): NonNullable<AwsClientsOptions['carrier']> {
    return {
      handle: async ({ body, headers }: { readonly body?: unknown; readonly headers: Record<string, string> }) => {
        const parameters = new URLSearchParams(String(body));
        const action = parameters.get('Action') ?? '';
        const [, account = '', region = ''] =
          /Credential=AKIASIM(\d+)\/\d+\/([^/]+)/.exec(headers['authorization'] ?? '') ?? [];
        const answer = await this.#life.call(`aws ${action}`, !isRead(action), () =>
          this.#aside(() => this.#answer(action, { account, region }, parameters)),
        );
        const statusCode = answer ? 200 : 400;
        return { response: { statusCode, headers: { 'content-type': 'text/xml' }, body: answer ?? REFUSED } };
      },
    } as NonNullable<AwsClientsOptions['carrier']>;
  }

  #answer(action: string, target: Target, parameters: URLSearchParams): Uint8Array | undefined {
    if (action === 'GetCallerIdentity') return encoded(identity(target.account));
    if (action === 'AssumeRole') return encoded(session(parameters.get('RoleArn') ?? ''));
    if (action === 'DescribeRegions') return encoded(regions());
    this.#reads += 1;
    const pages = this.#pages.get(`${action} ${targetKey(target)}`);
    return pages?.[Number(parameters.get('NextToken') ?? '0')];
  }

  #aside<T>(work: () => T): T {
    const begun = cpuMs();
    try {
      return work();
    } finally {
      this.#others += cpuMs() - begun;
    }
  }

  #put(body: object, path: string): AmiPolicy {
    return this.#request({ method: 'POST', url: path, body: JSON.stringify(body) });
  }

  #get(path: string): AmiPolicy {
    return this.#request({ method: 'GET', url: path });
  }

  #request(request: { readonly method: string; readonly url: string; readonly body?: string }): AmiPolicy {
    const answer = this.#kube.handle({ ...request, headers: { 'content-type': 'application/json' } });
    if (answer.kind !== 'answer' || answer.status >= 300) throw new Error(JSON.stringify(answer));
    return JSON.parse(answer.body) as AmiPolicy;
  }

  /** Nothing more can happen without time passing: no call was begun for some turns of the event loop. */
  async #settle(): Promise<void> {
    let before: number;
    do {
      before = this.#life.calls;
      for (let turn = 0; turn < 6; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    } while (this.#life.calls !== before);
  }
}

const GROUP = '/apis/amifleet.io/v1alpha1';
const POLICIES = `${GROUP}/namespaces/platform/amipolicies`;
const REFUSED = new TextEncoder().encode(
  '<Response><Errors><Error><Code>InvalidAction</Code><Message>there is none</Message></Error></Errors></Response>',
);

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const isRead = (action: string): boolean => /^(Describe|Get|List|AssumeRole)/.test(action);
const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);
const identity = (account: string): string =>
  answerOf(
    'GetCallerIdentity',
    `<GetCallerIdentityResult><Arn>arn:aws:sts::${account}:assumed-role/amifleet/amifleet</Arn><UserId>U</UserId><Account>${account}</Account></GetCallerIdentityResult>`,
  );
const session = (role: string): string =>
  answerOf(
    'AssumeRole',
    `<AssumeRoleResult><Credentials><AccessKeyId>AKIASIM${role.split(':')[4]}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>`,
  );
const regions = (): string =>
  answerOf(
    'DescribeRegions',
    `<regionInfo>${REGIONS.map((name) => `<item><regionName>${name}</regionName><optInStatus>opt-in-not-required</optInStatus></item>`).join('')}</regionInfo>`,
  );

function policyFor(name: string): object {
  return policy(
    {
      source: { ...SOURCE, images: { tags: { app: name } }, groupBy: ['app'], newest: 1 },
      regions: REGIONS.map((region) => ({ name: region })),
      accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }],
      sharing: undefined,
    },
    name,
  );
}

const ownerOf = ({ metadata }: AmiPolicy): Owner => ({
  cluster: CLUSTER,
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid ?? '',
  source: SOURCE,
});

const isReady = ({ status }: AmiPolicy): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** The pages of each listing of each target. */
function pagesOf(owners: readonly Owner[]): Map<string, readonly Uint8Array[]> {
  // Also where nothing is: every enabled region is swept.
  const world = new World(
    ...[BUILDERS, PRODUCTION].flatMap((account) => REGIONS.map((region) => ({ account, region }))),
  );
  owners.forEach((owner, index) => {
    const tags = { app: owner.name, release: 'stable' };
    world.source(index + 1, { createdAt: daysAgo(40), tags });
    for (const target of COPIED)
      world.copy(index + 1, target, { owner, tags: { [TAG.family]: familyOf('x86_64', tags, ['app']) } });
  });
  const pages = new Map<string, readonly Uint8Array[]>();
  for (const [key, { images, snapshots }] of world.places) {
    pages.set(`DescribeImages ${key}`, paged('DescribeImages', [...images.values()].map(imageItem)));
    pages.set(`DescribeSnapshots ${key}`, paged('DescribeSnapshots', [...snapshots.values()].map(snapshotItem)));
  }
  return pages;
}

function paged(action: Listing, items: readonly string[]): Uint8Array[] {
  const count = Math.max(1, Math.ceil(items.length / PAGE));
  return Array.from({ length: count }, (_, page) =>
    encoded(
      pageOf(action, items.slice(page * PAGE, (page + 1) * PAGE), page + 1 < count ? String(page + 1) : undefined),
    ),
  );
}
