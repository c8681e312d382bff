import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { systemClock } from '../../src/ambient/clock.ts';
import { between, seededRandom, systemRandom } from '../../src/ambient/random.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { POLICIES } from '../../src/controller/resource-kinds.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../src/kube/load-config.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { type KubeObject, ResourceClient } from '../../src/kube/resource-client.ts';
import { DEFAULT_REGIONS, OPTED_IN_REGIONS } from '../../src/simulator/ec2/regions.ts';
import { availability } from '../controlplane/binaries.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts';
import { serviceAccountKubeconfig } from '../controlplane/service-account.ts';
import { type SimulatedAws, simulatedAws } from '../fleet/simulated-aws.ts';
import { BUILDERS, PRODUCTION } from '../fleet/worlds.ts';
import { AmifleetProcess } from '../process/amifleet-process.ts';
import { until } from '../process/until.ts';
import type { Benchmark } from './benchmark.ts';
import { quantile } from './quantile.ts';

const HOME = 'us-east-1';
/** Each edit adds one of them to one policy, so that exactly one new copy is due. */
const REGIONS = [...DEFAULT_REGIONS, ...OPTED_IN_REGIONS].filter((region) => region !== HOME);
const POLICY_COUNT = 10;
const EDITS = POLICY_COUNT * REGIONS.length;
const GOAL_MS = 1000;
/** Somewhere in between lies the next edit, so that edits fall into every phase of what the controller does otherwise. */
const PAUSE_MS = { least: 50, most: 250 };
const READ_ROUNDS = 50;

const name = (index: number): string => `app-${index}`;
const imageId = (index: number): string => `ami-${String(index).padStart(17, '0')}`;

/** Copies take as long as small ones really do, so most are pending during the edits that follow, and are polled. */
const WORLD = {
  seed: 23,
  copySeconds: [20, 90],
  accounts: {
    [BUILDERS]: {
      [HOME]: {
        images: Array.from({ length: POLICY_COUNT }, (_, index) => ({
          id: imageId(index),
          name: `${name(index)}-1`,
          tags: { app: name(index) },
        })),
      },
    },
    [PRODUCTION]: {},
  },
  roles: [{ arn: `arn:aws:iam::${PRODUCTION}:role/amifleet`, externalId: 'amifleet-prod', trusts: [BUILDERS] }],
};

const policy = (index: number): object => ({
  apiVersion: 'amifleet.io/v1alpha1',
  kind: 'AmiPolicy',
  metadata: { name: name(index), namespace: 'platform' },
  spec: {
    source: { account: BUILDERS, region: HOME, images: { tags: { app: name(index) } } },
    regions: [{ name: HOME }],
  },
});

interface Edit {
  /** Milliseconds from the answer of the PATCH to the first CopyImage that the simulated EC2 sees. */
  readonly toCopy: number;
  /** The same, from when the PATCH was sent. */
  readonly sentToCopy: number;
  /** From sending the PATCH until a watch of this process shows the edit, which may be before the answer. */
  readonly sentToNotice: number;
  /** Reads of the target that the edit added, until its CopyImage. */
  readonly readsOfTarget: number;
}

export const editLatency: Benchmark = {
  about: `${EDITS} edits that each add a region to one of ${POLICY_COUNT} policies, until EC2 sees the CopyImage: real API server, controller as deployed`,
  run: async () => {
    const found = availability();
    if (found.kind === 'unavailable') return { kind: 'skipped', because: found.because };
    const plane = await startControlPlane();
    const aws = await simulatedAws(WORLD, 1);
    let controller: AmifleetProcess | undefined;
    try {
      controller = await install(plane, aws);
      const edits = await edited(plane, aws);
      const round = await readRound(aws);
      const of = (part: number, value: (edit: Edit) => number): number => quantile(edits.map(value), part);
      const needed = of(0.5, ({ readsOfTarget }) => readsOfTarget);
      const bound = {
        value: of(0.5, ({ sentToNotice }) => sentToNotice) + (needed > 0 ? round : 0),
        why: `from sending the PATCH until a watch of the benchmark shows the edit${
          needed > 0 ? ', and the new target read once' : '; nothing has to be read, the sweep has seen the target'
        }`,
      };
      return {
        kind: 'measured',
        figures: [
          { name: 'edit to first CopyImage, p50', value: of(0.5, ({ toCopy }) => toCopy), unit: 'ms' },
          {
            name: 'edit to first CopyImage, p99',
            value: of(0.99, ({ toCopy }) => toCopy),
            unit: 'ms',
            goal: GOAL_MS,
            detail: `from the answer of the PATCH; reads of the new target before its CopyImage: ${needed} (most: ${of(1, ({ readsOfTarget }) => readsOfTarget)}), and one round of them takes ${round.toFixed(1)} ms`,
          },
          { name: 'edit to first CopyImage, slowest', value: of(1, ({ toCopy }) => toCopy), unit: 'ms' },
          { name: 'from sending the PATCH, p50', value: of(0.5, ({ sentToCopy }) => sentToCopy), unit: 'ms', bound },
          { name: 'from sending the PATCH, p99', value: of(0.99, ({ sentToCopy }) => sentToCopy), unit: 'ms', bound },
        ],
      };
    } finally {
      await controller?.kill('SIGKILL');
      await aws.stop();
      await plane.stop();
    }
  },
};

/** The controller with the ServiceAccount and the RBAC of deploy/, and the policies, all of them at rest. */
async function install(plane: ControlPlane, aws: SimulatedAws): Promise<AmifleetProcess> {
  const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const kubectl = async (args: readonly string[], stdin?: string): Promise<void> => {
    const { code, stderr } = await plane.kubectl(args, stdin);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  };
  await kubectl(['apply', '-k', root('deploy/kustomize')]);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  await kubectl(['create', 'namespace', 'platform']);
  await kubectl(['apply', '-f', root('test/fleet/accounts.yaml')]);
  const kubeconfig = await serviceAccountKubeconfig(plane, 'amifleet-system', 'amifleet');
  const controller = new AmifleetProcess(['controller', '--kubeconfig', kubeconfig], aws.environment(BUILDERS));
  await controller.says(/controller is ready/);
  const policies = Array.from({ length: POLICY_COUNT }, (_, index) => policy(index));
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: policies }));
  await kubectl(['wait', '--for=condition=Ready', '--timeout=60s', '-n', 'platform', 'amipolicies', '--all']);
  return controller;
}

async function edited(plane: ControlPlane, aws: SimulatedAws): Promise<Edit[]> {
  const transport = kubeTransport(loadKubeConfig(plane.kubeconfigPath), {
    clock: systemClock,
    userAgent: 'amifleet-bench',
  });
  const policies = new ResourceClient<AmiPolicy & KubeObject>(transport, POLICIES);
  const watch = new Reflector(policies, { clock: systemClock, random: systemRandom });
  const copied = new Map<string, { readonly at: number; readonly reads: number }>();
  const noticed = new Map<string, number>();
  const reads = new Map<string, number>();
  aws.aws.onCall(({ action, region, parameters, account }) => {
    if (account !== BUILDERS) return;
    if (action.startsWith('Describe')) reads.set(region, (reads.get(region) ?? 0) + 1);
    const key = `${parameters['SourceImageId']} ${region}`;
    if (action === 'CopyImage' && !copied.has(key))
      copied.set(key, { at: performance.now(), reads: reads.get(region) ?? 0 });
  });
  watch.onChange(({ object: { metadata } }) => {
    const key = `${metadata.name} ${metadata.generation}`;
    if (!noticed.has(key)) noticed.set(key, performance.now());
  });
  watch.start();
  await watch.synced;
  const random = seededRandom(41);
  const edits: Edit[] = [];
  try {
    for (const [round, region] of REGIONS.entries()) {
      for (let index = 0; index < POLICY_COUNT; index++) {
        await wait(between(random, PAUSE_MS.least, PAUSE_MS.most));
        const regions = [HOME, ...REGIONS.slice(0, round + 1)].map((each) => ({ name: each }));
        const readsBefore = reads.get(region) ?? 0;
        const sent = performance.now();
        const { metadata } = await policies.patch(name(index), 'platform', { spec: { regions } });
        const answered = performance.now();
        const copy = await until(`the copy of ${name(index)} in ${region}`, () =>
          copied.get(`${imageId(index)} ${region}`),
        );
        const seen = await until('the edit in the watch', () => noticed.get(`${name(index)} ${metadata.generation}`));
        edits.push({
          toCopy: copy.at - answered,
          sentToCopy: copy.at - sent,
          sentToNotice: seen - sent,
          readsOfTarget: copy.reads - readsBefore,
        });
      }
    }
    return edits;
  } finally {
    await watch.stop();
    await transport.close();
  }
}

/** Milliseconds that a target takes to be read once: images and snapshots side by side. The median of many. */
async function readRound(aws: SimulatedAws): Promise<number> {
  const client = new EC2Client({
    endpoint: aws.url,
    region: HOME,
    credentials: { accessKeyId: `AKIASIM${BUILDERS}`, secretAccessKey: 'simulated' },
  });
  const times: number[] = [];
  for (let round = 0; round < READ_ROUNDS; round++) {
    const begun = performance.now();
    await Promise.all([
      client.send(new DescribeImagesCommand({ Owners: ['self'], MaxResults: 1000 })),
      client.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'], MaxResults: 1000 })),
    ]);
    times.push(performance.now() - begun);
  }
  client.destroy();
  return quantile(times, 0.5);
}
