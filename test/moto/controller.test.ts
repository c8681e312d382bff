import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeregisterImageCommand, ModifyImageAttributeCommand } from '@aws-sdk/client-ec2';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { runController } from '../../src/controller/run-controller.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../src/kube/load-config.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { type ServedKube, serveKube } from '../../src/simulator/kube/serve.ts';
import { describeWithPython } from '../python/suite.ts';
import { ACCOUNTS, policy } from './amifleet.ts';
import { motoEngine } from './engine.ts';
import { HOME, type Moto, OTHER, REQUIREMENTS, release, startMoto } from './moto-server.ts';

vi.setConfig({ testTimeout: 90_000 });

const FRIEND = '444455556666';
const UNIT = 'arn:aws:organizations::111122223333:ou/o-abc1234567/ou-ab12-cdef1234';
const RESYNC_MS = 1000;
const PATIENCE = { timeout: 60_000, interval: 100 };

const specFor = (account: string): object => ({
  source: { account, region: 'us-east-1', images: { tags: { release: 'stable' } }, groupBy: ['app'], newest: 2 },
  regions: [{ name: 'eu-west-1' }, { name: 'us-west-2' }],
  sharing: { accounts: [FRIEND], organizationalUnits: [UNIT] },
});

interface Live {
  readonly metadata: { readonly resourceVersion: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

await describeWithPython('the whole controller against moto', REQUIREMENTS, (python) => {
  let moto: Moto;
  let kube: ServedKube;
  let stop: AbortController;
  let ended: Promise<void>;
  let close: () => Promise<void>;
  let folder: string;

  const api = async (method: string, path: string, body?: object): Promise<Live> => {
    const answer = await fetch(`${kube.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Live;
  };
  const POLICIES = '/apis/amifleet.io/v1alpha1/namespaces/platform/amipolicies';
  const read = (name: string): Promise<Live> => api('GET', `${POLICIES}/${name}`);
  const conditionOf = async (name: string, type: string): Promise<string | undefined> =>
    (await read(name)).status?.conditions?.find((each) => each.type === type)?.status;
  const ready = (name: string): Promise<void> => expect.poll(() => conditionOf(name, 'Ready'), PATIENCE).toBe('True');
  /** Each resync of the two policies lists six targets and reads the permissions of eight images. */
  const resyncs = async (times: number): Promise<void> => {
    const reads = async (): Promise<number> => (await moto.calls())['DescribeImageAttribute'] ?? 0;
    const before = await reads();
    await expect.poll(reads, PATIENCE).toBeGreaterThanOrEqual(before + 8 * times);
  };
  const names = async (region: string, account = HOME): Promise<(string | undefined)[]> =>
    (await moto.images(region, account)).map(({ Name }) => Name);

  beforeEach(async () => {
    moto = await startMoto(python);
    await moto.reset([HOME, OTHER].flatMap((account) => [1, 2, 3].map((version) => release(version, account))));
    const simulator = new KubeSimulator({ clock: systemClock, random: seededRandom(2) });
    kube = await serveKube(simulator, { port: 0, token: 'test' });
    folder = mkdtempSync(join(tmpdir(), 'amifleet-moto-'));
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, kube.kubeconfig);
    await api('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } });
    for (const account of ACCOUNTS) await api('POST', '/apis/amifleet.io/v1alpha1/awsaccounts', account);

    stop = new AbortController();
    const engine = motoEngine(moto.endpoint, systemClock);
    const transport = kubeTransport(loadKubeConfig(kubeconfig), { clock: systemClock, userAgent: 'test' });
    ended = runController(
      {
        engine,
        transport,
        random: seededRandom(3),
        log: pino({ level: 'silent' }),
        readOnly: false,
        verifyMs: RESYNC_MS,
        resyncMs: RESYNC_MS,
      },
      stop.signal,
    );
    close = async () => {
      await transport.close();
      engine.close();
    };
  });
  afterEach(async () => {
    stop.abort();
    await ended;
    await close();
    await kube.stop();
    await moto.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('makes images of policies in two accounts, repairs what drifts, and then rests', async () => {
    await api('POST', POLICIES, policy('home', specFor(HOME)));
    await api('POST', POLICIES, policy('other', specFor(OTHER)));
    await ready('home');
    await ready('other');
    for (const account of [HOME, OTHER])
      for (const region of ['eu-west-1', 'us-west-2']) expect(await names(region, account)).toEqual(['web-2', 'web-3']);
    // What was just written is not taken for drift before a reading has shown it.
    await resyncs(2);
    const [older, newer] = await moto.images('eu-west-1');
    expect(await moto.sharedWith(newer?.ImageId ?? '', 'eu-west-1')).toEqual([FRIEND, UNIT]);

    await moto.ec2('eu-west-1').send(
      new ModifyImageAttributeCommand({
        ImageId: newer?.ImageId,
        LaunchPermission: { Add: [{ UserId: '999988887777' }], Remove: [{ OrganizationalUnitArn: UNIT }] },
      }),
    );
    await moto.ec2('eu-west-1').send(new DeregisterImageCommand({ ImageId: older?.ImageId }));
    await expect.poll(() => moto.sharedWith(newer?.ImageId ?? '', 'eu-west-1'), PATIENCE).toEqual([FRIEND, UNIT]);
    await expect.poll(() => names('eu-west-1'), PATIENCE).toEqual(['web-2', 'web-3']);
    await ready('home');

    const quiet = async (): Promise<object> => ({
      mutations: Object.entries(await moto.calls()).filter(([action]) => !/^(Describe|Get|List|Assume)/.test(action)),
      versions: [(await read('home')).metadata.resourceVersion, (await read('other')).metadata.resourceVersion],
    });
    const before = await quiet();
    await resyncs(3);
    expect(await quiet()).toEqual(before);
  });
});
