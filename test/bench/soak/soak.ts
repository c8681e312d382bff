import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../../src/ambient/clock.ts';
import { systemRandom } from '../../../src/ambient/random.ts';
import { KubeSimulator } from '../../../src/simulator/kube/kube-simulator.ts';
import { serveKube } from '../../../src/simulator/kube/serve.ts';
import { simulatedAws } from '../../fleet/simulated-aws.ts';
import { AmifleetProcess } from '../../process/amifleet-process.ts';
import { ACCOUNTS, BUILDERS, policy, seedOf } from '../../world/documents.ts';
import type { Benchmark } from '../benchmark.ts';

const RECONCILES = 10_000;
const SAMPLES = 10;
const RESIDENTS = 75;
const APPS = RESIDENTS + 1;
const CHURN_MS = 400;
const GOAL_MIB = 1;
const GROUP = '/apis/amifleet.io/v1alpha1';
const POLICIES = `${GROUP}/namespaces/platform/amipolicies`;

export const soak: Benchmark = {
  about: `heap of the controller, after collection, over ${RECONCILES} reconciles of ${RESIDENTS} policies: looked at every second, while policies are edited, deleted and made under names that were never there`,
  run: async () => {
    const samples = await heaps();
    const mean = (some: readonly number[]): number => some.reduce((sum, value) => sum + value, 0) / some.length;
    // The first ones are of a program that still warms up.
    const growth = mean(samples.slice(-3)) - mean(samples.slice(2, 5));
    return {
      kind: 'measured',
      figures: [
        {
          name: `heap after ${RECONCILES} reconciles`,
          value: samples.at(-1) ?? Number.NaN,
          unit: 'MiB',
          detail: `after each ${RECONCILES / SAMPLES}: ${samples.map((value) => value.toFixed(1)).join(', ')} MiB`,
        },
        {
          name: 'growth, from the 3rd to 5th sample to the last three',
          value: Math.max(0, growth),
          unit: 'MiB',
          goal: GOAL_MIB,
          bound: { value: 0, why: 'nothing has to be kept of a pass that is over' },
          detail: `${((growth * 2 ** 20) / (((SAMPLES - 5) * RECONCILES) / SAMPLES)).toFixed(0)} bytes a reconcile`,
        },
      ],
    };
  },
};

/** MiB of heap in use after each tenth of the reconciles. */
async function heaps(): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'amifleet-soak-'));
  const aws = await simulatedAws(seed(), 60);
  const kube = new KubeSimulator({ clock: systemClock, random: systemRandom });
  const served = await serveKube(kube, { port: 0, token: 'bench' });
  const churn = new AbortController();
  let controller: AmifleetProcess | undefined;
  try {
    const send = senderTo(kube);
    send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } });
    for (const account of ACCOUNTS) send('POST', `${GROUP}/awsaccounts`, account);
    for (let app = 0; app < RESIDENTS; app++) send('POST', POLICIES, policyOf(app, `app-${app}`));
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, served.kubeconfig);
    const port = 20_000 + Math.floor(systemRandom.next() * 20_000);
    const times = ['--resync', '1s', '--verify-permissions', '12s'];
    const quiet = ['--log-level', 'warn', '--metrics-address', `127.0.0.1:${port}`];
    controller = new AmifleetProcess(['controller', '--kubeconfig', kubeconfig, ...times, ...quiet], {
      ...aws.environment(BUILDERS),
      NODE_OPTIONS: `--expose-gc --import ${new URL('report-heap.ts', import.meta.url).href}`,
    });
    const churned = churnPolicies(send, churn.signal);
    const samples: number[] = [];
    for (let sample = 1; sample <= SAMPLES; sample++) {
      await reconciled(port, (sample * RECONCILES) / SAMPLES, controller);
      samples.push(await heapOf(controller, sample));
    }
    churn.abort();
    await churned;
    return samples;
  } finally {
    churn.abort();
    await controller?.kill('SIGKILL');
    await served.stop();
    await aws.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Send = (method: string, url: string, body?: object, type?: string) => void;

const senderTo =
  (kube: KubeSimulator): Send =>
  (method, url, body, type = 'application/json') => {
    const headers = { 'content-type': type };
    const answer = kube.handle({ method, url, headers, ...(body && { body: JSON.stringify(body) }) });
    if (answer.kind !== 'answer' || answer.status >= 300)
      throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
  };

/** Edits one resident after the other, and lets one visitor follow another. Those only plan, so that the fleet does not grow. */
async function churnPolicies(send: Send, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    send('POST', POLICIES, policyOf(RESIDENTS, `visitor-${round}`, { mode: 'Plan' }));
    const tags = { add: { round: String(round) } };
    send('PATCH', `${POLICIES}/app-${round % RESIDENTS}`, { spec: { tags } }, 'application/merge-patch+json');
    await wait(CHURN_MS, undefined, { signal }).catch(() => undefined);
    send('DELETE', `${POLICIES}/visitor-${round}`);
  }
}

/** Waits until so many passes over policies have ended, by the controller's own count. */
async function reconciled(port: number, count: number, controller: AmifleetProcess): Promise<void> {
  for (;;) {
    if (controller.hasEnded) throw new Error(`the controller has ended:\n${controller.output}`);
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    const counts = text.matchAll(/^controller_runtime_reconcile_total\{[^}]*controller="amipolicy"[^}]*\} (\d+)/gm);
    if ([...counts].reduce((sum, [, value]) => sum + Number(value), 0) >= count) return;
    await wait(250);
  }
}

async function heapOf(controller: AmifleetProcess, sample: number): Promise<number> {
  controller.signal('SIGUSR2');
  const [, bytes] = await controller.says(new RegExp(`(?:heap in use: (\\d+) bytes[^]*?){${sample}}`));
  return Number(bytes) / 2 ** 20;
}

/** A version of each app, in two accounts with few regions. */
function seed(): object {
  const base = seedOf({ copySeconds: [20, 90] }) as { accounts: Record<string, Record<string, object>> };
  const images = Array.from({ length: APPS }, (_, app) => ({ name: `app-${app}`, tags: { app: `app-${app}` } }));
  return {
    ...base,
    accounts: { ...base.accounts, [BUILDERS]: { ...base.accounts[BUILDERS], 'us-east-1': { images } } },
  };
}

function policyOf(app: number, name: string, spec: object = {}): object {
  const images = { tags: { app: `app-${app}` } };
  return policy({ source: { account: BUILDERS, region: 'us-east-1', images }, accounts: undefined, ...spec }, name);
}
