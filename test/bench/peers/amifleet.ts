import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/ambient/clock.ts';
import { systemRandom } from '../../../src/ambient/random.ts';
import type { AmiPolicy } from '../../../src/api/ami-policy.ts';
import { KubeSimulator } from '../../../src/simulator/kube/kube-simulator.ts';
import { serveKube } from '../../../src/simulator/kube/serve.ts';
import { HOME, type Moto } from '../../moto/moto-server.ts';
import { AmifleetProcess } from '../../process/amifleet-process.ts';
import { until } from '../../process/until.ts';
import { FRIENDS, KEEP_DAYS, OLD, REGIONS, SOURCE_REGION, TAGS, YOUNG } from './job.ts';
import { environmentFor, type Tool } from './tool.ts';

const GROUP = '/apis/amifleet.io/v1alpha1';
const POLICY = `${GROUP}/namespaces/platform/amipolicies/web`;
const API = { apiVersion: 'amifleet.io/v1alpha1' };
const DONE_MS = 90_000;

/** Permissions are read again over twelve looks at everything, as by default: once an hour, and five minutes between looks. */
export const RESYNC_MS = 15_000;
const VERIFY_MS = 12 * RESYNC_MS;

const ACCOUNT = {
  ...API,
  kind: 'AwsAccount',
  metadata: { name: HOME },
  spec: { namespaces: ['platform'], allow: ['RetireSources'] },
};
const AMI_POLICY = {
  ...API,
  kind: 'AmiPolicy',
  metadata: { name: 'web', namespace: 'platform' },
  spec: {
    source: {
      account: HOME,
      region: SOURCE_REGION,
      images: { tags: TAGS },
      groupBy: ['app'],
      newest: YOUNG,
    },
    regions: REGIONS.map((name) => ({ name })),
    sharing: { accounts: FRIENDS },
    retention: {
      keepNewest: 1,
      keepDays: KEEP_DAYS,
      deleteAfterDays: 0,
      scope: 'CopiesAndSource',
      // moto knows neither who uses an image nor when it was launched, and Cloud Custodian is not asked to look either.
      inUse: 'Ignore',
      minUnusedDays: 0,
      maxDeletionsPerDay: OLD,
    },
  },
};

/**
 * The controller as a process, from its bundle, with an API server in this process. It goes on until it is stopped.
 * @param moto is looked at, past the proxy, to see whether all is done; `endpoint`: where the controller finds it
 */
export async function amifleet(
  bundle: string,
  moto: Moto,
  endpoint: string,
): Promise<Tool & { readonly restart: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'amifleet-peers-'));
  const kube = new KubeSimulator({ clock: systemClock, random: systemRandom });
  const served = await serveKube(kube, { port: 0, token: 'bench' });
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, served.kubeconfig);
  const send = (method: string, url: string, body?: object): string => {
    const headers = { 'content-type': 'application/json' };
    const answer = kube.handle({ method, url, headers, ...(body && { body: JSON.stringify(body) }) });
    if (answer.kind !== 'answer' || answer.status >= 300)
      throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
    return answer.body;
  };
  send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } });
  send('POST', `${GROUP}/awsaccounts`, ACCOUNT);
  send('POST', `${GROUP}/namespaces/platform/amipolicies`, AMI_POLICY);
  const isDone = async (): Promise<boolean> => {
    const { status } = JSON.parse(send('GET', POLICY)) as AmiPolicy;
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True' || status?.plan !== undefined) return false;
    // A policy is ready while snapshots of images that are gone still wait for their time.
    return (await moto.snapshots(SOURCE_REGION)).length === YOUNG;
  };
  let running: AmifleetProcess | undefined;
  const run = async (): Promise<void> => {
    const args = ['controller', '--kubeconfig', kubeconfig, '--allow-ignore-in-use'];
    const times = ['--resync', `${RESYNC_MS / 1000}s`, '--verify-permissions', `${VERIFY_MS / 1000}s`];
    running = new AmifleetProcess([...args, ...times], environmentFor(endpoint), bundle);
    try {
      // What the status says may be of the process before.
      await running.says(/pass ended/);
      await until('amifleet is done', isDone, DONE_MS);
    } catch (error) {
      throw new Error(`${String(error)}\n${send('GET', POLICY)}\n${running.output}`, { cause: error });
    }
  };
  return {
    run,
    restart: async () => {
      await running?.kill('SIGTERM');
      await run();
    },
    stop: async () => {
      await running?.kill('SIGKILL');
      await served.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
