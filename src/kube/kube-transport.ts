import type http from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { type Clock, sleep } from '../ambient/clock.ts';
import { between, type Random, systemRandom } from '../ambient/random.ts';
import { AgentPool } from './agent-pool.ts';
import { CredentialSource, type Credentials } from './credential-source.ts';
import { KubeError } from './errors.ts';
import { httpCall, type Outcome } from './http-call.ts';
import { retryAfterMs } from './status-failure.ts';
import type { KubeRequest, KubeResponse, KubeTry, Transport } from './transport.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_TRIES = 4;
/** First pause between two tries; it doubles with each. */
const BASE_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** A server that asks for more patience than this is answered with the error: the caller's own queue waits better. */
const LONGEST_RETRY_AFTER_MS = 10_000;

export interface KubeTransportOptions {
  readonly clock: Clock;
  /** Sent with every request, so that the API server's audit log can tell who it was. */
  readonly userAgent: string;
  /** Default: the machine's randomness. */
  readonly random?: Random;
  /** Is told of every try of every call. */
  readonly onTry?: (made: KubeTry) => void;
}

/**
 * A pooled way to the current cluster of `config`, over https or http. (client-node opens a new connection for every
 * call: kubernetes-client/javascript #2893.) Connections are kept alive and shared; the credentials are asked for anew
 * for every try, so that a token file or a certificate that changes on disk is used at once. After a 401 they are also
 * dropped from every cache and had again, once.
 *
 * Tried again, with a growing random pause or after `Retry-After`: 429 always, for then nothing was done; a connection
 * that could not be made, likewise; other failures (5xx, a broken connection, no answer in time) only where doing it
 * twice is the same as doing it once.
 * @throws Error when `config` has no current cluster
 */
export function kubeTransport(config: KubeConfig, options: KubeTransportOptions): Transport {
  return new KubeTransport(config, options);
}

class KubeTransport implements Transport {
  readonly #server: URL;
  readonly #credentials: CredentialSource;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #userAgent: string;
  readonly #onTry: ((made: KubeTry) => void) | undefined;
  readonly #agents: AgentPool;
  /** One for each call under way, its answer included. */
  readonly #calls = new Set<AbortController>();
  #closed = false;

  constructor(config: KubeConfig, { clock, userAgent, random = systemRandom, onTry }: KubeTransportOptions) {
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error('the kubeconfig has no current cluster: set its current-context');
    this.#server = new URL(cluster.server);
    this.#credentials = new CredentialSource(config, clock);
    this.#clock = clock;
    this.#random = random;
    this.#userAgent = userAgent;
    this.#onTry = onTry;
    this.#agents = new AgentPool(this.#server.protocol, cluster.proxyUrl);
  }

  async send(request: KubeRequest): Promise<KubeResponse> {
    request.signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    // Not AbortSignal.any: what it makes hangs on the longest-lived of its sources, and a watch's lives for days.
    const call = new AbortController();
    const onAbort = (): void => call.abort(request.signal?.reason);
    request.signal?.addEventListener('abort', onAbort, { once: true });
    this.#calls.add(call);
    const release = (): void => {
      request.signal?.removeEventListener('abort', onAbort);
      this.#calls.delete(call);
    };
    try {
      return releasing(await this.#untilFinal(request, call.signal), release);
    } catch (error) {
      release();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) call.abort(closedError());
    await this.#agents.close();
  }

  async #untilFinal(request: KubeRequest, signal: AbortSignal): Promise<KubeResponse> {
    const tries = Math.max(1, request.tries ?? DEFAULT_TRIES);
    let renewed = false;
    for (let tried = 1; ; tried++) {
      let outcome = await this.#try(request, signal);
      if (outcome.kind === 'answer' && outcome.response.status === 401 && !renewed && this.#credentials.renew()) {
        outcome.discard();
        renewed = true;
        outcome = await this.#try(request, signal);
      }
      const pause = tried < tries ? this.#pauseBeforeNext(request, outcome, tried) : undefined;
      if (pause === undefined) {
        if (outcome.kind === 'failure') throw outcome.error;
        return outcome.response;
      }
      if (outcome.kind === 'answer') outcome.discard();
      await sleep(this.#clock, pause, signal);
    }
  }

  async #try(request: KubeRequest, signal: AbortSignal): Promise<Outcome> {
    const credentials = await this.#credentials.current();
    signal.throwIfAborted();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const outcome = await httpCall({
      what: `${request.method} ${request.path}`,
      options: this.#requestOptions(request, body, credentials),
      body,
      clock: this.#clock,
      timeoutMs: request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      signal,
      onSocket: (socket) => this.#agents.watch(socket),
    });
    const status = outcome.kind === 'answer' ? outcome.response.status : undefined;
    this.#onTry?.({ method: request.method, status });
    return outcome;
  }

  #requestOptions(
    request: KubeRequest,
    body: string | undefined,
    { headers, auth, tls, agent }: Credentials,
  ): http.RequestOptions {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const prefix = this.#server.pathname.replace(/\/$/, '');
    return {
      protocol: this.#server.protocol,
      // The brackets of an IPv6 address belong to URLs only.
      hostname: this.#server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: this.#server.port,
      method: request.method,
      path: `${prefix}${request.path}${query.size === 0 ? '' : `?${query.toString()}`}`,
      agent: this.#agents.agentFor(tls, agent),
      headers: {
        ...headers,
        'User-Agent': this.#userAgent,
        Accept: request.accept ?? 'application/json',
        ...(body !== undefined && {
          'Content-Type': request.contentType ?? 'application/json',
          // Node leaves it out for DELETE, and the server then takes the body for the beginning of the next request.
          'Content-Length': Buffer.byteLength(body),
        }),
      },
      ...(auth !== undefined && { auth }),
    };
  }

  /** Undefined: this outcome is final. */
  #pauseBeforeNext(request: KubeRequest, outcome: Outcome, tried: number): number | undefined {
    if (outcome.kind === 'failure') {
      const again = outcome.seen === 'nothing' || (outcome.seen === 'perhaps' && isRepeatable(request));
      return again ? this.#pause(tried) : undefined;
    }
    const { status, headers } = outcome.response;
    const again = status === 429 || (status >= 500 && status !== 501 && isRepeatable(request));
    if (!again) return undefined;
    const asked = retryAfterMs(headers);
    if (asked === undefined) return this.#pause(tried);
    // A little later than asked, so that all who were turned away together do not come back together.
    return asked > LONGEST_RETRY_AFTER_MS ? undefined : asked + between(this.#random, 0, BASE_PAUSE_MS);
  }

  #pause(tried: number): number {
    const longest = Math.min(LONGEST_PAUSE_MS, BASE_PAUSE_MS * 2 ** (tried - 1));
    return longest * (0.5 + this.#random.next() / 2);
  }
}

/** Calls `release` when the body of the answer is read, or cannot be. */
function releasing(response: KubeResponse, release: () => void): KubeResponse {
  return {
    status: response.status,
    headers: response.headers,
    text: () => response.text().finally(release),
    lines: async function* () {
      try {
        yield* response.lines();
      } finally {
        release();
      }
    },
  };
}

/** Whether doing it twice is the same as doing it once. Only POST and JSON Patch (by index) are not so. */
function isRepeatable({ method, contentType }: KubeRequest): boolean {
  return method !== 'POST' && contentType !== 'application/json-patch+json';
}

function closedError(): KubeError {
  return new KubeError('the connection to the API server was closed by us', { status: 0, reason: 'Unreachable' });
}
