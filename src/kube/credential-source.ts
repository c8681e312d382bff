import type http from 'node:http';
import type https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Clock } from '../ambient/clock.ts';
import type { TlsMaterial } from './agent-pool.ts';
import { KubeError } from './errors.ts';

/** What one request to the API server is authenticated with. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** `user:password`, for basic authentication. */
  readonly auth?: string;
  readonly tls: TlsMaterial;
  /** The agent that client-node made. Only of use where a SOCKS proxy is in the way. */
  readonly agent?: http.Agent | undefined;
}

/** A server that answers 401 to everything must not make us run the credential plugin for every request. */
const RENEW_AFTER_MS = 5_000;

/**
 * The credentials of a kubeconfig, through client-node's KubeConfig: static ones, token files, exec plugins, OIDC,
 * in-cluster. It works on a copy, because KubeConfig caches tokens inside itself (a token file for 60 seconds, a
 * plugin's token until it expires) and offers no way to drop them: renewing means a fresh copy. Authenticators that
 * were added to the config by `addAuthenticator` are not carried over.
 */
export class CredentialSource {
  readonly #given: KubeConfig;
  readonly #clock: Clock;
  #copy: KubeConfig;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(config: KubeConfig, clock: Clock) {
    this.#given = config;
    this.#clock = clock;
    this.#copy = copyOf(config);
  }

  /** @throws KubeError with reason `CredentialsUnavailable` */
  async current(): Promise<Credentials> {
    const options: https.RequestOptions = {};
    try {
      await this.#copy.applyToHTTPSOptions(options);
    } catch (error) {
      throw this.#unavailable(error);
    }
    const { ca, cert, key, servername, rejectUnauthorized, headers, auth, agent } = options;
    return {
      headers: textHeaders(headers),
      ...(auth && { auth }),
      tls: { ca: bytes(ca), cert: bytes(cert), key: bytes(key), servername, rejectUnauthorized },
      agent: typeof agent === 'object' ? agent : undefined,
    };
  }

  /** Forgets what is cached. False when that was done just now, so that it would not help. */
  renew(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#renewedAt < RENEW_AFTER_MS) return false;
    this.#renewedAt = now;
    this.#copy = copyOf(this.#given);
    return true;
  }

  /** Neither the original error nor its message is passed on: a plugin's output, which may hold a token, is in it. */
  #unavailable(error: unknown): KubeError {
    const user = this.#given.getCurrentUser();
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
    const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined;
    const command: unknown = user?.exec?.command;
    const why =
      typeof command === 'string'
        ? `its credential plugin ${command} ${code === 'ENOENT' ? 'is not installed or not on the PATH' : `failed${code ? ` (${code})` : ''}: run it by hand to see why`}`
        : path !== undefined
          ? `the file ${path} cannot be read (${code})`
          : `they cannot be had${code ? ` (${code})` : ''}`;
    return new KubeError(`credentials of the kubeconfig user ${user?.name ?? '(none)'}: ${why}`, {
      status: 0,
      reason: 'CredentialsUnavailable',
    });
  }
}

function copyOf(config: KubeConfig): KubeConfig {
  const copy = new KubeConfig();
  copy.loadFromOptions({
    // For a server over plain http KubeConfig refuses to make an agent unless told that there is no TLS to verify.
    clusters: config
      .getClusters()
      .map((cluster) => (cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster)),
    users: config.getUsers(),
    contexts: config.getContexts(),
    currentContext: config.getCurrentContext(),
  });
  return copy;
}

/** Trimmed: a token file that ends in a newline makes a header that Node refuses to send. */
function textHeaders(headers: https.RequestOptions['headers']): Record<string, string> {
  const entries = Array.isArray(headers) ? [] : Object.entries(headers ?? {});
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value).trim()] as const])),
  );
}

function bytes(value: unknown): Buffer | string | undefined {
  return Buffer.isBuffer(value) || typeof value === 'string' ? value : undefined;
}
