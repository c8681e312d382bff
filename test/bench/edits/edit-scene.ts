import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../src/ambient/clock.ts';
import { systemRandom } from '../../../src/ambient/random.ts';
import type { AmiPolicy } from '../../../src/api/ami-policy.ts';
import { POLICIES } from '../../../src/controller/resource-kinds.ts';
import { kubeTransport } from '../../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../../src/kube/load-config.ts';
import { Reflector } from '../../../src/kube/reflector.ts';
import { type KubeObject, ResourceClient } from '../../../src/kube/resource-client.ts';
import { DEFAULT_REGIONS, OPTED_IN_REGIONS } from '../../../src/simulator/ec2/regions.ts';
import { type ControlPlane, startControlPlane } from '../../controlplane/control-plane.ts';
import { serviceAccountKubeconfig } from '../../controlplane/service-account.ts';
import { type SimulatedAws, simulatedAws } from '../../fleet/simulated-aws.ts';
import { BUILDERS, PRODUCTION } from '../../fleet/worlds.ts';
import { AmifleetProcess } from '../../process/amifleet-process.ts';
import { stockInformer } from './stock-informer.ts';
import { type WatchProxy, watchProxy } from './watch-proxy.ts';

export const HOME = 'us-east-1';
/** Each edit adds one of them to one policy, so that exactly one new copy is due. */
const REGIONS = [...DEFAULT_REGIONS, ...OPTED_IN_REGIONS].filter((region) => region !== HOME);
export const POLICY_COUNT = 10;
const MOST_EDITS = POLICY_COUNT * REGIONS.length;
/** How soon the next look is for what happens in other processes. Nothing that is measured depends on it. */
const LOOK_MS = 20;

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

/** When an edit was seen, in milliseconds. Infinity: not within the time that was given. */
export interface Edit {
  /** From the answer of the PATCH to the first CopyImage that the simulated EC2 sees. */
  readonly toCopy: number;
  /** The same, from when the PATCH was sent. */
  readonly sentToCopy: number;
  /** From sending the PATCH until a watch of this process that nothing disturbs shows it, perhaps before the answer. */
  readonly sentToNotice: number;
  /** From the answer of the PATCH until the stock informer, which shares its proxy with the controller, tells of it. */
  readonly toInformer: number;
  /** Reads of the target that the edit added, until its CopyImage. */
  readonly readsOfTarget: number;
}

export interface EditScene {
  readonly aws: SimulatedAws;
  /** Between the API server and both the controller and the stock informer. */
  readonly proxy: WatchProxy;
  /** Makes the next edit and waits until all have seen it, or the time is over. @throws RangeError after MOST_EDITS */
  edit(limitMs: number): Promise<Edit>;
  stop(): Promise<void>;
}

/** A real API server with the controller as it is deployed, policies that are at rest, and who watches them beside it. */
export async function editScene(): Promise<EditScene> {
  const plane = await startControlPlane();
  const aws = await simulatedAws(WORLD, 1);
  const proxy = await watchProxy(plane);
  let controller: AmifleetProcess | undefined;
  const stopAll = async (): Promise<void> => {
    await controller?.kill('SIGKILL');
    await proxy.stop();
    await aws.stop();
    await plane.stop();
  };
  try {
    controller = await install(plane, proxy, aws);
    const observers = await observe(plane, proxy, aws);
    return {
      aws,
      proxy,
      edit: observers.edit,
      stop: async () => {
        await observers.stop();
        await stopAll();
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** The controller with the ServiceAccount and the RBAC of deploy/, and the policies, all of them at rest. */
async function install(plane: ControlPlane, proxy: WatchProxy, aws: SimulatedAws): Promise<AmifleetProcess> {
  const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const kubectl = async (args: readonly string[], stdin?: string): Promise<void> => {
    const { code, stderr } = await plane.kubectl(args, stdin);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  };
  await kubectl(['apply', '-k', root('deploy/kustomize')]);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  await kubectl(['create', 'namespace', 'platform']);
  await kubectl(['apply', '-f', root('test/fleet/accounts.yaml')]);
  const kubeconfig = await serviceAccountKubeconfig({ ...plane, server: proxy.url }, 'amifleet-system', 'amifleet');
  const controller = new AmifleetProcess(['controller', '--kubeconfig', kubeconfig], aws.environment(BUILDERS));
  await controller.says(/controller is ready/);
  const policies = Array.from({ length: POLICY_COUNT }, (_, index) => policy(index));
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: policies }));
  await kubectl(['wait', '--for=condition=Ready', '--timeout=60s', '-n', 'platform', 'amipolicies', '--all']);
  return controller;
}

async function observe(
  plane: ControlPlane,
  proxy: WatchProxy,
  { aws }: SimulatedAws,
): Promise<Pick<EditScene, 'edit' | 'stop'>> {
  const transport = kubeTransport(loadKubeConfig(plane.kubeconfigPath), {
    clock: systemClock,
    userAgent: 'amifleet-bench',
  });
  const policies = new ResourceClient<AmiPolicy & KubeObject>(transport, POLICIES);
  const watch = new Reflector(policies, { clock: systemClock, random: systemRandom });
  const copied = new Map<string, { readonly at: number; readonly reads: number }>();
  const noticed = new Map<string, number>();
  const informed = new Map<string, number>();
  const reads = new Map<string, number>();
  aws.onCall(({ action, region, parameters, account }) => {
    if (account !== BUILDERS) return;
    if (action.startsWith('Describe')) reads.set(region, (reads.get(region) ?? 0) + 1);
    const key = `${parameters['SourceImageId']} ${region}`;
    if (action === 'CopyImage' && !copied.has(key))
      copied.set(key, { at: performance.now(), reads: reads.get(region) ?? 0 });
  });
  const seenIn =
    (times: Map<string, number>) =>
    ({
      metadata,
    }: {
      readonly metadata?: { readonly name?: string; readonly generation?: number | undefined };
    }): void => {
      const key = `${metadata?.name} ${metadata?.generation}`;
      if (!times.has(key)) times.set(key, performance.now());
    };
  const see = seenIn(noticed);
  watch.onChange(({ object }) => see(object));
  watch.start();
  await watch.synced;
  const informer = await stockInformer({ server: proxy.url, token: plane.adminToken }, 'platform', seenIn(informed));
  let next = 0;
  return {
    edit: async (limitMs) => {
      const index = next % POLICY_COUNT;
      const round = Math.floor(next++ / POLICY_COUNT);
      const region = REGIONS[round];
      if (region === undefined) throw new RangeError(`there are ${MOST_EDITS} edits to make, and no more`);
      const regions = [HOME, ...REGIONS.slice(0, round + 1)].map((each) => ({ name: each }));
      const readsBefore = reads.get(region) ?? 0;
      const sent = performance.now();
      const { metadata } = await policies.patch(name(index), 'platform', { spec: { regions } });
      const answered = performance.now();
      const key = `${metadata.name} ${metadata.generation}`;
      const copy = `${imageId(index)} ${region}`;
      while (performance.now() - answered < limitMs && !(copied.has(copy) && noticed.has(key) && informed.has(key)))
        await wait(LOOK_MS);
      const never = Number.POSITIVE_INFINITY;
      return {
        toCopy: (copied.get(copy)?.at ?? never) - answered,
        sentToCopy: (copied.get(copy)?.at ?? never) - sent,
        sentToNotice: (noticed.get(key) ?? never) - sent,
        toInformer: (informed.get(key) ?? never) - answered,
        readsOfTarget: (copied.get(copy)?.reads ?? readsBefore) - readsBefore,
      };
    },
    stop: async () => {
      await informer.stop();
      await watch.stop();
      await transport.close();
    },
  };
}
