import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { adjustableClock } from '../../src/ambient/adjustable-clock.ts';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { parseSeed } from '../../src/simulator/ec2/seed.ts';
import { serveSimulator } from '../../src/simulator/ec2/serve.ts';
import { createSimulator } from '../../src/simulator/ec2/simulator.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { serveKube } from '../../src/simulator/kube/serve.ts';
import { dockerfileStages, instructions } from './dockerfile.ts';
import { ImageFolder } from './image-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the Dockerfile', () => {
  const stages = dockerfileStages();
  const last = stages.at(-1);

  it('builds in one stage and ships from another, both on the Node that package.json asks for', () => {
    expect(stages.map((stage) => instructions(stage, 'FROM'))).toEqual([['node:24-slim AS build'], ['node:24-slim']]);
    expect(packageJson.engines.node).toBe('>=24');
  });

  it('ships the bundle and package.json, and nothing else', () => {
    expect(instructions(last, 'COPY')).toEqual(['package.json ./', '--from=build /build/dist dist']);
    expect(instructions(last, 'ADD')).toEqual([]);
    expect(instructions(last, 'RUN')).toEqual([]);
  });

  it('installs what the lock file names, without a script of any package', () => {
    expect(instructions(stages[0], 'RUN')).toEqual(['npm ci --ignore-scripts --no-audit --no-fund', 'npm run build']);
    expect(packageJson.scripts.build).toBe('rolldown -c rolldown.config.ts');
  });

  it('runs as a user by number who is not root, because Kubernetes cannot tell a name from root', () => {
    expect(instructions(last, 'USER')).toEqual(['65532:65532']);
  });

  it('starts the controller unless told otherwise', () => {
    expect(instructions(last, 'ENTRYPOINT')).toEqual(['["node", "dist/amifleet.js"]']);
    expect(instructions(last, 'CMD')).toEqual(['["controller"]']);
  });

  it('sends to the builder what it copies from there, and no more', () => {
    const copied = stages
      .flatMap((stage) => instructions(stage, 'COPY'))
      .filter((text) => !text.startsWith('--from='))
      .flatMap((text) => text.split(' ').slice(0, -1));
    const ignore = readFileSync(root('.dockerignore'), 'utf8').trim().split('\n');
    expect(ignore[0]).toBe('*');
    expect(ignore.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
  });
});

describe('what the image holds, read-only and as another user', () => {
  let image: ImageFolder;
  beforeAll(async () => {
    image = await ImageFolder.make();
  });
  afterAll(() => image.remove());

  it('is one file of ours, beside package.json and Node', () => {
    expect(image.files()).toEqual(['app/dist/amifleet.js', 'app/package.json', 'node']);
  });

  it('says its version', async () => {
    expect(await image.start(['--version']).ended).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  it('helps', async () => {
    const { code, stdout, stderr } = await image.start(['--help']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('controller');
  });

  it.each([
    ['crds', 'kind: CustomResourceDefinition'],
    ['iam account', '"ec2:CopyImage"'],
  ])('prints what %s prints in a checkout', async (command, text) => {
    const { code, stdout, stderr } = await image.start(command.split(' ')).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(text);
  });

  it('says what is missing where there is no cluster', async () => {
    const { code, stdout, stderr } = await image.start(['controller']).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('there is no way to a cluster');
    expect(stderr).toContain('--kubeconfig');
  });

  it('runs the controller: it becomes ready, makes images, writes no file, and ends when it is told to', async () => {
    const clock = adjustableClock(systemClock);
    const aws = await serveSimulator(createSimulator({ seed: parseSeed(WORLD), clock }), clock, { port: 0 });
    const kube = await serveKube(new KubeSimulator({ clock: systemClock, random: seededRandom(1) }), {
      port: 0,
      token: 'test',
    });
    const folder = mkdtempSync(join(tmpdir(), 'amifleet-ship-'));
    try {
      const kubeconfig = join(folder, 'kubeconfig');
      writeFileSync(kubeconfig, kube.kubeconfig);
      chmodSync(folder, 0o755);
      for (const [path, object] of OBJECTS) await create(`${kube.url}${path}`, object);
      const port = await freePort();
      const before = image.files();
      const controller = image.start(
        ['controller', '--kubeconfig', kubeconfig, '--metrics-address', `127.0.0.1:${port}`],
        { AWS_ENDPOINT_URL: aws.url, AWS_ACCESS_KEY_ID: 'AKIASIM111122223333', AWS_SECRET_ACCESS_KEY: 'x' },
      );
      await expect
        .poll(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status, { timeout: 20_000, interval: 20 })
        .toBe(200);
      await expect
        .poll(() => statusOf(`${kube.url}${POLICIES}/web`), { timeout: 40_000, interval: 100 })
        .toMatchObject({ targetsReady: '1/1' });
      expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(metrics).toContain('\namifleet_policy_ready{namespace="platform",name="web"}');
      expect(metrics).toMatch(/\nrest_client_requests_total\{method="PATCH",code="200"\} \d/);
      controller.kill('SIGTERM');
      expect((await controller.ended).code).toBe(0);
      expect(image.files()).toEqual(before);
    } finally {
      await kube.stop();
      await aws.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

const POLICIES = '/apis/amifleet.io/v1alpha1/namespaces/platform/amipolicies';
const API = { apiVersion: 'amifleet.io/v1alpha1' };
const WORLD = {
  copySeconds: [1, 2],
  accounts: { '111122223333': { 'us-east-1': { images: [{ name: 'web-1', tags: { app: 'web' } }] } } },
};
const OBJECTS: readonly (readonly [path: string, object: object])[] = [
  ['/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } }],
  [
    '/apis/amifleet.io/v1alpha1/awsaccounts',
    { ...API, kind: 'AwsAccount', metadata: { name: '111122223333' }, spec: { namespaces: ['platform'] } },
  ],
  [
    POLICIES,
    {
      ...API,
      kind: 'AmiPolicy',
      metadata: { name: 'web', namespace: 'platform' },
      spec: {
        source: { account: '111122223333', region: 'us-east-1', images: { tags: { app: 'web' } } },
        regions: [{ name: 'eu-west-1' }],
      },
    },
  ],
];

async function create(url: string, object: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(object) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
}

async function statusOf(url: string): Promise<object> {
  const { status = {} } = (await (await fetch(url)).json()) as { readonly status?: object };
  return status;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
