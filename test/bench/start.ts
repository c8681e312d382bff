import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import config from '../../rolldown.config.ts';
import { systemClock } from '../../src/ambient/clock.ts';
import { systemRandom } from '../../src/ambient/random.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { serveKube } from '../../src/simulator/kube/serve.ts';
import { simulatedAws } from '../fleet/simulated-aws.ts';
import { ACCOUNTS, BUILDERS, policy, seedOf } from '../world/documents.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { quantile } from './quantile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POLICIES = 10;
const RUNS = 15;
/** Files are in the cache of the machine then, as they are when a pod is restarted. */
const WARM_UP_RUNS = 2;
const GOALS_MS = { source: 1500, bundle: 500 } as const;

interface Ready {
  readonly ms: number;
  /** What the process has used by then, milliseconds, in all its threads: what it takes where nothing else runs. */
  readonly cpuMs: number;
  readonly residentMiB: number;
}

export const start: Benchmark = {
  about: `start of the process to "controller is ready", ${RUNS} times, with ${POLICIES} policies in the embedded API server`,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'amifleet-bench-'));
    const aws = await simulatedAws(seedOf(), 1);
    const kube = new KubeSimulator({ clock: systemClock, random: systemRandom });
    const served = await serveKube(kube, { port: 0, token: 'bench' });
    try {
      fill(kube);
      const kubeconfig = join(folder, 'kubeconfig');
      writeFileSync(kubeconfig, served.kubeconfig);
      const bundle = join(folder, 'amifleet.js');
      await build(bundle);
      const controller = (main: string): Promise<Ready[]> =>
        repeated([main, 'controller', '--kubeconfig', kubeconfig], /controller is ready/, aws.environment(BUILDERS));
      const empty = await repeated(['--eval', 'console.log("ready"); setTimeout(() => {}, 1000)'], /ready/, {});
      const source = await controller(join(ROOT, 'src/cli/main.ts'));
      const bundled = await controller(bundle);
      const size = `${(statSync(bundle).size / 2 ** 20).toFixed(1)} MiB of bundle`;
      return {
        kind: 'measured',
        figures: [
          ...figures('from source', source, empty, GOALS_MS.source, undefined),
          ...figures('from the bundle', bundled, empty, GOALS_MS.bundle, size),
        ],
      };
    } finally {
      await served.stop();
      await aws.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function figures(
  name: string,
  runs: readonly Ready[],
  empty: readonly Ready[],
  goal: number,
  detail: string | undefined,
): Figure[] {
  const times = runs.map(({ ms }) => ms);
  const resident = (of: readonly Ready[]): number => median(of.map(({ residentMiB }) => residentMiB));
  return [
    {
      name: `${name}, median`,
      value: median(times),
      unit: 'ms',
      goal,
      bound: { value: median(empty.map(({ ms }) => ms)), why: WHY },
      ...(detail !== undefined && { detail }),
    },
    { name: `${name}, slowest`, value: Math.max(...times), unit: 'ms', goal },
    {
      name: `${name}, CPU until ready`,
      value: median(runs.map(({ cpuMs }) => cpuMs)),
      unit: 'ms',
      bound: { value: median(empty.map(({ cpuMs }) => cpuMs)), why: WHY },
    },
    {
      name: `${name}, RSS when ready`,
      value: resident(runs),
      unit: 'MiB',
      bound: { value: resident(empty), why: WHY },
    },
  ];
}

const median = (values: readonly number[]): number => quantile(values, 0.5);

const WHY = 'a Node process that loads nothing and says a word, measured the same way';

async function repeated(
  args: readonly string[],
  ready: RegExp,
  environment: Readonly<Record<string, string>>,
): Promise<Ready[]> {
  const runs: Ready[] = [];
  for (let run = 0; run < WARM_UP_RUNS + RUNS; run++) runs.push(await once(args, ready, environment));
  return runs.slice(WARM_UP_RUNS);
}

/** Starts a process, waits for its word, and ends it. */
async function once(
  args: readonly string[],
  ready: RegExp,
  environment: Readonly<Record<string, string>>,
): Promise<Ready> {
  const begun = performance.now();
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], NO_COLOR: '1', ...environment },
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    return await new Promise<Ready>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (data: Buffer) => {
        output += data.toString();
        if (ready.test(output)) resolve({ ms: performance.now() - begun, ...usageOf(child.pid ?? 0) });
      });
      child.stderr.on('data', (data: Buffer) => {
        output += data.toString();
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`it ended before it was ready:\n${output.slice(-2000)}`)));
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** Linux counts CPU in hundredths of a second. */
const TICK_MS = 10;

/** NaN where the system does not tell. */
function usageOf(pid: number): Pick<Ready, 'cpuMs' | 'residentMiB'> {
  try {
    const kiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    // The name of the program, in brackets, may hold anything; user and system time are the 12th and 13th after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, residentMiB: Number(kiB) / 1024 };
  } catch {
    return { cpuMs: Number.NaN, residentMiB: Number.NaN };
  }
}

/** As `npm run build` does. */
async function build(file: string): Promise<void> {
  const { output, ...input } = config;
  if (Array.isArray(output)) throw new Error('rolldown.config.ts makes more than one file');
  const bundle = await rolldown({ ...input, cwd: ROOT, logLevel: 'silent' });
  await bundle.write({ ...output, file });
  await bundle.close();
}

function fill(kube: KubeSimulator): void {
  const group = '/apis/amifleet.io/v1alpha1';
  const put = (path: string, body: object): void => {
    const headers = { 'content-type': 'application/json' };
    const answer = kube.handle({ method: 'POST', url: path, headers, body: JSON.stringify(body) });
    if (answer.kind !== 'answer' || answer.status >= 300) throw new Error(`POST ${path}: ${JSON.stringify(answer)}`);
  };
  put('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } });
  for (const account of ACCOUNTS) put(`${group}/awsaccounts`, account);
  for (let index = 0; index < POLICIES; index++)
    put(`${group}/namespaces/platform/amipolicies`, policy({}, `policy-${index}`));
}
