import { DEFAULT_REGIONS, OPTED_IN_REGIONS } from '../../src/simulator/ec2/regions.ts';
import { ACCOUNTS, BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from '../world/documents.ts';
import { DAY, HOUR, MINUTE, World } from '../world/world.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { RestingFleet } from './resting-fleet.ts';

const APPS = 10;
const VERSIONS = 3;
const REGIONS = ['us-east-1', 'eu-west-1', 'us-west-2'];
/** The regions in the source account, and one in the account of somebody else. */
const TARGETS = REGIONS.length + 1;
const IMAGES = APPS * VERSIONS;
const RESYNC_MS = 5 * MINUTE;
/** As the controller does by default; over an hour, each permission is read again once or twice. */
const VERIFY_MS = HOUR;
const RESYNCS = VERIFY_MS / RESYNC_MS;

/** Policies with one source image each, and copies of it in the other targets. */
const FLEETS = [1, 10, 1000];
const FLEET_RESYNCS = 5;
/** For the largest of them. */
const CPU_GOAL_MS = 1000;

interface Case {
  readonly name: string;
  readonly policies: number;
  /** Which images there are policies for. */
  readonly images: number;
  readonly shared: boolean;
}

const ONE: Case = { name: '1 policy', policies: 1, images: IMAGES, shared: false };
const ONE_SHARED: Case = { name: '1 policy, shared', policies: 1, images: IMAGES, shared: true };
/** Each case beside the one whose reads it should not exceed. */
const CASES: readonly (Case & { readonly like?: Case })[] = [
  ONE,
  { name: '10 policies', policies: APPS, images: IMAGES, shared: false, like: ONE },
  { name: '1 policy, a tenth of the images', policies: 1, images: VERSIONS, shared: false, like: ONE },
  ONE_SHARED,
  { name: '10 policies, shared', policies: APPS, images: IMAGES, shared: true },
  { name: '1 policy, shared, a tenth of the images', policies: 1, images: VERSIONS, shared: true },
];

interface Rest {
  readonly mutations: number;
  readonly kubeWrites: number;
  readonly changedObjects: number;
  /** Reads in a resync by action. What continues a page that the simulated EC2 has cut short is not among them. */
  readonly reads: ReadonlyMap<string, number>;
  readonly furtherPages: number;
}

export const steadyState: Benchmark = {
  about: `what ${RESYNCS} resyncs do once all is well: ${IMAGES} images in ${TARGETS} targets, whole controller in virtual time; and the same of fleets of ${FLEETS.join(', ')} policies, with their CPU`,
  run: async () => {
    const figures: Figure[] = [];
    const totals = new Map<string, number>();
    for (const each of CASES) {
      const rest = await restOf(each);
      const total = [...rest.reads.values()].reduce((sum, count) => sum + count, 0);
      totals.set(each.name, total);
      const goal = each.like && totals.get(each.like.name);
      figures.push(
        { name: `${each.name}: mutations of AWS`, value: rest.mutations, unit: 'calls', goal: 0 },
        {
          name: `${each.name}: writes to Kubernetes`,
          value: rest.kubeWrites,
          unit: 'writes',
          goal: 0,
          detail: `${rest.changedObjects} of ${each.policies} policies have another resourceVersion`,
        },
        {
          name: `${each.name}: EC2 reads per resync`,
          value: total,
          unit: 'calls',
          ...(goal !== undefined && { goal }),
          bound: boundOf(each),
          detail: `${[...rest.reads].map(([action, count]) => `${count} ${action}`).join(', ')}; and in all resyncs together ${rest.furtherPages} further pages, where the simulated EC2 cuts one short`,
        },
      );
    }
    for (const policies of FLEETS) figures.push(...(await fleetFigures(policies)));
    return { kind: 'measured', figures };
  },
};

async function fleetFigures(policies: number): Promise<Figure[]> {
  const fleet = new RestingFleet(policies);
  const rest = await fleet.measure(FLEET_RESYNCS);
  const name = `fleet of ${policies}`;
  return [
    { name: `${name}: mutations of AWS`, value: rest.mutations, unit: 'calls', goal: 0 },
    { name: `${name}: writes to Kubernetes`, value: rest.writes, unit: 'writes', goal: 0 },
    {
      name: `${name}: EC2 reads per resync`,
      value: rest.reads,
      unit: 'calls',
      goal: fleet.pages.length,
      bound: { value: fleet.pages.length, why: 'the pages of images and of snapshots, of 1,000 each, in each target' },
    },
    {
      name: `${name}: CPU per resync`,
      value: rest.cpuMs,
      unit: 'ms',
      ...(policies === Math.max(...FLEETS) && { goal: CPU_GOAL_MS }),
      bound: { value: decodingMs(fleet.pages), why: 'the pages are decoded and looked through for elements, once' },
    },
  ];
}

function decodingMs(pages: readonly Uint8Array[]): number {
  const begun = process.threadCpuUsage();
  let elements = 0;
  for (const page of pages) {
    const text = new TextDecoder().decode(page);
    for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) elements++;
  }
  if (elements === 0) throw new Error('there is nothing in the pages');
  const { user, system } = process.threadCpuUsage(begun);
  return (user + system) / 1000;
}

/** In the account that shares, the source images are shared where their own region is listed. */
function boundOf({ images, shared }: Case): NonNullable<Figure['bound']> {
  return {
    value: 2 * TARGETS + (shared ? (images * REGIONS.length * RESYNC_MS) / VERIFY_MS : 0),
    why: `a page of images and one of snapshots for each of ${TARGETS} targets; and for each shared image its launch permissions once an hour, which EC2 tells of one image at a time`,
  };
}

/** Lets a world converge, and counts what happens in some resyncs after that. */
async function restOf({ policies, images, shared }: Case): Promise<Rest> {
  const world = new World(seedOf(seed(images)));
  const names = Array.from({ length: policies }, (_, index) => `app-${index}`);
  for (const each of [...ACCOUNTS, ...names.map((name) => policyFor(name, policies, shared))]) world.apply(each);
  const controller = world.launch({ resyncMs: RESYNC_MS, verifyMs: VERIFY_MS });
  for (const name of names) await world.untilReady(name, DAY);
  // What was written last is then visible for certain.
  await world.rest(HOUR);
  const copies = world.aws.world().images.filter(({ tags }) => tags['amifleet.io/source-image'] !== undefined);
  if (copies.length !== images * (TARGETS - 1)) throw new Error(`${copies.length} copies were made`);

  const versions = (): string[] => names.map((name) => world.policy(name)?.metadata.resourceVersion ?? '');
  const before = versions();
  const changesBefore = controller.life.changes.length;
  const calls: { readonly action: string; readonly continues: boolean }[] = [];
  world.aws.onCall(({ action, mutates, parameters }) => {
    if (!mutates && action.startsWith('Describe')) calls.push({ action, continues: 'NextToken' in parameters });
  });
  await world.rest(RESYNCS * RESYNC_MS);
  const changes = controller.life.changes.slice(changesBefore);
  const after = versions();
  await controller.stop();
  if (world.oracle.violations.length > 0) throw new Error(world.oracle.violations.join('\n'));
  const first = calls.filter(({ continues }) => !continues);
  return {
    mutations: changes.filter((change) => change.startsWith('aws ')).length,
    kubeWrites: changes.filter((change) => change.startsWith('kube ')).length,
    changedObjects: after.filter((version, index) => version !== before[index]).length,
    reads: new Map(
      [...Map.groupBy(first, ({ action }) => action)].map(([action, list]) => [action, list.length / RESYNCS] as const),
    ),
    furtherPages: calls.length - first.length,
  };
}

/** Three versions of each app, in accounts with few regions more than the policies name. */
function seed(images: number): object {
  const disabledRegions = [...DEFAULT_REGIONS, ...OPTED_IN_REGIONS].filter((region) => !REGIONS.includes(region));
  return {
    accounts: {
      [BUILDERS]: {
        disabledRegions,
        'us-east-1': {
          images: Array.from({ length: images }, (_, index) => ({
            name: `app-${Math.floor(index / VERSIONS)}-${index % VERSIONS}`,
            ageDays: 40 - 10 * (index % VERSIONS),
            tags: { app: `app-${Math.floor(index / VERSIONS)}`, kind: 'base' },
          })),
        },
      },
      [PRODUCTION]: { disabledRegions },
    },
  };
}

/** One of several policies takes an app each, a single one takes all. */
function policyFor(app: string, policies: number, shared: boolean): object {
  return policy(
    {
      source: {
        account: BUILDERS,
        region: 'us-east-1',
        images: { tags: policies === 1 ? { kind: 'base' } : { app } },
        groupBy: ['app'],
        newest: VERSIONS,
      },
      regions: REGIONS.map((name) => ({ name })),
      accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }],
      sharing: shared ? { accounts: [CONSUMER] } : undefined,
    },
    app,
  );
}
