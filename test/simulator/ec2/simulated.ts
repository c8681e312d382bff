import { EC2Client } from '@aws-sdk/client-ec2';
import { KMSClient } from '@aws-sdk/client-kms';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, expect } from 'vitest';
import { parse } from 'yaml';
import { type AdjustableClock, adjustableClock } from '../../../src/ambient/adjustable-clock.ts';
import { VirtualClock } from '../../../src/ambient/virtual-clock.ts';
import { parseSeed } from '../../../src/simulator/ec2/seed.ts';
import { type ServedSimulator, serveSimulator } from '../../../src/simulator/ec2/serve.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/ec2/simulator.ts';
import type { WorldView } from '../../../src/simulator/ec2/world-view.ts';

export const OWNER = '111122223333';
export const OTHER = '222233334444';
export const THIRD = '333344445555';
const NOW = Date.parse('2026-11-21T08:00:00Z');

/** What the tests of most families start with. Writes are seen at once unless a test says otherwise. */
export const WORLD = `
seed: 7
copySeconds: [60, 60]
consistencySeconds: [0, 0]
accounts:
  "${OWNER}":
    us-east-1:
      images:
        - {id: ami-00000000000000001, name: web-base-1, ageDays: 40, tags: {app: web, release: stable}, volumesGiB: [8, 20]}
    eu-west-1: {}
  "${OTHER}": {us-east-1: {}, eu-west-1: {}}
  "${THIRD}": {us-east-1: {}}
`;
export const IMAGE = 'ami-00000000000000001';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A served simulator of its own for each test; its time stands still but for `advance`. */
export class Simulated {
  readonly #clients: { destroy(): void }[] = [];
  #clock: AdjustableClock | undefined;
  #simulator: Simulator | undefined;
  #served: ServedSimulator | undefined;

  async start(seed: string): Promise<void> {
    this.#clock = adjustableClock(new VirtualClock(NOW));
    this.#simulator = createSimulator({ seed: parseSeed(parse(seed)), clock: this.#clock });
    this.#served = await serveSimulator(this.#simulator, this.#clock, { port: 0 });
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.destroy();
    await this.#served?.stop();
  }

  get url(): string {
    return this.#served?.url ?? '';
  }

  get simulator(): Simulator {
    if (!this.#simulator) throw new Error('it is not started');
    return this.#simulator;
  }

  world(): WorldView {
    return this.simulator.world();
  }

  advance(seconds: number): void {
    this.#clock?.advance(seconds * 1000);
  }

  now(): number {
    return this.#clock?.now() ?? 0;
  }

  ec2(account: string | Credentials = OWNER, region = 'us-east-1'): EC2Client {
    return this.#keep(new EC2Client(this.#config(account, region)));
  }

  sts(account: string | Credentials = OWNER, region = 'us-east-1'): STSClient {
    return this.#keep(new STSClient(this.#config(account, region)));
  }

  kms(account: string | Credentials = OWNER, region = 'us-east-1'): KMSClient {
    return this.#keep(new KMSClient(this.#config(account, region)));
  }

  ssm(account: string | Credentials = OWNER, region = 'us-east-1'): SSMClient {
    return this.#keep(new SSMClient(this.#config(account, region)));
  }

  /** A control call: its status and document. */
  async control(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly document: unknown }> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${this.url}/_sim/${path}`, { method, ...(text !== undefined && { body: text }) });
    return { status: response.status, document: await response.json() };
  }

  /** A request as it is on the wire, signed for the owner. */
  async wire(query: string, options: { readonly region?: string; readonly service?: string } = {}): Promise<Response> {
    const { region = 'us-east-1', service = 'ec2' } = options;
    const authorization = `AWS4-HMAC-SHA256 Credential=AKIASIM${OWNER}/20261121/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
    return await fetch(this.url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(query) });
  }

  #config(
    account: string | Credentials,
    region: string,
  ): { readonly endpoint: string; region: string; maxAttempts: number; credentials: Credentials } {
    const credentials =
      typeof account === 'string' ? { accessKeyId: `AKIASIM${account}`, secretAccessKey: 'x' } : account;
    return { endpoint: this.url, region, maxAttempts: 1, credentials };
  }

  #keep<T extends { destroy(): void }>(client: T): T {
    this.#clients.push(client);
    return client;
  }
}

/** Starts one before each test of a file, with the seed given or `WORLD`. */
export function useSimulated(seed = WORLD): Simulated {
  const simulated = new Simulated();
  beforeEach(() => simulated.start(seed));
  afterEach(() => simulated.stop());
  return simulated;
}

export interface Refused {
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
}

/** How a call was refused; that it was not is an error. */
export async function refusal(call: Promise<unknown>): Promise<Refused> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { code: name, status: $metadata?.httpStatusCode, message };
  }
  throw new Error(`it was not refused: ${JSON.stringify(answer)}`);
}

/** What a message must be: these very words, or some that match. */
export const worded = (message: string | RegExp): unknown =>
  typeof message === 'string' ? message : expect.stringMatching(message);
