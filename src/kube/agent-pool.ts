import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';

/** What a TLS connection is made with. Two equal ones share their connections. */
export interface TlsMaterial {
  readonly ca?: Buffer | string | undefined;
  readonly cert?: Buffer | string | undefined;
  readonly key?: Buffer | string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
}

/** Idle connections are closed after this long, well before load balancers drop them silently (60 s and more). */
const IDLE_MS = 30_000;
const MOST_IDLE = 8;
/** After this much silence the kernel asks whether the other end still lives. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/**
 * The connections to one server: one keep-alive agent for each set of TLS material. When a certificate is rotated, new
 * requests get a new agent; those under way on the old one finish, then its connections close.
 */
export class AgentPool {
  readonly #protocol: string;
  readonly #proxyUrl: string | undefined;
  #current: { readonly material: TlsMaterial; readonly agent: http.Agent } | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #agents = new Set<http.Agent>();

  /** @param protocol `http:` or `https:` */
  constructor(protocol: string, proxyUrl: string | undefined) {
    this.#protocol = protocol;
    this.#proxyUrl = proxyUrl;
  }

  /**
   * @param socksAgent used instead of an agent of our own where the way leads through a SOCKS proxy. client-node makes one
   *   for every call; the first one of the same material is kept, so that connections are shared there too
   */
  agentFor(material: TlsMaterial, socksAgent: http.Agent | undefined): http.Agent {
    if (this.#current && isSame(this.#current.material, material)) return this.#current.agent;
    if (this.#current) this.#retire(this.#current.agent);
    const agent = (this.#proxyUrl?.startsWith('socks') && socksAgent) || this.#make(material);
    this.#agents.add(agent);
    this.#current = { material, agent };
    return agent;
  }

  /** Closes every connection, also those in use. Settles when the last one is closed. */
  async close(): Promise<void> {
    for (const agent of this.#agents) agent.destroy();
    await Promise.all(
      [...this.#sockets].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).destroy()),
      ),
    );
  }

  #make(material: TlsMaterial): http.Agent {
    const options: https.AgentOptions = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_PROBE_MS,
      // An idle socket is destroyed when this passes; for one in use it only raises an event that nobody listens to,
      // so a silent watch is not cut by it.
      timeout: IDLE_MS,
      maxFreeSockets: MOST_IDLE,
      ...(this.#proxyUrl !== undefined && { proxyEnv: { HTTP_PROXY: this.#proxyUrl, HTTPS_PROXY: this.#proxyUrl } }),
    };
    return this.#protocol === 'http:' ? new http.Agent(options) : new https.Agent({ ...options, ...defined(material) });
  }

  /** Lets an agent's idle connections go now, and each of the others as soon as its request is done. */
  #retire(agent: http.Agent): void {
    this.#agents.delete(agent);
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** Remembers a connection until it is closed, so that `close` can wait for it. */
  watch(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function isSame(left: TlsMaterial, right: TlsMaterial): boolean {
  return (
    sameBytes(left.ca, right.ca) &&
    sameBytes(left.cert, right.cert) &&
    sameBytes(left.key, right.key) &&
    left.servername === right.servername &&
    left.rejectUnauthorized === right.rejectUnauthorized
  );
}

function sameBytes(left: Buffer | string | undefined, right: Buffer | string | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return Buffer.from(left).equals(Buffer.from(right));
}

function defined(material: TlsMaterial): https.AgentOptions {
  return Object.fromEntries(Object.entries(material).filter(([, value]) => value !== undefined));
}
