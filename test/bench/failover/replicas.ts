import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type AdjustableClock, adjustableClock } from '../../../src/ambient/adjustable-clock.ts';
import { systemClock } from '../../../src/ambient/clock.ts';
import { systemRandom } from '../../../src/ambient/random.ts';
import { DEFAULT_REGIONS } from '../../../src/simulator/ec2/regions.ts';
import { parseSeed } from '../../../src/simulator/ec2/seed.ts';
import { serveSimulator } from '../../../src/simulator/ec2/serve.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/ec2/simulator.ts';
import { KubeSimulator } from '../../../src/simulator/kube/kube-simulator.ts';
import { serveKube } from '../../../src/simulator/kube/serve.ts';
import { AmifleetProcess } from '../../process/amifleet-process.ts';
import { ACCOUNTS, BUILDERS, policy, seedOf } from '../../world/documents.ts';

const HOME = 'us-east-1';
/** Each edit adds one of them to one policy, so that exactly one new copy is due. */
const REGIONS = DEFAULT_REGIONS.filter((region) => region !== HOME);
const POLICIES = 8;
const GROUP = '/apis/amifleet.io/v1alpha1';
const LOOK_MS = 10;
const PATIENCE_MS = 60_000;

/** A controller as a process of its own, with ways to both servers that are its alone: so it is known who did what. */
export interface Replica {
  readonly process: AmifleetProcess;
  /** When it changed something, in AWS or in Kubernetes, and was not refused; `performance.now()`. Leases do not count. */
  readonly writes: readonly { readonly at: number; readonly what: string }[];
  stop(): Promise<void>;
}

/** One world, in which replicas come and go. */
export class Replicas {
  readonly #folder = mkdtempSync(join(tmpdir(), 'amifleet-failover-'));
  readonly #clock: AdjustableClock = adjustableClock(systemClock, 1);
  readonly #aws: Simulator;
  readonly #kube = new KubeSimulator({ clock: systemClock, random: systemRandom });
  readonly #all: Replica[] = [];
  #edits = 0;

  constructor() {
    const image = (index: number): object => ({ name: `app-${index}`, tags: { app: `app-${index}` } });
    const images = Array.from({ length: POLICIES }, (_, index) => image(index));
    const seed = seedOf({ copySeconds: [600, 900], accounts: { [BUILDERS]: { [HOME]: { images } } }, roles: [] });
    this.#aws = createSimulator({ seed: parseSeed(seed), clock: this.#clock });
    this.#send('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'platform' },
    });
    this.#send('POST', '/apis/coordination.k8s.io/v1/namespaces/platform/leases', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'amifleet', namespace: 'platform' },
    });
    this.#send('POST', `${GROUP}/awsaccounts`, ACCOUNTS[0]);
    for (let index = 0; index < POLICIES; index++) {
      const images = { tags: { app: `app-${index}` } };
      const spec = { source: { account: BUILDERS, region: HOME, images }, accounts: undefined, sharing: undefined };
      this.#send('POST', POLICIES_PATH, policy({ ...spec, regions: [{ name: HOME }] }, `app-${index}`));
    }
  }

  /** Starts one more, which stands by where another one leads. Resolves when its caches are filled. */
  async launch(): Promise<Replica> {
    const writes: { at: number; what: string }[] = [];
    const noted = (what: string): void => void writes.push({ at: performance.now(), what });
    let calling = false;
    this.#aws.onMutation(({ action, region }) => {
      if (calling) noted(`${action} ${region}`);
    });
    const aws: Simulator = {
      ...this.#aws,
      handle: (request) => {
        calling = true;
        const answer = this.#aws.handle(request);
        calling = false;
        return answer;
      },
    };
    const servedAws = await serveSimulator(aws, this.#clock, { port: 0 });
    const servedKube = await serveKube(
      {
        handle: (request) => {
          const answer = this.#kube.handle(request);
          const accepted = answer.kind === 'answer' && answer.status < 300;
          if (request.method !== 'GET' && accepted && !request.url.includes('/leases/'))
            noted(`${request.method} ${request.url}`);
          return answer;
        },
      },
      { port: 0, token: 'bench' },
    );
    const kubeconfig = join(this.#folder, `kubeconfig-${this.#all.length}`);
    writeFileSync(kubeconfig, servedKube.kubeconfig);
    const process = new AmifleetProcess(['controller', '--kubeconfig', kubeconfig, '--lease', 'platform/amifleet'], {
      AWS_ENDPOINT_URL: servedAws.url,
      AWS_ACCESS_KEY_ID: `AKIASIM${BUILDERS}`,
      AWS_SECRET_ACCESS_KEY: 'simulated',
      AWS_REGION: HOME,
    });
    const replica = {
      process,
      writes,
      stop: async () => {
        await process.kill('SIGKILL');
        await servedAws.stop();
        await servedKube.stop();
      },
    };
    this.#all.push(replica);
    await process.says(/controller is ready/);
    return replica;
  }

  /** Adds a region to a policy; another one each time. */
  edit(): void {
    const index = this.#edits % POLICIES;
    const round = Math.floor(this.#edits++ / POLICIES);
    if (round >= REGIONS.length) throw new RangeError('no region is left to add');
    const regions = [HOME, ...REGIONS.slice(0, round + 1)].map((name) => ({ name }));
    this.#send('PATCH', `${POLICIES_PATH}/app-${index}`, { spec: { regions } }, 'application/merge-patch+json');
  }

  /**
   * Edits, and waits until this replica begins a copy.
   * @param againMs after so long without one it edits again: a leader that is being stopped may still have acted on the edit
   * @returns when the copy was begun, `performance.now()`
   */
  async editUntilCopied(replica: Replica, againMs = Number.POSITIVE_INFINITY): Promise<number> {
    const begun = performance.now();
    for (let edits = 0; ; ) {
      const waited = performance.now() - begun;
      if (waited >= edits * againMs || edits === 0) {
        this.edit();
        edits++;
      }
      const copy = replica.writes.find(({ at, what }) => at >= begun && what.startsWith('CopyImage'));
      if (copy) return copy.at;
      if (waited > PATIENCE_MS) throw new Error(`no copy within ${PATIENCE_MS} ms:\n${replica.process.output}`);
      await wait(LOOK_MS);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((replica) => replica.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #send(method: string, url: string, body: unknown, type = 'application/json'): void {
    const headers = { 'content-type': type };
    const answer = this.#kube.handle({ method, url, headers, body: JSON.stringify(body) });
    if (answer.kind !== 'answer' || answer.status >= 300)
      throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
  }
}

const POLICIES_PATH = `${GROUP}/namespaces/platform/amipolicies`;
